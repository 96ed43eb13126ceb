"""Files of events."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from event_samples import EVENTS, call, write_lines, write_store
from taximeter.errors import ConfigurationError
from taximeter.event import CallStartedEvent, TaskCompletionEvent, encode_event
from taximeter.report.dimension import DIMENSIONS
from taximeter.store import EventFile, Store, StoreError, open_store


@settings(deadline=None)
@given(
    EVENTS,
    st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True),
    st.sampled_from([None, "reviewer"]),
)
def test_a_file_answers_what_a_store_answers(
    calls: list[TaskCompletionEvent], by: list[str], agent: str | None
) -> None:
    """The same events give the same totals, whichever way they were kept."""
    with tempfile.TemporaryDirectory() as folder:
        lines = EventFile(write_lines(Path(folder) / "events.ndjson", calls))
        with Store(write_store(Path(folder) / "usage.db", calls)) as store:
            assert lines.totals(by, where={"agent": agent}) == store.totals(by, where={"agent": agent})


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    """A broken line, a blank one and one of another kind do not stop the reading."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(
        b"\n".join([encode_event(call()), b"{broken", b"", encode_event(CallStartedEvent()), b"[1]"])
    )
    file = EventFile(path)
    assert [group.totals.calls for group in file.totals()] == [1]
    assert file.unreadable_lines == 2


def test_an_event_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    """The first with an id is the one, as in a database; a crash or a caller may have written it again."""
    first, other = call(nanos=7), call(nanos=5)
    again = structs.replace(first, actual_cost_usd_nanos=100)
    file = EventFile(write_lines(tmp_path / "events.ndjson", [first, other, first, again]))
    (group,) = file.totals()
    assert (group.totals.calls, group.totals.cost_usd_nanos) == (2, 12)
    assert list(file.events()) == [first, other]


@pytest.mark.parametrize("name", ["events.ndjson", "usage.db"])
@pytest.mark.parametrize("content", [b"", b"\n"], ids=["empty", "blank"])
def test_an_empty_file_is_an_empty_store(tmp_path: Path, name: str, content: bytes) -> None:
    """A program may have made it a moment ago."""
    (tmp_path / name).write_bytes(content)
    with open_store(tmp_path / name) as store:
        assert (store.totals(), list(store.events())) == ([], [])


def test_an_event_is_found_by_its_id(tmp_path: Path) -> None:
    """By id, or None."""
    event = call()
    with open_store(write_lines(tmp_path / "events.ndjson", [call(), event])) as file:
        assert file.event(event.event_id) == event
        assert file.event("nope") is None


@pytest.mark.parametrize("name", ["events.ndjson.gz", "events.db"])
def test_compression_is_read_from_the_content(tmp_path: Path, name: str) -> None:
    """A packed file is unpacked whatever its name says."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(encode_event(call()) + b"\n"))
    with open_store(path) as file:
        assert file.totals()[0].totals.calls == 1


def test_a_torn_archive_says_how_far_it_went(tmp_path: Path) -> None:
    """A compressed file cut in the middle is an error that names file and line."""
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(b"".join(encode_event(call()) + b"\n" for _ in range(200)))[:-30])
    with pytest.raises(StoreError, match=r"events\.gz: cannot be read beyond line \d+"):
        EventFile(path).totals()


def test_opening_tells_the_kinds_apart(tmp_path: Path) -> None:
    """SQLite, lines of events, neither, nothing there."""
    assert isinstance(open_store(write_store(tmp_path / "a", [])), Store)
    assert isinstance(open_store(write_lines(tmp_path / "b", [call()])), EventFile)
    (tmp_path / "c").write_text("hello")
    with pytest.raises(StoreError, match="neither"):
        open_store(tmp_path / "c")
    with pytest.raises(ConfigurationError, match="existing file"):
        open_store(tmp_path)
