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
            response_class: type = type(response.raw)
            response.raw.taximeter_call = call
            response.raw.__class__ = _metered_class(response_class)
        else:
            call.arrive(response.content)
            call.end()
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()
    return response


@cache
def _metered_class(response_class: type) -> type:
    """Return a subclass to put in the place of a response's own: applications go on reading the very same object."""
    return type("MeteredHTTPResponse", (_MeteredResponse, response_class), {})


class _MeteredResponse:
    """The ways in which bytes leave a response of urllib3; whatever else it has leads through these."""

    taximeter_call: Call
    taximeter_reads = False

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        return self._seen(lambda: super(_MeteredResponse, self).read(amt, *args, **kwargs), amt)  # type: ignore[misc]  # of the response's own class

    def read1(self, amt: int | None = None, *args: Any, **kwargs: Any) -> bytes:
        return self._seen(lambda: super(_MeteredResponse, self).read1(amt, *args, **kwargs), amt or 1)  # type: ignore[misc]  # the same

    def _seen(self, read: Callable[[], bytes], amt: int | None) -> bytes:
        call = self.taximeter_call
        try:
            data = read()
        except BaseException as error:
            call.fail(error)
            raise
        call.arrive(data)
        if amt is None or amt < 0 or (amt > 0 and not data):
            call.end()
        return data

    def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        chunks = super().read_chunked(*args, **kwargs)  # type: ignore[misc]  # the same
        while (chunk := self._next_of(chunks)) is not None:
            yield chunk
        self.taximeter_call.end()

    def _next_of(self, chunks: Iterator[bytes]) -> bytes | None:
        self.taximeter_reads = True
        try:
            return self.taximeter_call.arrive(next(chunks))
        except StopIteration:
            return None
        except BaseException as error:
            self.taximeter_call.fail(error)
            raise
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
