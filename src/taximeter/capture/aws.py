"""AWS: meters what boto3's and aiobotocore's clients send, on their HTTP session, below their signatures and retries."""

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from taximeter.capture import aiohttp_reader, urllib3_response
from taximeter.capture.address import endpoint_at
from taximeter.capture.aiohttp_session import is_known
from taximeter.capture.call import Call
from taximeter.capture.header import headers_in_text
from taximeter.capture.recorder import Recorder
from taximeter.capture.replacement import installed_recorder, original_of
from taximeter.capture.sending import Sending

Send = Callable[[Any], Any]


def meter_aws_session(session: Any, recorder: Recorder) -> None:
    """Meter a session of botocore; where all are metered as well, both trackers hear of the same call."""
    kind = type(session)
    sends = send_metered_async if iscoroutinefunction(original_of(kind.send)) else send_metered

    def send(request: Any) -> Any:
        other = installed_recorder(kind.send)
        heard = recorder if other is None else recorder.heard_by(other)
        return sends(partial(original_of(kind.send), session), heard, request)

    session.send = send


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
    call.respond(response.status_code, response.headers)
    try:  # botocore has read it already unless the operation streams
        if request.stream_output:
            urllib3_response.follow_reads(response.raw, call)
        else:
            call.arrive(response.content)
            call.end()
    except Exception:  # the response goes on as it is
        call.give_up()
    return response


async def send_metered_async(send: Callable[[Any], Awaitable[Any]], recorder: Recorder, request: Any) -> Any:
    """Do the same for aiobotocore, whose sessions stand on aiohttp.

    It is done up here because a session makes every exception from below an error of the network, to be repeated.

    Raises:
        BudgetError: There is no money for the call.
    """
    call = _begin(recorder, request) if is_known() else None
    if call is None:
        return await send(request)
    await call.areserve()
    try:
        with Sending():
            response = await send(request)
    except BaseException as error:
        call.fail(error)
        raise
    call.respond(response.status_code, response.headers)
    try:
        if request.stream_output:
            aiohttp_reader.follow_reads(response.raw, call)
        else:
            call.arrive(await response.content)
            call.end()
    except Exception:  # the response goes on as it is
        call.give_up()
    return response


def _begin(recorder: Recorder, request: Any) -> Call | None:
    try:
        endpoint = endpoint_at(request.method, request.url, request.headers, recorder.hosts)
        if endpoint is None:
            return None
        body = request.body if isinstance(request.body, bytes) else None
        return Call(recorder, endpoint, body, headers_in_text(request.headers))
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None
