"""Consoles: what people read goes out coloured and fitted to a terminal, plain and uncut anywhere else."""

import sys

from rich.console import Console
from rich.text import Text

from taximeter.cli.message import printable

_UNBOUNDED = 100_000


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `run_app` to end; on its own Rich would end with the code for data that cannot be read."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return the console for stdout or stderr, as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return _Console(
        file=stream,
        width=None if terminal else _UNBOUNDED,  # nobody's columns are cut off in a pipe
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not terminal,
    )


def plain(value: object, style: str = "") -> Text:
    """Return a value as it stands, in a style."""
    return Text(printable(value), style=style)
