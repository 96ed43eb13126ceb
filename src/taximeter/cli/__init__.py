"""The command line."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    _open_missing_streams()
    try:
        from taximeter.cli.app import run_app  # noqa: PLC0415 - its parts are an extra, which may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
            raise
        sys.stderr.write("taximeter: the command line is an extra: pip install 'taximeter[cli]'\n")
        sys.exit(2)
    sys.exit(run_app(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Give output that was closed (`2>&-`) somewhere to go: whoever closed it wants to hear nothing, not an error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
