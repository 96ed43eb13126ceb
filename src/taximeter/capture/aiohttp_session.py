"""Session of aiohttp: meters what it sends, below its redirects, cookies and the application's own middlewares.

A middleware of ours comes last, closest to the wire: aiohttp promises that one sees each request, may send it twice,
and hands on the response. It is given with each request, because those that a request brings replace the session's.
"""

import sys
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from copy import copy
from functools import cache, partial
from inspect import signature
from typing import Any
from urllib.parse import urlsplit
from warnings import warn
from weakref import ref

from taximeter.capture.address import endpoint_at
from taximeter.capture.aiohttp_reader import follow_reads, reads_as_known
from taximeter.capture.call import Call
from taximeter.capture.header import headers_in_text
from taximeter.capture.recorder import Recorder
from taximeter.capture.replacement import installed_recorder
from taximeter.capture.sending import Sending, is_followed_above
from taximeter.capture.signature import REFUSALS, is_signed
from taximeter.providers import ask_for_usage

Request = Callable[..., Coroutine[Any, Any, Any]]
Handler = Callable[[Any], Awaitable[Any]]

_ABOUT_THE_BODY = ("Content-Length", "Accept-Encoding")
_DECOMPRESSED = frozenset({"gzip", "deflate", "br", "zstd"})
"""What aiohttp decompresses in its parser, unless told not to."""


def is_aiohttp_session(client: Any) -> bool:
    """Whether *client* is a session of aiohttp, told by name so that it is not imported."""
    return any(
        kind.__name__ == "ClientSession" and kind.__module__ == "aiohttp.client"
        for kind in type(client).__mro__
    )


def meter_aiohttp_session(session: Any, recorder: Recorder) -> None:
    """Meter *session*; where all are metered as well, both trackers hear of the same call."""
    if not is_known():
        return
    kind = type(session)
    itself = ref(session)  # one that nobody closes is collected, and warns, as early as ever

    def request(*args: Any, **options: Any) -> Any:
        other = installed_recorder(_base_of(kind)._request)  # noqa: SLF001 - all of its methods lead through this one
        heard = recorder if other is None else recorder.heard_by(other)
        return request_metered(kind._request, heard, itself(), *args, **options)  # noqa: SLF001 - and a subclass's own still runs

    vars(session)["_request"] = request  # in debug mode it warns of those who set an attribute


def _base_of(kind: type) -> Any:
    return next((base for base in kind.__mro__ if base.__module__ == "aiohttp.client"), kind)


def request_metered(request: Request, recorder: Recorder, session: Any, *args: Any, **options: Any) -> Any:
    """Return the coroutine of a session's own *request*, with a middleware more.

    It is no coroutine itself: warnings that aiohttp gives there name the line that is two frames above.
    """
    if is_known():
        options["middlewares"] = (*_middlewares(session, options), _meter(recorder, session, options))
    return request(session, *args, **options)


def _middlewares(session: Any, options: dict[str, Any]) -> Any:
    own = options.get("middlewares")
    return session._middlewares if own is None else own  # noqa: SLF001 - there is no other place to ask


def _meter(
    recorder: Recorder, session: Any, options: dict[str, Any]
) -> Callable[[Any, Handler], Awaitable[Any]]:
    decompresses = options.get("auto_decompress")
    return partial(_send_metered, recorder, session.auto_decompress if decompresses is None else decompresses)


@cache
def is_known() -> bool:
    """Whether this aiohttp is one that can be metered; that it cannot is said once."""
    aiohttp = sys.modules["aiohttp"]
    with suppress(Exception):  # what is not there is not as it was known
        if _has_all(aiohttp) and reads_as_known(aiohttp.StreamReader):
            return True
    with suppress(UserWarning):  # one that is an error would come up in the middle of a call
        warn(
            f"calls over this aiohttp are not metered: {aiohttp.__version__} is built differently",
            stacklevel=3,
        )
    return False


def _has_all(aiohttp: Any) -> bool:
    request = aiohttp.ClientSession._request  # noqa: SLF001 - whether it is there is what is asked
    return (
        {"middlewares", "auto_decompress"} <= signature(request).parameters.keys()
        and "_middlewares" in aiohttp.ClientSession.ATTRS
        and hasattr(aiohttp.BytesPayload, "as_bytes")
        and hasattr(aiohttp.ClientRequest, "update_body_from_data")
    )


async def _send_metered(recorder: Recorder, decompresses: bool, request: Any, handler: Handler) -> Any:
    """Send *request* with *handler*, unless a layer above follows it."""
    if is_followed_above():
        return await handler(request)
    call, sent = await _begin(recorder, request)
    if call is None:
        return await handler(request)
    await call.areserve()  # what this raises goes through aiohttp as it is
    try:
        with Sending():
            response = await handler(sent)
            if sent is not request and response.status in REFUSALS:
                response.release()
                response = await handler(request)
                call.sent_as_written()
                if response.ok:
                    recorder.unasked.add(_host(request))
    except CancelledError as error:
        call.fail(TimeoutError() if _has_timed_out(request) else error)
        raise
    except BaseException as error:
        call.fail(error)
        raise
    return _followed(call, request, sent, response, decompresses=decompresses)


def _has_timed_out(request: Any) -> bool:
    """Whether it is the limit on the whole request that cancels it: further up it becomes a timeout."""
    return getattr(getattr(request, "_timer", None), "_cancelled", False) is True


async def _begin(recorder: Recorder, request: Any) -> tuple[Call | None, Any]:
    """Return the call to follow, None when the request is no inference, and the request to send."""
    try:
        endpoint = endpoint_at(request.method, str(request.url), request.headers, recorder.hosts)
        if endpoint is None:
            return None, request
        body = await _body_in_memory(request)
        headers = headers_in_text(request.headers)
        asking = None
        if body and recorder.invisible_usage and _host(request) not in recorder.unasked:
            asking = None if is_signed(headers) else ask_for_usage(endpoint, body)
        sent = request if asking is None else _with_body(request, asking)
        return Call(recorder, endpoint, body, headers, asked_for_usage=asking is not None), sent
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None, request


async def _body_in_memory(request: Any) -> bytes | None:
    """Return the request's body unless it is a file or a stream, which only the server may read."""
    payload = request.body
    if isinstance(payload, sys.modules["aiohttp"].BytesPayload):
        return bytes(await payload.as_bytes())
    return None


def _host(request: Any) -> bytes:
    return str(urlsplit(str(request.url)).netloc).encode()


def _with_body(request: Any, body: bytes) -> Any:
    """Return the request with another body, its answer asked for uncompressed; the application's own stays as it is."""
    changed = copy(request)
    changed.headers = request.headers.copy()
    changed.update_body_from_data(body)
    if "Content-Length" in changed.headers:  # it may be sent in chunks
        changed.headers["Content-Length"] = str(len(body))
    changed.headers["Accept-Encoding"] = "identity"
    return changed


def _followed(call: Call, request: Any, sent: Any, response: Any, *, decompresses: bool) -> Any:
    """Let the call see the response, which nobody has read yet."""
    try:
        if sent is not request:
            _show_as_written(sent, request)
        headers = headers_in_text(response.headers)
        call.respond(response.status, headers)
        if decompresses and headers.get("content-encoding", "").lower() in _DECOMPRESSED:
            call.take_decoded()
        if call.shows_usage:  # to this caller once, and never again
            call.recorder.unasked.add(_host(request))
        follow_reads(response, call)
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()
    return response


def _show_as_written(sent: Any, request: Any) -> None:
    """Put the application's own headers where `response.request_info` looks at those that were sent."""
    for name in _ABOUT_THE_BODY:
        if name in request.headers:
            sent.headers[name] = request.headers[name]  # in its place, as it was
        else:
            sent.headers.pop(name, None)
