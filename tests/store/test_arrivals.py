"""Calls in the order in which they came."""

import gzip
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from event_samples import NOVEMBER_US, call, write_lines, write_store
from sink_doubles import batch
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.sinks.sqlite import SqliteSink
from taximeter.store.arrivals import Arrivals, open_arrivals

Add = Callable[..., None]


def add_to_store(path: Path, *events: TaskCompletionEvent) -> None:
    async def write() -> None:
        sink = SqliteSink(path)
        await sink.write(batch(*events))
        await sink.aclose()

    anyio.run(write)


def add_lines(path: Path, *events: TaskCompletionEvent) -> None:
    with path.open("ab") as file:
        file.writelines(encode_event(event) + b"\n" for event in events)


@pytest.fixture(params=["usage.db", "events.ndjson"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Add]:
    """Return a file with two calls, the later one of which came first, and what adds more."""
    path = tmp_path / request.param
    calls = [call(agent="late", started_at_us=NOVEMBER_US + 9), call(agent="early")]
    if path.suffix == ".db":
        write_store(path, calls)
        return path, lambda *events: add_to_store(path, *events)
    write_lines(path, calls)
    return path, lambda *events: add_lines(path, *events)


def agents(events: object) -> list[str | None]:
    return [event.agent for event in events]  # type: ignore[attr-defined] # lists and iterators of calls alike


def test_calls_are_in_the_order_in_which_they_came(kept: tuple[Path, Add]) -> None:
    """Not of their beginnings: a slow call that ends now is new."""
    path, _ = kept
    with open_arrivals(path, {}) as arrivals:
        assert agents(arrivals.newest(5)) == ["late", "early"]


def test_what_comes_is_given_once(kept: tuple[Path, Add]) -> None:
    """Each call that came since the last question, of those that were asked for, and none that was there before."""
    path, add = kept
    with open_arrivals(path, {"provider": "openai"}) as arrivals:
        arrivals.newest(1)
        assert agents(arrivals.fresh()) == []
        again = call(agent="a", started_at_us=1)
        add(again, call(agent="b", provider="x"))
        add(again, call(agent="c"))
        assert agents(arrivals.fresh()) == ["a", "c"]
        assert agents(arrivals.fresh()) == []


def line_arrivals(path: Path) -> Arrivals:
    return open_arrivals(path, {})


def test_half_a_line_is_waited_for(tmp_path: Path) -> None:
    """A writer may be in the middle of it; what is no event at all is passed over."""
    path = write_lines(tmp_path / "e.ndjson", [])
    line = encode_event(call(agent="a")) + b"\n"
    with line_arrivals(path) as arrivals, path.open("ab", buffering=0) as file:
        file.write(b"no event\n" + line[:50])
        assert agents(arrivals.fresh()) == []
        file.write(line[50:])
        assert agents(arrivals.fresh()) == ["a"]


def test_a_file_that_was_emptied_begins_anew(tmp_path: Path) -> None:
    """Rotation by copying leaves the file in place."""
    path = write_lines(tmp_path / "e.ndjson", [call(), call()])
    with line_arrivals(path) as arrivals:
        arrivals.newest(1)
        write_lines(path, [])
        add_lines(path, call(agent="a"))
        assert agents(arrivals.fresh()) == ["a"]


def test_what_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    """A compressed file, one that is not there, and a name that is no dimension."""
    packed = tmp_path / "e.ndjson.gz"
    packed.write_bytes(gzip.compress(encode_event(call())))
    with pytest.raises(ConfigurationError, match="not compressed"):
        open_arrivals(packed, {})
    with pytest.raises(ConfigurationError, match="existing file"):
        open_arrivals(tmp_path / "missing.db", {})
    with pytest.raises(ConfigurationError, match="did you mean 'agent'"):
        open_arrivals(write_lines(tmp_path / "e.ndjson", []), {"agnet": "a"})
