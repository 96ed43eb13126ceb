"""Messages: one line on stderr when something is wrong, safe to show whatever it quotes."""

import sys


def printable(value: object) -> str:
    """Return a value's text without what would steer a terminal: names in events are other people's input."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))


def complain(message: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    sys.stderr.write(f"taximeter: {printable(' '.join(message.split()))}\n")
