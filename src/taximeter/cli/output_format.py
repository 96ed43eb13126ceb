"""Formats: how an answer is written, for people or for programs."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from taximeter.cli.message import printable
from taximeter.errors import ConfigurationError, one_of
from taximeter.exports.formula import defused

FORMATS = ("table", "json", "csv", "markdown")

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MARKUP = re.compile(r"[\\|<>`*\[\]~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")

Cell = str | int | float | None


def read_format(name: str | None, *, as_json: bool = False) -> str:
    """Return which of the formats is meant.

    Args:
        name: `--format`; None means a table.
        as_json: Whether `--json` was given, which is short for `--format json`.

    Raises:
        ConfigurationError: There is no such format, or both options name different ones.
    """
    if name is not None and name not in FORMATS:
        raise ConfigurationError("--format", name, one_of(name, FORMATS))
    if as_json and name not in {None, "json"}:
        raise ConfigurationError("--format", name, "json where --json is given too")
    return "json" if as_json else name or "table"


def write_json(document: Any) -> None:
    """Print a value as JSON on several lines."""
    sys.stdout.buffer.write(json_document(document))


def json_document(value: Any) -> bytes:
    """Return a value as JSON on several lines, in UTF-8 whatever the locale's encoding is (RFC 8259, section 8.1)."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def write_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows as CSV in UTF-8 with a heading; None is an empty cell.

    Texts that look like a formula are defused, numbers stay as they are, and characters that would steer a terminal are
    replaced.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_inert(name) for name in names])
    writer.writerows([[_inert(cell) for cell in row] for row in rows])
    sys.stdout.buffer.write(buffer.getvalue().encode("utf-8", "replace"))


def _inert(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = "\n".join(map(printable, cell.splitlines()))  # a file may be shown on a terminal, too
    return text if _NUMBER.fullmatch(text) else defused(text)


def write_markdown(names: Sequence[str], numbers: Sequence[bool], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a Markdown table.

    Args:
        names: The heading.
        numbers: Which columns hold numbers, which stand to the right.
        rows: The cells as people read them; what would be markup in them is escaped.
    """
    lines = [names, ["---:" if number else "---" for number in numbers]]
    lines += [[escape_markdown(cell) for cell in row] for row in rows]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it stands, on one line."""
    return _MARKUP.sub(r"\\\g<0>", printable(" ".join(text.split())))
