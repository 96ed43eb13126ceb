"""Response of urllib3: lets a call see what is read of it; the sessions of requests and of botocore stand on it."""

from collections.abc import Callable, Generator, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from taximeter.capture.call import Call

if TYPE_CHECKING:
    from urllib3 import HTTPResponse as _Base
else:
    _Base = object  # urllib3 is not imported for this: the response's own class comes next in line


def follow_reads(raw: Any, call: Call) -> None:
    """Let *call* see what is read of a response of urllib3, and hold back what it holds back."""
    response_class: type = type(raw)
    raw.taximeter_call = call
    raw.__class__ = _metered_class(response_class)


@cache
def _metered_class(response_class: type) -> type:
    """Return a subclass to put in the place of a response's own: applications go on reading the very same object."""
    return type("MeteredHTTPResponse", (_MeteredResponse, response_class), {})


class _MeteredResponse(_Base):
    """The ways in which bytes leave a response of urllib3; whatever else it has leads through these."""

    taximeter_call: Call
    taximeter_reads = False

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        self._note_decoding(*args, **kwargs)
        return self._seen(partial(super().read, amt, *args, **kwargs), amt)

    def read1(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        self._note_decoding(*args, **kwargs)
        return self._seen(partial(super().read1, amt, *args, **kwargs), amt or 1)

    def _note_decoding(self, decode_content: bool | None = None, *_: Any, **__: Any) -> None:
        if self.decode_content if decode_content is None else decode_content:
            self.taximeter_call.take_decoded()

    def _seen(self, read: Callable[[], bytes], amt: int | None) -> bytes:
        call = self.taximeter_call
        while True:
            try:
                data = read()
            except BaseException as error:
                call.fail(error)
                raise
            left = call.arrive(data)
            if amt is None or amt < 0 or (amt > 0 and not data):
                left += call.rest()
                call.end()
                return left
            if left or not data:  # nothing would say that this is the end
                return left

    def read_chunked(self, amt: int | None = None, *args: Any, **kwargs: Any) -> Generator[bytes]:
        self._note_decoding(*args, **kwargs)
        call, chunks = self.taximeter_call, super().read_chunked(amt, *args, **kwargs)
        try:
            while (chunk := self._next_of(chunks)) is not None:
                if chunk:
                    yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            if isinstance(error, Exception) and (rest := call.rest()):
                yield rest
            call.fail(error)
            raise
        if rest := call.rest():
            yield rest
        call.end()

    def _next_of(self, chunks: Iterator[bytes]) -> bytes | None:
        self.taximeter_reads = True
        try:
            return self.taximeter_call.arrive(next(chunks))
        except StopIteration:
            return None
        finally:
            self.taximeter_reads = False

    def stream(self, *args: Any, **kwargs: Any) -> Generator[bytes]:
        yield from super().stream(*args, **kwargs)  # its chunks come through the others
        self.taximeter_call.end()

    def close(self) -> None:
        try:
            super().close()
        finally:
            # urllib3 closes a response that is wrong first, and says what is wrong with it then.
            if not self.taximeter_reads:
                self.taximeter_call.leave()
