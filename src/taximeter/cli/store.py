"""`taximeter store`: whether a store is whole, and what keeps it small and right."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from taximeter.cli.console import console, plain
from taximeter.cli.output_format import write_json
from taximeter.report.money import plural
from taximeter.report.window import format_moment, read_zone
from taximeter.store.pruning import Pruning, find_prunable, prune_store, read_keep
from taximeter.store.rebuilding import build_store, rebuild_store
from taximeter.store.soundness import check_store
from taximeter.store.vacuum import vacuum_store


def check(path: Path, *, as_json: bool) -> int:
    """Print what is wrong with a store; return 0 when nothing is, or else 1.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store.
    """
    found = check_store(path)
    if as_json:
        write_json({"sound": found.is_sound, **msgspec.structs.asdict(found)})
        return 0 if found.is_sound else 1
    for problem in found.problems:
        console().print(plain(problem, "red"))
    verdict = "sound" if found.is_sound else f"not sound: {plural(len(found.problems), 'problem')}"
    console().print(plain(f"{path}: {plural(found.calls, 'call')}, layout {found.layout}, {verdict}"))
    return 0 if found.is_sound else 1


def vacuum(path: Path) -> None:
    """Give unused space back, and print how much it was.

    Raises:
        ConfigurationError: There is no such file.
        StoreError: The file is no store, or somebody else writes it without a pause.
    """
    before, after = vacuum_store(path)
    line = f"{path}: {before - after:,} bytes given back, {after:,} left"
    console().print(plain(line))


def prune(
    path: Path,
    keep: str,
    *,
    keep_content: str | None,
    tz: str,
    keep_sums: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take old events out, or say what would be, and print it.

    Raises:
        ConfigurationError: There is no such file, time or zone.
        StoreError: The file is no store, or somebody else writes it without a pause.
    """
    zone = read_zone(tz, "--tz")
    before_us = read_keep(keep, zone)
    contents_before_us = None if keep_content is None else read_keep(keep_content, zone)
    pruned = (find_prunable if dry_run else prune_store)(
        path, before_us, keep_sums=keep_sums, contents_before_us=contents_before_us
    )
    if as_json:
        write_json({"dry_run": dry_run, "keep_sums": keep_sums, **msgspec.structs.asdict(pruned)})
        return
    verb = "would be taken out" if dry_run else "taken out"
    since = format_moment(pruned.before_us, zone)
    console().print(
        plain(f"{path}: {_counted(pruned)} from before {since} {verb}; {_sums(pruned, keep_sums)}")
    )
    if pruned.calls and not dry_run:
        console().print(plain("taximeter store vacuum gives the space back"))


def _counted(pruned: Pruning) -> str:
    counts = [plural(pruned.calls, "call")]
    if pruned.moments:
        counts.append(plural(pruned.moments, "other event"))
    if pruned.contents:
        counts.append(f"what was said in {plural(pruned.contents, 'call')}")
    return " and ".join(counts)


def _sums(pruned: Pruning, keep_sums: bool) -> str:
    return "the sums stay" if keep_sums else f"{plural(pruned.sums, 'sum')} too"


def rebuild(path: Path, sources: Sequence[Path]) -> None:
    """Work out anew what a store works out from its calls, or make a new store of lines, and print what it has.

    Raises:
        ConfigurationError: There is no such file, or a new store would lie in the place of something.
        StoreError: A file cannot be read, or somebody else writes the store without a pause.
    """
    if not sources:
        console().print(
            plain(f"{path}: sums, indexes and views made anew of {plural(rebuild_store(path).calls, 'call')}")
        )
        return
    built = build_store(path, sources)
    console().print(plain(f"{path}: {plural(built.calls, 'call')} of {plural(built.read, 'line')}"))
    if built.unreadable:
        console(stderr=True).print(
            plain(f"taximeter: {plural(built.unreadable, 'line')} not an event, left out")
        )
