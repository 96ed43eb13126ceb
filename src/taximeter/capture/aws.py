"""AWS: meters what boto3's clients send, on the HTTP session of botocore, below their signatures and retries."""

from collections.abc import Callable
from typing import Any

from taximeter.capture.address import endpoint_at
from taximeter.capture.call import Call
from taximeter.capture.header import headers_in_text
from taximeter.capture.recorder import Recorder
from taximeter.capture.urllib3_response import follow_reads

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
        return Call(recorder, endpoint, body, headers_in_text(request.headers))
    except Exception:  # the request goes out as it is
        recorder.count_capture_error()
        return None


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
