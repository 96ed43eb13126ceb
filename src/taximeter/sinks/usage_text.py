"""Usage text: a provider's usage object as the shape it shares with thousands of others, and its own numbers.

That is a tenth of the text. Shape and numbers give the text back letter by letter, also in plain SQL, because the shape
is a format string for `printf`.
"""

import re

MAX_NUMBERS = 32
"""A text with more of them stays as it is."""

_MAX_PATTERNS = 64

# What JSON and 64 bits can hold, so that SQL reads each number as what it is
_NUMBER = re.compile(r"(?<=[:,\[])(0|[1-9]\d{0,17})(?=[,}\]])")
_KNOWN_NUMBER = (
    "([0-9]{1,18}+)"  # JSON has no zeros in front, so that this finds the same in the place of a number
)


class UsageSplitter:
    """Splits texts; those of a kind mostly have the shape of the one before, which is a fifth of the work to check."""

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[re.Pattern[str], str]] = {}
        self._last: dict[int, tuple[re.Pattern[str], str]] = {}

    def split(self, text: str, kind: int) -> tuple[str | None, str]:
        """Return the shape and the numbers, separated by commas; None and the text itself where they are too many.

        Args:
            text: A usage object as JSON.
            kind: Any number that texts of one shape probably share.
        """
        last = self._last.get(kind)
        match = last[0].fullmatch(text) if last else None
        if last and match:
            return last[1], ",".join(match.groups())
        shape, numbers, pieces = _split(text)
        if shape is not None and (shape in self._shapes or len(self._shapes) < _MAX_PATTERNS):
            self._last[kind] = self._shapes.get(shape) or self._learn(shape, pieces)
        return shape, numbers

    def _learn(self, shape: str, pieces: list[str]) -> tuple[re.Pattern[str], str]:
        pattern = re.compile(_KNOWN_NUMBER.join(map(re.escape, pieces)))
        self._shapes[shape] = pattern, shape
        return self._shapes[shape]


def _split(text: str) -> tuple[str | None, str, list[str]]:
    parts = _NUMBER.split(text)
    if len(parts) > 2 * MAX_NUMBERS + 1:
        return None, text, []
    pieces = parts[::2]
    return "%s".join(piece.replace("%", "%%") for piece in pieces), ",".join(parts[1::2]), pieces


def joined_usage(shape: str, values: str) -> str:
    """Return the SQL that puts the text together again, from expressions for its two halves."""
    numbers = ", ".join(f"json_extract('[' || {values} || ']', '$[{at}]')" for at in range(MAX_NUMBERS))
    return f"CASE WHEN {shape} IS NULL THEN {values} ELSE printf({shape}, {numbers}) END"
