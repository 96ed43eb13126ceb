"""Transport: stands in front of a transport of httpx or httpx2 and meters what passes."""

from typing import Any

from taximeter.capture.call import Call
from taximeter.capture.recorder import Recorder
from taximeter.capture.stream import metered_stream
from taximeter.providers import Endpoint, ask_for_usage, identify

_REFUSALS = frozenset({400, 422})  # how servers answer to fields that they do not know
_TELLING = frozenset({"llama.cpp"})
"""Servers whose streams end with their counts anyway, and where asking moves these into another chunk."""

_SIGNATURES = frozenset({"content-digest", "content-md5", "digest", "signature", "x-amz-content-sha256"})


class MeteredTransport:
    """Hands each request on to *inner*, and keeps a `Call` beside those that are inferences.

    Everything else is the inner transport's own: limits, proxies, certificates, its life. It belongs to either library
    and to sync and async alike, so neither is imported.

    Args:
        inner: The transport that does the work.
        recorder: Where calls are recorded.
    """

    def __init__(self, inner: Any, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        if name in {"_inner", "_recorder"}:  # not there yet, while being copied
            raise AttributeError(name)
        return getattr(self._inner, name)

    def heard_by(self, recorder: Recorder) -> "MeteredTransport":
        """Return the same transport with another recorder that hears of its calls too."""
        return MeteredTransport(self._inner, self._recorder.heard_by(recorder))

    def handle_request(self, request: Any) -> Any:
        """Send *request* and return the response, its stream metered."""
        call, sent = _begin(self._recorder, request)
        if call is None:
            return self._inner.handle_request(request)
        try:
            response = self._inner.handle_request(sent)
            if sent is not request and response.status_code in _REFUSALS:
                response.read()
                if _refuses_to_tell(self._recorder, request, response):
                    response = self._inner.handle_request(request)
        except BaseException as error:
            call.fail(error)
            raise
        _follow(call, request, response)
        return response

    async def handle_async_request(self, request: Any) -> Any:
        """Send *request* and return the response, its stream metered."""
        call, sent = _begin(self._recorder, request)
        if call is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(sent)
            if sent is not request and response.status_code in _REFUSALS:
                await response.aread()
                if _refuses_to_tell(self._recorder, request, response):
                    response = await self._inner.handle_async_request(request)
        except BaseException as error:
            call.fail(error)
            raise
        _follow(call, request, response)
        return response


def _begin(recorder: Recorder, request: Any) -> tuple[Call | None, Any]:
    """Return the call to follow, None when the request is no inference, and the request to send."""
    try:
        endpoint = identify(request.method, str(request.url))
        if endpoint is None:
            return None, request
        body = _body_in_memory(request)
        asking = _asking(recorder, endpoint, request, body) if body and recorder.invisible_usage else None
        call = Call(recorder, endpoint, body, request.headers, asked_for_usage=asking is not None)
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None, request
    return call, asking or request


def _body_in_memory(request: Any) -> bytes | None:
    """Return the request's body unless it is a stream, which only the server may read."""
    stream = request.stream
    return b"".join(stream) if type(stream).__name__ == "ByteStream" else None


def _asking(recorder: Recorder, endpoint: Endpoint, request: Any, body: bytes) -> Any | None:
    """Return the request that also asks for the usage; None when there is nothing to ask, or the body is signed."""
    if request.url.netloc in recorder.unasked:
        return None
    if "aws4-" in request.headers.get("authorization", "").lower() or not _SIGNATURES.isdisjoint(
        request.headers
    ):
        return None
    asking = ask_for_usage(endpoint, body)
    return None if asking is None else _with_body(request, asking)


def _refuses_to_tell(recorder: Recorder, request: Any, response: Any) -> bool:
    """Whether a server refuses the call for what we have added to it; then it gets the application's own request."""
    if b"stream_options" not in response.content:
        return False
    recorder.unasked.add(request.url.netloc)
    return True


def _with_body(request: Any, body: bytes) -> Any:
    """Return the request with another body; the application's own object stays as it is.

    The answer is asked for uncompressed, because an event can only be taken out of bytes that can be read.
    """
    headers = request.headers.copy()
    headers.pop("transfer-encoding", None)
    headers["content-length"] = str(len(body))
    headers["accept-encoding"] = "identity"
    return type(request)(
        request.method, request.url, headers=headers, content=body, extensions=request.extensions
    )


def _follow(call: Call, request: Any, response: Any) -> None:
    call.respond(response.status_code, response.headers)
    try:
        if response.headers.get("server", "").lower() in _TELLING:
            call.recorder.unasked.add(request.url.netloc)
        if response.is_closed:  # made in memory, by a mock or a cache
            call.see_body(response.content)
        else:
            response.stream = metered_stream(response.stream, call)
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()


def metered(transport: Any, recorder: Recorder) -> MeteredTransport:
    """Return *transport* metered; one that already is stays as it is."""
    return transport if isinstance(transport, MeteredTransport) else MeteredTransport(transport, recorder)


def overheard(transport: Any, recorder: Recorder) -> MeteredTransport:
    """Return *transport* metered; one that already is keeps its meter, and *recorder* hears of the same calls."""
    return (
        transport.heard_by(recorder)
        if isinstance(transport, MeteredTransport)
        else metered(transport, recorder)
    )
