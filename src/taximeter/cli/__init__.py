"""The command line."""

import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        from taximeter.cli.app import run_app  # noqa: PLC0415 - its parts are an extra, which may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
            raise
        sys.stderr.write("taximeter: the command line is an extra: pip install 'taximeter[cli]'\n")
        sys.exit(2)
    sys.exit(run_app(sys.argv[1:]))
