"""What stores are made of again."""

import gzip
from pathlib import Path

import pytest

import taximeter
from event_samples import call, write_lines, write_store
from sink_doubles import FailingSink
from taximeter.errors import ConfigurationError
from taximeter.event import encode_event
from taximeter.store import Store, StoreError
from taximeter.store.pruning import prune_store
from taximeter.store.rebuilding import Rebuilding, build_store, rebuild_store
from taximeter.store.soundness import check_store
from taximeter.store.upkeep import opened_for_upkeep


def test_lines_and_journals_make_a_new_store(tmp_path: Path) -> None:
    """Each event once, whichever of them it stands in; the journal is left as it is."""
    calls = [call(), call("b"), call("c")]
    write_lines(tmp_path / "events.ndjson", calls[:2])
    with gzip.open(tmp_path / "more.gz", "wb") as file:
        file.write(encode_event(calls[1]) + b"\n{broken\n")
    with taximeter.start(FailingSink(), journal=tmp_path / "journal", close_timeout_s=0.05) as tracker:
        tracker.track_task_completion(calls[2])
    segments = {file.name: file.read_bytes() for file in (tmp_path / "journal").glob("*.segment")}
    sources = [tmp_path / name for name in ("events.ndjson", "more.gz", "journal")]
    built = build_store(tmp_path / "new.db", sources)
    assert built == Rebuilding(calls=3, read=5, unreadable=1)
    assert {file.name: file.read_bytes() for file in (tmp_path / "journal").glob("*.segment")} == segments
    with Store(tmp_path / "new.db") as store:
        assert sorted(store.events(), key=lambda event: event.event_id) == calls
    assert check_store(tmp_path / "new.db").is_sound
    assert not [*tmp_path.glob("new.db?*")]


def test_nothing_is_left_of_a_store_that_could_not_be_made(tmp_path: Path) -> None:
    """Neither the store nor the beginning of one; and one that is there is not touched."""
    write_lines(tmp_path / "events.ndjson", [call()])
    (tmp_path / "new.db.unfinished-wal").write_bytes(b"of an attempt that a power cut ended")
    (tmp_path / "torn.gz").write_bytes(gzip.compress(encode_event(call()) * 100)[:-20])
    for source in ("missing.ndjson", "torn.gz"):
        with pytest.raises((ConfigurationError, StoreError)):
            build_store(tmp_path / "new.db", [tmp_path / "events.ndjson", tmp_path / source])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.ndjson", "torn.gz"]
    (tmp_path / "new.db").write_text("mine")
    with pytest.raises(ConfigurationError, match="not there yet"):
        build_store(tmp_path / "new.db", [tmp_path / "events.ndjson"])
    assert (tmp_path / "new.db").read_text() == "mine"


def test_what_was_pruned_is_counted_after_a_rebuild(tmp_path: Path) -> None:
    """Its sums are the only place where it is known."""
    path = write_store(tmp_path / "usage.db", [call(), call(started_at_us=2_100_000_000_000_000)])
    prune_store(path, 2_000_000_000_000_000)
    assert rebuild_store(path).calls == 1
    with Store(path) as store:
        assert store.totals()[0].totals.calls == 2
    assert check_store(path).is_sound


def test_somebody_who_never_stops_writing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """The store is named in what is raised."""
    path = write_store(tmp_path / "usage.db", [call()])
    with opened_for_upkeep(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StoreError, match=r"usage\.db: .*locked"),
            opened_for_upkeep(path, patience_s=0.01),
        ):
            pass
        other.execute("ROLLBACK")
