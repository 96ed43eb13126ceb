"""AWS: meters what boto3's clients send, on the HTTP session of botocore, below their signatures and retries."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from taximeter.capture.address import endpoint_at
from taximeter.capture.call import Call
from taximeter.capture.recorder import Recorder

Send = Callable[[Any], Any]


def send_metered(send: Send, recorder: Recorder, request: Any) -> Any:
    """Send a prepared request of botocore with *send* and return its response; a `Call` follows an inference.

    Raises:
        BudgetError: There is no money for the call.
    """
    call = _begin(recorder, request)
    if call is None:
        return send(request)
    call.reserve()  # botocore raises on what this raises, and repeats only what the network has done
    try:
        response = send(request)
    except BaseException as error:
        call.fail(error)
        raise
    return _follow(call, request, response)


def _begin(recorder: Recorder, request: Any) -> Call | None:
    try:
        endpoint = endpoint_at(request.method, request.url, request.headers, recorder.hosts)
        if endpoint is None:
            return None
        body = request.body if isinstance(request.body, bytes) else None
        return Call(recorder, endpoint, body, _in_text(request.headers))
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None


def _in_text(headers: Any) -> dict[str, str]:
    return {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }


def _follow(call: Call, request: Any, response: Any) -> Any:
    """Let the call see the response; botocore has read it already unless the operation streams."""
    call.respond(response.status_code, response.headers)
    try:
        if request.stream_output:
            follow_reads(response.raw, call)
        else:
            call.arrive(response.content)
            call.end()
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()
    return response


def follow_reads(raw: Any, call: Call) -> None:
    """Let *call* see what is read of a response of urllib3, and hold back what it holds back."""
    response_class: type = type(raw)
    raw.taximeter_call = call
    raw.__class__ = _metered_class(response_class)


@cache
def _metered_class(response_class: type) -> type:
    """Return a subclass to put in the place of a response's own: applications go on reading the very same object."""
    return type("MeteredHTTPResponse", (_MeteredResponse, response_class), {})


class _MeteredResponse:
    """The ways in which bytes leave a response of urllib3; whatever else it has leads through these."""

    taximeter_call: Call
    decode_content: bool
    taximeter_reads = False

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        self._note_decoding(*args, **kwargs)
        return self._seen(lambda: super(_MeteredResponse, self).read(amt, *args, **kwargs), amt)  # type: ignore[misc]  # of the response's own class

    def read1(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        self._note_decoding(*args, **kwargs)
        return self._seen(lambda: super(_MeteredResponse, self).read1(amt, *args, **kwargs), amt or 1)  # type: ignore[misc]  # the same

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

    def read_chunked(self, amt: int | None = None, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        self._note_decoding(*args, **kwargs)
        call, chunks = self.taximeter_call, super().read_chunked(amt, *args, **kwargs)  # type: ignore[misc]  # the same
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

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        yield from super().stream(*args, **kwargs)  # type: ignore[misc]  # the same; its chunks come through the others
        self.taximeter_call.end()

    def close(self) -> None:
        try:
            super().close()  # type: ignore[misc]  # the same
        finally:
            # urllib3 closes a response that is wrong first, and says what is wrong with it then.
            if not self.taximeter_reads:
                self.taximeter_call.leave()
