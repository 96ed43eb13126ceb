"""A reader that is metered gives what a plain one gives, in whatever pieces a body comes and is read."""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from list_tracker import ListTracker
from taximeter.capture.aiohttp_reader import follow_reads, reads_as_known
from taximeter.capture.call import Call
from taximeter.capture.recorder import Recorder
from taximeter.providers import Endpoint
from taximeter.vocabulary import Operation

ENDPOINT = Endpoint(provider="openai", wire_format="openai.chat", operation=Operation.CHAT)
WORD = '{"id":"x","model":"gpt-4.1-mini","choices":[{"index":0,"delta":{"content":"%s"}}]%s}'
USAGE = '{"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}'
WORDS = ("Hi", " there", "\\u00e9\\n", "")


def events(*documents: str) -> bytes:
    """Return server-sent events."""
    return b"".join(b"data: %s\n\n" % document.encode() for document in documents)


PLAIN = events(*(WORD % (word, "") for word in WORDS), "[DONE]")
ASKED = events(*(WORD % (word, ',"usage":null') for word in WORDS), USAGE, "[DONE]")

PLACES = st.lists(st.integers(0, len(ASKED)), max_size=12)
READS = st.lists(
    st.one_of(
        st.sampled_from([("readany",), ("readline",), ("readchunk",), ("read_nowait",), ("at_eof",)]),
        st.tuples(st.just("read"), st.integers(1, 300)),
        st.tuples(st.just("readexactly"), st.integers(1, 300)),
        st.tuples(st.just("readuntil"), st.sampled_from([b"\n\n", b"data: "])),
        st.tuples(st.just("read_nowait"), st.integers(1, 300)),
    ),
    min_size=1,
    max_size=6,
)


class Fed:
    """A response whose body comes in pieces, one with each turn of the event loop."""

    def __init__(
        self,
        body: bytes,
        places: list[int],
        *,
        breaks: bool = False,
        late_ends: bool = False,
        ends: bool = True,
    ) -> None:
        loop = asyncio.get_running_loop()
        connection: Any = _Connection()
        self.content: Any = aiohttp.StreamReader(connection, 64, loop=loop)
        self.headers = {"Transfer-Encoding": "chunked"}
        self._parts = cut(body, places)
        self._reader = self.content
        self._breaks = breaks
        self._late_ends = late_ends
        self._ends = ends
        self._reader.begin_http_chunk_receiving()
        self._feed()

    def _feed(self) -> None:
        if part := next(self._parts, b""):
            self._reader.feed_data(part)
            if self._late_ends:
                self._soon(self._end_chunk)
            else:
                self._end_chunk()
        elif self._breaks:
            self._reader.set_exception(aiohttp.ClientPayloadError("broken"))
        elif self._ends:
            self._reader.feed_eof()

    def _end_chunk(self) -> None:
        self._reader.end_http_chunk_receiving()
        self._soon(self._feed)

    def _soon(self, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(act)


class _Connection:
    """Is there, and cannot be held back."""

    connected = True
    _reading_paused = False

    def pause_reading(self) -> None:
        """Go on: the pieces come in any case."""

    def resume_reading(self, **_: Any) -> None:
        """Go on."""


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """Yield the parts between the places, those that are empty left out."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return (data[begin:end] for begin, end in pairwise(edges) if end > begin)


async def read_all(content: Any, reads: list[tuple[Any, ...]]) -> bytes:
    """Read to the end, in these ways in turn."""
    found: list[bytes] = []
    for name, *args in cycle(reads):
        if content.at_eof():
            return b"".join(found)
        if name in {"read_nowait", "at_eof"}:  # nothing may be there yet
            found.append(await content.readany())
        if name != "at_eof":
            found.append(await read(content, name, *args))
    raise AssertionError


async def read(content: Any, name: str, *args: Any) -> bytes:
    """Read once."""
    try:
        data = getattr(content, name)(*args)
        data = data if name == "read_nowait" else await data
    except asyncio.IncompleteReadError as error:
        return error.partial
    return bytes(data[0] if name == "readchunk" else data)


def call_on(tracker: ListTracker, *, asks: bool = True) -> Call:
    """Return a call whose answer begins, and which has asked for the usage."""
    call = Call(Recorder(tracker), ENDPOINT, b'{"stream":true}', {}, asked_for_usage=asks)
    call.respond(200, {"content-type": "text/event-stream"})
    return call


@given(places=PLACES, reads=READS, missing=st.integers(0, len(b"\n\n")))
def test_any_split_and_any_reads_give_the_same_bytes_and_one_event(
    places: list[int], reads: list[tuple[Any, ...]], missing: int
) -> None:
    """The application gets the stream that it would have got unasked, and the event has its tokens."""
    tracker = ListTracker()

    async def metered() -> bytes:
        response = Fed(ASKED[: len(ASKED) - missing], places)  # servers forget the last event's end
        follow_reads(response, call_on(tracker))
        return await read_all(response.content, reads)

    assert asyncio.run(metered()) == PLAIN[: len(PLAIN) - missing]
    event = tracker.event
    assert (event.outcome, event.actual_input_tokens, event.actual_output_tokens) == ("success", 5, 2)


@given(places=PLACES, end=st.integers(0, len(PLAIN)))
def test_bytes_before_a_break_are_the_same(places: list[int], end: int) -> None:
    """What came before a connection broke is read, and then the error that a plain reader raises."""
    tracker = ListTracker()

    async def until_it_breaks(*, metered: bool) -> bytes:
        response = Fed(PLAIN[:end], places, breaks=True)
        if metered:
            follow_reads(response, call_on(tracker))
        found = b""
        with pytest.raises(aiohttp.ClientPayloadError, match="broken"):  # noqa: PT012 - only the loop raises
            async for data in response.content.iter_any():
                found += data
        return found

    assert asyncio.run(until_it_breaks(metered=True)) == asyncio.run(until_it_breaks(metered=False))
    assert len(tracker.tracked) == 1


@given(places=PLACES, late_ends=st.booleans())
def test_chunks_are_those_of_the_server(places: list[int], late_ends: bool) -> None:
    """`readchunk` says where a chunk ends, as it does of a plain reader."""
    tracker = ListTracker()

    async def read_by_chunks(*, metered: bool) -> list[tuple[bytes, bool]]:
        response = Fed(PLAIN, places, late_ends=late_ends)
        if metered:
            follow_reads(response, call_on(tracker, asks=False))
        return [chunk async for chunk in response.content.iter_chunks()]

    assert asyncio.run(read_by_chunks(metered=True)) == asyncio.run(read_by_chunks(metered=False))


@pytest.mark.parametrize("late_ends", [False, True])
def test_chunk_that_is_taken_out_whole_leaves_no_end(late_ends: bool) -> None:
    """Where each event is a chunk, the chunks are those that would have come unasked."""
    tracker = ListTracker()

    async def read_by_chunks(body: bytes, *, metered: bool) -> list[tuple[bytes, bool]]:
        ends = [found.end() for found in re.finditer(b"\n\n", body)]
        response = Fed(body, ends, late_ends=late_ends)
        if metered:
            follow_reads(response, call_on(tracker))
        return [chunk async for chunk in response.content.iter_chunks()]

    found = asyncio.run(read_by_chunks(ASKED, metered=True))
    assert found == asyncio.run(read_by_chunks(PLAIN, metered=False))


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_asked_of_a_reader_is_answered_as_before(tracker: ListTracker) -> None:
    """Limits, ends and errors are those of the reader that the connection feeds."""
    plain, response = Fed(PLAIN, []), Fed(PLAIN, [])
    fed = response.content
    follow_reads(response, call_on(tracker))
    ended: list[bool] = []
    for content in (plain.content, response.content):
        content.on_eof(lambda: ended.append(True))
        content.set_read_chunk_size(4096)
        await content.wait_eof()
        assert content.is_eof()
        assert not content.at_eof()
        assert content.get_read_buffer_limits() == (4096, 8192)
        assert content.exception() is None
        assert content.total_raw_bytes == len(PLAIN)
        assert repr(content).startswith("<StreamReader")
    assert fed.get_read_buffer_limits() == (4096, 8192)
    assert ended == [True, True]
    assert not tracker.tracked


def test_bytes_that_come_while_another_task_closes_go_to_who_waits() -> None:
    """Looking at what nobody will read takes nothing from somebody who is about to."""

    async def read_last(*, metered: bool) -> bytes:
        response = Fed(PLAIN, [], ends=False)
        fed = response.content
        if metered:
            follow_reads(response, call_on(ListTracker(), asks=False))
        await response.content.readany()
        reading = asyncio.ensure_future(response.content.readany())
        await asyncio.wait([reading], timeout=0)
        fed.feed_data(b"last")
        response.content.set_exception(aiohttp.ClientConnectionError("closed"))
        return bytes(await asyncio.wait_for(reading, timeout=9))

    assert asyncio.run(read_last(metered=True)) == asyncio.run(read_last(metered=False)) == b"last"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_empty_body_ends_at_once(tracker: ListTracker) -> None:
    """Where there is nothing to read, the reader is left as it is."""
    response = Fed(b"", [])
    before = response.content
    follow_reads(response, call_on(tracker))
    assert response.content is before
    assert len(tracker.tracked) == 1


class Elsewhere(aiohttp.StreamReader):
    """Waits in a place of its own, as a future reader may."""

    async def readany(self) -> bytes:
        """Look only at what is here."""
        return self._read_nowait(-1)


class Unlike:
    """Has another way to be made."""


@pytest.mark.parametrize("reader", [Elsewhere, Unlike])
def test_reader_of_another_kind_is_noticed(reader: Any) -> None:
    """Before anything is read, it is tried whether all ways to read find what there is."""
    assert reads_as_known(aiohttp.StreamReader)
    assert not reads_as_known(reader)
