"""`taximeter report`: what was consumed, from a store."""

import sys
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from taximeter.cli.console import console, plain
from taximeter.cli.message import complain
from taximeter.cli.totals_table import print_totals
from taximeter.errors import ConfigurationError
from taximeter.report.dimension import read_dimensions
from taximeter.report.group import Group, grand_total
from taximeter.report.money import plural
from taximeter.report.window import Window, format_moment, read_moment, read_zone
from taximeter.store import EventFile, Store, open_store


def report(
    path: Path, by: Sequence[str], *, since: str | None, until: str | None, tz: str, as_json: bool
) -> None:
    """Print the totals of a store by dimension.

    Raises:
        ConfigurationError: An option that cannot be.
        StoreError: The file is no store.
    """
    names = read_dimensions(by)
    zone = read_zone(tz, "--tz")
    window = read_window(since, until, zone)
    with open_store(path) as store:
        groups = store.totals(names, window=window, zone=zone)
        if as_json:
            sys.stdout.write(_json(names, groups, window, tz))
        else:
            _print(path, names, groups, window, zone)
        mention_unreadable(store)


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


def _print(path: Path, names: tuple[str, ...], groups: list[Group], window: Window, zone: tzinfo) -> None:
    out = console()
    span = "" if window == Window() else f" {describe_window(window, zone)}"
    if not groups:
        out.print(plain(f"No calls in {path}{span}."))
        return
    total = grand_total(groups)
    print_totals(out, names, groups, total)
    out.print()
    out.print(plain(f"{plural(total.calls, 'call')}{span}: {total.money}"))


def describe_window(window: Window, zone: tzinfo) -> str:
    """Return the window in words, in local time."""
    since, until = (
        None if at is None else format_moment(at, zone) for at in (window.since_us, window.until_us)
    )
    return " ".join(part for part in (since and f"from {since}", until and f"before {until}") if part)


def _json(names: tuple[str, ...], groups: list[Group], window: Window, tz: str) -> str:
    def row(group: Group) -> dict[str, Any]:
        return {**dict(zip(names, group.key, strict=True)), **msgspec.structs.asdict(group.totals)}

    document = {
        "by": names,
        "tz": tz,
        "since_us": window.since_us,
        "until_us": window.until_us,
        "groups": [row(group) for group in groups],
        "total": msgspec.structs.asdict(grand_total(groups)),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def mention_unreadable(store: Store | EventFile) -> None:
    """Say on stderr how many lines of a file were left out, lest a damaged file looks like a clean one."""
    if isinstance(store, EventFile) and store.unreadable_lines:
        complain(f"{store.path}: {plural(store.unreadable_lines, 'line')} not an event, left out")
