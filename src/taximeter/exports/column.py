"""Columns: the names and kinds of what is exported, whatever the file is."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from taximeter.report.window import local_time


class Kind(StrEnum):
    """What a column holds."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    """An exact number with a fraction, such as dollars."""
    TIMESTAMP = "timestamp"
    """Unix time in UTC microseconds, as an integer, when it comes here."""
    JSON = "json"
    """The text of a JSON document."""


class Column(msgspec.Struct, frozen=True):
    """A column; `whole_seconds` writes its times without a fraction."""

    name: str
    kind: Kind = Kind.STRING
    whole_seconds: bool = False


Value = str | int | float | bool | Decimal | None
RowValues = Sequence[Value]


def moment_text(at_us: int, *, whole_seconds: bool = False) -> str:
    """Return an instant in ISO 8601, UTC: `2026-11-01T00:00:00.000000Z`, or its number beyond what calendars reach."""
    try:
        moment = local_time(at_us, UTC)
    except OverflowError:
        return str(at_us)
    return (
        f"{moment.replace(tzinfo=None).isoformat(timespec='seconds' if whole_seconds else 'microseconds')}Z"
    )


def json_text(value: Any) -> str | None:
    """Return a value as JSON; None stays None."""
    return None if value is None else msgspec.json.encode(value, order="sorted").decode()
