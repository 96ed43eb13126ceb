"""The command line."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    _prepare_streams()
    try:
        from taximeter.cli.app import run_app  # noqa: PLC0415 - its parts are an extra, which may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
            raise
        sys.stderr.write("taximeter: the command line is an extra: pip install 'taximeter[cli]'\n")
        sys.exit(2)
    sys.exit(run_app(sys.argv[1:]))


def _prepare_streams() -> None:
    """Make output always possible.

    What was closed (`2>&-`) goes nowhere: whoever closed it wants to hear nothing, not an error. What the encoding of
    the terminal cannot show is shown as a question mark.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end
        getattr(sys, name).reconfigure(errors="replace")
