"""FOCUS columns: what each version of the specification has, read from the table beside this file."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.exports.column import Column, Kind


class FocusColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the specification, or (`level` is Own) one of ours, and what stands in it."""

    name: str
    kind: Kind = Kind.STRING
    level: str
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    since: str = "1.2"
    until: str | None = None
    value: str

    def is_in(self, version: str) -> bool:
        """Whether a version of the specification has it."""
        at = _order(version)
        return _order(self.since) <= at and (self.until is None or at < _order(self.until))

    @property
    def column(self) -> Column:
        """The column as files have it."""
        return Column(self.name, self.kind, whole_seconds=True)


class FocusTable(msgspec.Struct, frozen=True, kw_only=True):
    """The table: versions, oldest first, and columns in the order of files."""

    versions: tuple[str, ...]
    columns: tuple[FocusColumn, ...]


@cache
def focus_table() -> FocusTable:
    """Return the table, read once."""
    text = files("taximeter.exports").joinpath("focus_columns.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), FocusTable)


def focus_columns(version: str) -> tuple[FocusColumn, ...]:
    """Return the columns of a version of FOCUS; those of the specification come first.

    Raises:
        ConfigurationError: No such version is known here.
    """
    table = focus_table()
    if version not in table.versions:
        raise ConfigurationError("--focus-version", version, one_of(version, table.versions))
    return tuple(column for column in table.columns if column.is_in(version))


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
