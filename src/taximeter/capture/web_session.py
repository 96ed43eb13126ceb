"""Web session: meters what a session of requests sends, on its adapters, below its redirects and cookies."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from taximeter.capture.address import endpoint_at
from taximeter.capture.call import Call
from taximeter.capture.header import headers_in_text
from taximeter.capture.recorder import Recorder
from taximeter.capture.replacement import installed_recorder
from taximeter.capture.signature import REFUSALS, is_signed
from taximeter.capture.urllib3_response import follow_reads
from taximeter.providers import ask_for_usage

Send = Callable[..., Any]

_SEEN = "taximeter_seen"
"""Marks a request that a session's own meter follows, so that the meter on all sessions leaves it alone."""


def is_web_session(client: Any) -> bool:
    """Whether *client* is a session of requests, told by name so that it is not imported."""
    return any(
        kind.__name__ == "Session" and kind.__module__ == "requests.sessions" for kind in type(client).__mro__
    )


def meter_web_session(session: Any, recorder: Recorder) -> None:
    """Meter the adapters that *session* picks, those included that are mounted later."""
    pick = type(session).get_adapter
    session.get_adapter = lambda *args, **options: _MeteredAdapter(pick(session, *args, **options), recorder)


class _MeteredAdapter:
    """Stands in front of an adapter, for one request."""

    def __init__(self, inner: Any, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        other = installed_recorder(_base_of(type(self._inner)).send)
        recorder = self._recorder if other is None else self._recorder.heard_by(other)
        setattr(request, _SEEN, True)
        try:
            return _follow(self._inner.send, recorder, request, args, options)
        finally:
            delattr(request, _SEEN)


def _base_of(kind: type) -> Any:
    return next((base for base in kind.__mro__ if base.__module__ == "requests.adapters"), kind)


def send_metered(
    send: Send, recorder: Recorder, adapter: Any, request: Any, *args: Any, **options: Any
) -> Any:
    """Send *request* with an adapter's own *send*, unless the session's meter does."""
    if hasattr(request, _SEEN):
        return send(adapter, request, *args, **options)
    return _follow(partial(send, adapter), recorder, request, args, options)


def _follow(send: Send, recorder: Recorder, request: Any, args: Any, options: Any) -> Any:
    call, sent = _begin(recorder, request)
    if call is None:
        return send(request, *args, **options)
    call.reserve()  # what this raises goes through requests as it is
    try:
        response = send(sent, *args, **options)
        if sent is not request and response.status_code in REFUSALS:
            response.close()
            response = send(request, *args, **options)
            call.sent_as_written()
            if response.ok:
                recorder.unasked.add(_host(request))
    except BaseException as error:
        call.fail(error)
        raise
    return _followed(call, request, response)


def _begin(recorder: Recorder, request: Any) -> tuple[Call | None, Any]:
    """Return the call to follow, None when the request is no inference, and the request to send."""
    try:
        endpoint = endpoint_at(request.method, request.url, request.headers, recorder.hosts)
        if endpoint is None:
            return None, request
        body = request.body.encode() if isinstance(request.body, str) else request.body
        body = body if isinstance(body, bytes) else None
        headers = headers_in_text(request.headers)
        asking = None
        if body and recorder.invisible_usage and _host(request) not in recorder.unasked:
            asking = None if is_signed(headers) else ask_for_usage(endpoint, body)
        call = Call(recorder, endpoint, body, headers, asked_for_usage=asking is not None)
        return call, request if asking is None else _with_body(request, asking)
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None, request


def _host(request: Any) -> bytes:
    return str(urlsplit(request.url).netloc).encode()


def _with_body(request: Any, body: bytes) -> Any:
    """Return the request with another body, its answer asked for uncompressed; the application's own stays as it is."""
    changed = request.copy()
    changed.body = body
    changed.headers["Content-Length"] = str(len(body))
    changed.headers["Accept-Encoding"] = "identity"
    if hasattr(request, _SEEN):
        setattr(changed, _SEEN, True)
    return changed


def _followed(call: Call, request: Any, response: Any) -> Any:
    """Let the call see the response, which nobody has read yet."""
    try:
        response.request = request
        headers = {name.lower(): value for name, value in response.headers.items()}
        call.respond(response.status_code, headers)
        if call.shows_usage:  # to this caller once, and never again
            call.recorder.unasked.add(_host(request))
        follow_reads(response.raw, call)
    except Exception:  # the response goes on as it is
        call.drop()
        call.recorder.count_capture_error()
    return response
