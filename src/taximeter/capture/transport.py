"""Transport: stands in front of a transport of httpx or httpx2 and meters what passes."""

from contextlib import suppress
from typing import Any

from taximeter.capture.address import endpoint_at
from taximeter.capture.call import Call
from taximeter.capture.decoder import decoder_for
from taximeter.capture.decompressed import decompressed, is_read_by
from taximeter.capture.recorder import Recorder
from taximeter.capture.refusal import refused
from taximeter.capture.sending import Sending
from taximeter.capture.signature import REFUSALS, is_signed
from taximeter.capture.stream import metered_stream
from taximeter.errors import BudgetError
from taximeter.providers import Endpoint, ask_for_usage

_FIRST_ERROR = 400
_TELLING = frozenset({"llama.cpp"})
"""Servers whose streams end with their counts anyway, and where asking moves these into another chunk."""

_ABOUT_THE_BODY = frozenset({b"transfer-encoding", b"content-length", b"accept-encoding"})


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
            call.reserve()
        except BudgetError as refusal:
            return refused(request, refusal)
        try:
            response = self._inner.handle_request(sent)
            if sent is not request and response.status_code >= _FIRST_ERROR:
                if not response.is_closed:
                    response = _in_hand(response, b"".join(response.iter_raw()), sent)
                if _may_be_our_fault(response):
                    response = self._inner.handle_request(request)
                    _answer_as_written(call, request, response)
        except BaseException as error:
            call.fail(error)
            raise
        return _follow(call, request, response)

    async def handle_async_request(self, request: Any) -> Any:
        """Send *request* and return the response, its stream metered."""
        call, sent = _begin(self._recorder, request)
        if call is None:
            return await self._inner.handle_async_request(request)
        try:
            await call.areserve()
        except BudgetError as refusal:
            return refused(request, refusal)
        try:
            with Sending():
                response = await self._inner.handle_async_request(sent)
            if sent is not request and response.status_code >= _FIRST_ERROR:
                if not response.is_closed:
                    response = _in_hand(
                        response, b"".join([chunk async for chunk in response.aiter_raw()]), sent
                    )
                if _may_be_our_fault(response):
                    with Sending():
                        response = await self._inner.handle_async_request(request)
                    _answer_as_written(call, request, response)
        except BaseException as error:
            call.fail(error)
            raise
        return _follow(call, request, response)


def _begin(recorder: Recorder, request: Any) -> tuple[Call | None, Any]:
    """Return the call to follow, None when the request is no inference, and the request to send."""
    try:
        endpoint = endpoint_at(request.method, str(request.url), request.headers, recorder.hosts)
        if endpoint is None:
            return None, request
        body = _body_in_memory(request)
        headers = _in_text(request.headers)
        asking = None
        if body and recorder.invisible_usage:
            asking = _asking(recorder, endpoint, request, headers, body)
        call = Call(recorder, endpoint, body, headers, asked_for_usage=asking is not None)
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None, request
    return call, asking or request


def _in_text(headers: Any) -> dict[str, str]:
    """Return all headers at once: the libraries take longer to look a single one up."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


def _body_in_memory(request: Any) -> bytes | None:
    """Return the request's body unless it is a stream, which only the server may read."""
    stream = request.stream
    return b"".join(stream) if type(stream).__name__ == "ByteStream" else None


def _asking(
    recorder: Recorder, endpoint: Endpoint, request: Any, headers: dict[str, str], body: bytes
) -> Any | None:
    """Return the request that also asks for the usage; None when there is nothing to ask, or the body is signed."""
    if request.url.netloc in recorder.unasked:
        return None
    asking = ask_for_usage(endpoint, body)
    return None if asking is None or is_signed(headers) else _with_body(request, asking)


def _in_hand(response: Any, body: bytes, request: Any) -> Any:
    """Return an error's response with its raw body read already; the application still reads it in any way it likes."""
    stream = type(request.stream)(body)
    return type(response)(
        response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
    )


def _may_be_our_fault(response: Any) -> bool:
    """Whether an error may come from what we have added; then the server gets the application's own request."""
    if response.status_code in REFUSALS:
        return True
    body: bytes = response.content if response.is_closed else b"".join(response.stream)
    with suppress(Exception):  # it is looked at as it is, then
        body = b"".join(decoder_for(response.headers.get("content-encoding", ""))(body))
    return b"stream_options" in body or b"include_usage" in body


def _answer_as_written(call: Call, request: Any, response: Any) -> None:
    """Note that *response* answers the application's own request; where that went well, nothing is asked any more."""
    call.sent_as_written()
    if response.is_success:
        call.recorder.unasked.add(request.url.netloc)


def _with_body(request: Any, body: bytes) -> Any:
    """Return the request with another body; the application's own object stays as it is.

    The answer is asked for uncompressed, because an event can only be taken out of bytes that can be read.
    """
    headers = [header for header in request.headers.raw if header[0].lower() not in _ABOUT_THE_BODY]
    headers += [(b"content-length", b"%d" % len(body)), (b"accept-encoding", b"identity")]
    changed = type(request)(
        request.method,
        request.url,
        headers=headers,
        stream=type(request.stream)(body),
        extensions=request.extensions,
    )
    changed.read()  # it is in memory, and some transports ask for it
    return changed


def _follow(call: Call, request: Any, response: Any) -> Any:
    """Let the call see the response, and return the one that the application gets."""
    try:
        headers = _in_text(response.headers)
        call.respond(response.status_code, headers)
        if call.shows_usage and is_read_by(request, headers["content-encoding"]):
            call.take_decoded()
            response = decompressed(response)
        elif call.shows_usage:  # to this caller once, and never again
            call.recorder.unasked.add(request.url.netloc)
        if headers.get("server", "").lower() in _TELLING:
            call.recorder.unasked.add(request.url.netloc)
        if response.is_closed:  # made in memory, by a mock or a cache
            return _follow_in_memory(call, response)
        response.stream = metered_stream(response.stream, call)
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()
    return response


def _follow_in_memory(call: Call, response: Any) -> Any:
    body = response.content
    forwarded = call.arrive(body) + call.rest()
    if forwarded != body:
        response = _with_content(response, forwarded)
    call.see_body(body)
    return response


def _with_content(response: Any, content: bytes) -> Any:
    headers = response.headers.copy()
    if "content-length" in headers:
        headers["content-length"] = str(len(content))
    return type(response)(
        response.status_code, headers=headers, content=content, extensions=response.extensions
    )


def metered(transport: Any, recorder: Recorder) -> MeteredTransport:
    """Return *transport* metered; one that already is changes its recorder."""
    inner = transport._inner if isinstance(transport, MeteredTransport) else transport  # noqa: SLF001 - our own class
    return MeteredTransport(inner, recorder)


def overheard(transport: Any, recorder: Recorder) -> MeteredTransport:
    """Return *transport* metered; one that already is keeps its meter, and *recorder* hears of the same calls."""
    return (
        transport.heard_by(recorder)
        if isinstance(transport, MeteredTransport)
        else metered(transport, recorder)
    )
