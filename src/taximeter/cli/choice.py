"""Choice: which calls a command is asked about, as people write it on the command line."""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

import msgspec

from taximeter.errors import ConfigurationError, one_of
from taximeter.report.dimension import COLUMNS, tag_of
from taximeter.report.window import ALWAYS, Window, format_moment, read_moment, read_zone


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A window of time, values that calls must have, and the zone that days are cut in."""

    window: Window = ALWAYS
    where: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    """Values by dimension; None means not known."""
    zone: tzinfo = UTC
    tz: str = "UTC"
    """The zone's name, as it was given."""

    def describe(self) -> str:
        """Return the choice in words, times in local time; nothing where it is all calls."""
        values = [f"{name}={value or ''}" for name, value in self.where.items()]
        parts = [f"with {', '.join(values)}" if values else "", describe_window(self.window, self.zone)]
        return " ".join(filter(None, parts))


def read_choice(
    *,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    where: Sequence[str] | None = None,
) -> Choice:
    """Return what the common options say.

    Args:
        since: `--since`; None leaves that side open.
        until: `--until`; None leaves that side open.
        tz: `--tz`.
        where: Each `--where`, as `dimension=value`; an empty value means not known.

    Raises:
        ConfigurationError: An option that cannot be, with the nearest that can.
    """
    zone = read_zone(tz, "--tz")
    return Choice(window=read_window(since, until, zone), where=read_where(where or ()), zone=zone, tz=tz)


def read_window(since: str | None, until: str | None, zone: tzinfo) -> Window:
    """Return the window between two moments as people write them; None leaves a side open.

    Raises:
        ConfigurationError: A moment that cannot be read, or an end that is not after its beginning.
    """
    since_us = None if since is None else read_moment(since, zone, key="--since")
    until_us = None if until is None else read_moment(until, zone, key="--until")
    if since_us is not None and until_us is not None and until_us <= since_us:
        raise ConfigurationError("--until", until, f"a moment after --since {since}")
    return Window(since_us, until_us)


def read_where(pairs: Sequence[str]) -> dict[str, str | None]:
    """Return the values that calls must have, by dimension; all of them at once.

    Raises:
        ConfigurationError: What is no `dimension=value`, or a second value for one dimension.
    """
    where: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in COLUMNS and tag_of(name) is None:
            raise ConfigurationError(
                "--where", pair, f"DIMENSION=VALUE, where DIMENSION is {one_of(name, (*COLUMNS, 'tag:NAME'))}"
            )
        if not equals:
            raise ConfigurationError(
                "--where", pair, f"{name}=VALUE; {name}= finds calls for which it is not known"
            )
        if where.setdefault(name, value or None) != (value or None):
            raise ConfigurationError("--where", pair, f"the only value of {name}, and there is one before it")
    return where


def describe_window(window: Window, zone: tzinfo) -> str:
    """Return the window in words, in local time."""
    since, until = (
        None if at is None else format_moment(at, zone) for at in (window.since_us, window.until_us)
    )
    return " ".join(part for part in (since and f"from {since}", until and f"before {until}") if part)
