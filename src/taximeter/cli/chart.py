"""Charts: bars and sparklines out of characters, for people who would rather look than read."""

from collections.abc import Sequence

from rich.console import Console

_EIGHTHS = " \N{LEFT ONE EIGHTH BLOCK}\N{LEFT ONE QUARTER BLOCK}\N{LEFT THREE EIGHTHS BLOCK}\N{LEFT HALF BLOCK}\N{LEFT FIVE EIGHTHS BLOCK}\N{LEFT THREE QUARTERS BLOCK}\N{LEFT SEVEN EIGHTHS BLOCK}\N{FULL BLOCK}"
_HEIGHTS = "\N{LOWER ONE EIGHTH BLOCK}\N{LOWER ONE QUARTER BLOCK}\N{LOWER THREE EIGHTHS BLOCK}\N{LOWER HALF BLOCK}\N{LOWER FIVE EIGHTHS BLOCK}\N{LOWER THREE QUARTERS BLOCK}\N{LOWER SEVEN EIGHTHS BLOCK}\N{FULL BLOCK}"
_ASCII_HEIGHTS = "_.-:=+*#"


def has_blocks(console: Console) -> bool:
    """Whether what the console writes to can show blocks."""
    try:
        (_EIGHTHS + _HEIGHTS).encode(console.encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def bar(value: int, most: int, width: int, *, blocks: bool = True) -> str:
    """Return a bar that is as long, in characters, as its value is a part of the most; what is little still shows.

    Args:
        value: What to show; nothing for 0 and below.
        most: The value of a bar of full width.
        width: In characters.
        blocks: Whether to use blocks, to an eighth of a character; else `#`.
    """
    if value <= 0 or most <= 0:
        return ""
    if not blocks:
        return "#" * max(value * width // most, 1)
    whole, part = divmod(max(value * width * 8 // most, 1), 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[part] if part else "")


def sparkline(values: Sequence[int], *, blocks: bool = True) -> str:
    """Return a character a value, the higher the more; a space for 0 and below."""
    heights = _HEIGHTS if blocks else _ASCII_HEIGHTS
    most = max(values, default=0)
    return "".join(
        heights[min(value * len(heights) // most, len(heights) - 1)] if value > 0 else " " for value in values
    )
