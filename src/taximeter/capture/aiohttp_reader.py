"""Reader of aiohttp: lets a call see what is read of a body, and holds back what it holds back.

aiohttp's parser writes into one reader, which the application reads in a dozen ways. A second reader of the same class
takes its place in the response, empty, and fetches from the first one whatever is asked of it. So all ways to read stay
aiohttp's own, and only one thing of theirs that is private is needed: that each of them calls `_wait` for more. Bytes
are seen in the task that reads them, when it does, and none is lost when it is cancelled while it waits.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from taximeter.capture.call import Call

if TYPE_CHECKING:
    from aiohttp import StreamReader as _Base
else:
    _Base = object  # aiohttp is not imported for this: the reader's own class comes next in line


_BLANK = b"\n\n"


def follow_reads(response: Any, call: Call) -> None:
    """Let *call* see what is read of a response of aiohttp, and hold back what it holds back."""
    content = response.content
    if content.at_eof():
        call.end()
        return
    is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    reader_class: type = type(content)
    response.content = _metered_class(reader_class)(content, call, is_chunked=is_chunked)


@cache
def _metered_class(reader_class: type) -> Any:
    return type(reader_class.__name__, (_MeteredReader, reader_class), {})


class _Nothing:
    """Stands where a reader has its connection and its loop: the second one never waits, nor holds anything back."""

    connected = True
    _reading_paused = False  # as it was asked before aiohttp 3.14

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self, **_: Any) -> None:
        """Do nothing."""


_NOTHING: Any = _Nothing()


class _MeteredReader(_Base):
    """Stands in front of the reader that the parser feeds."""

    def __init__(self, content: Any, call: Any, *, is_chunked: bool) -> None:
        self.taximeter_content = content
        self.taximeter_call = call
        self.taximeter_chunk_end = 0
        self.taximeter_is_fetching = False
        low_water, _ = content.get_read_buffer_limits()
        super().__init__(_NOTHING, low_water, loop=_NOTHING)
        if is_chunked:
            self.begin_http_chunk_receiving()

    async def _wait(self, func_name: str) -> None:
        """Fetch more: what reads has come to the end of what is here."""
        self.taximeter_is_fetching = True
        try:
            data, ends_chunk = await self._fetch(by_chunk=func_name == "readchunk")
        except RuntimeError:  # two that read at once: the first one goes on
            raise
        except Exception as error:
            if rest := self.taximeter_call.rest():
                self.feed_data(rest)  # the next to ask is told the error again
                return
            self.taximeter_call.fail(error)
            raise
        finally:
            self.taximeter_is_fetching = False
        self._feed(data)
        if ends_chunk:
            self._end_chunk()

    async def _fetch(self, *, by_chunk: bool) -> tuple[bytes, bool]:
        if by_chunk:
            chunk: tuple[bytes, bool] = await self.taximeter_content.readchunk()
            return chunk
        return await self.taximeter_content.readany(), False

    def _feed(self, data: bytes) -> None:
        if data:
            self.feed_data(_seen(self.taximeter_call, data))
        self._feed_end()

    def _end_chunk(self) -> None:
        """Note the end of a chunk, but for those that were taken out whole."""
        if self.total_bytes > self.taximeter_chunk_end:
            self.end_http_chunk_receiving()
            self.taximeter_chunk_end = self.total_bytes

    def _feed_end(self) -> None:
        if self.taximeter_content.at_eof() and not super().is_eof():
            self.feed_data(self.taximeter_call.rest())
            self.feed_eof()
            self.taximeter_call.end()

    def read_nowait(self, n: int = -1) -> bytes:
        self._feed(self.taximeter_content.read_nowait())
        return super().read_nowait(n)

    def at_eof(self) -> bool:
        self._feed_end()
        return super().at_eof()

    def is_eof(self) -> bool:
        return bool(self.taximeter_content.is_eof())

    async def wait_eof(self) -> None:
        await self.taximeter_content.wait_eof()

    def on_eof(self, callback: Callable[[], None]) -> None:
        self.taximeter_content.on_eof(callback)

    def exception(self) -> BaseException | None:
        return super().exception() or self.taximeter_content.exception()

    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        """Note that the response is closed or let go: the network's own errors go to the first reader."""
        if not self.taximeter_is_fetching:
            self._feed_rest()
        super().set_exception(exc, *cause)
        self.taximeter_content.set_exception(exc, *cause)
        self.taximeter_call.leave()

    def _feed_rest(self) -> None:
        """Look at what has come and will not be read: its tokens were spent all the same."""
        with suppress(Exception):  # there may be none, but an error
            self._feed(self.taximeter_content.read_nowait())

    def set_read_chunk_size(self, n: int) -> None:
        super().set_read_chunk_size(n)
        self.taximeter_content.set_read_chunk_size(n)

    @property
    def total_raw_bytes(self) -> int:
        return int(self.taximeter_content.total_raw_bytes)


def _seen(call: Call, data: bytes) -> bytes:
    """Show the events of a stream one by one: aiohttp joins all that have come, and single ones are known by sight."""
    if data.count(_BLANK) < 2:
        return call.arrive(data)
    *events, rest = data.split(_BLANK)
    return b"".join([call.arrive(event + _BLANK) for event in events]) + (rest and call.arrive(rest))


_READS: tuple[tuple[Any, ...], ...] = (
    ("read",),
    ("read", 2),
    ("readany",),
    ("readline",),
    ("readuntil", b"c"),
    ("readexactly", 4),
    ("readchunk",),
    ("read_nowait", 3),
)


@cache
def reads_as_known(reader_class: Any) -> bool:
    """Whether every way to read finds its bytes behind a second reader too; one day aiohttp's may look elsewhere."""
    try:
        return all(_rehearse(reader_class, *read) for read in _READS)
    except Exception:  # whatever it is, it is not what was known here
        return False


def _rehearse(reader_class: Any, name: str, *args: Any) -> bool:
    plain, below = _filled(reader_class), _filled(reader_class)
    metered = _metered_class(reader_class)(below, _Unconcerned(), is_chunked=True)
    return bool(_result(getattr(plain, name)(*args)) == _result(getattr(metered, name)(*args)))


def _filled(reader_class: Any) -> Any:
    reader = reader_class(_NOTHING, 64, loop=_NOTHING)
    reader.begin_http_chunk_receiving()
    reader.feed_data(b"ab\ncd")
    reader.end_http_chunk_receiving()
    reader.feed_eof()
    return reader


def _result(reading: Any) -> Any:
    """Return what is read; everything is there, so no loop is needed for it."""
    if not isawaitable(reading):
        return reading
    steps = reading.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    raise RuntimeError("waits for what is there")


class _Unconcerned:
    """A call that is none."""

    def arrive(self, chunk: bytes) -> bytes:
        """Pass everything on."""
        return chunk

    def rest(self) -> bytes:
        """Return nothing."""
        return b""

    def end(self) -> None:
        """Do nothing."""
