"""Install: meters every client of a process, those to come included."""

from collections.abc import Callable
from functools import partial
from types import ModuleType, TracebackType
from typing import Any, Self

from taximeter.capture import web_session
from taximeter.capture.aiohttp_session import request_metered
from taximeter.capture.aws import send_metered, send_metered_async
from taximeter.capture.bootstrap.taximeter_import_hook import when_imported
from taximeter.capture.http_client import LIBRARIES
from taximeter.capture.recorder import Recorder, Tracks, recorder_for
from taximeter.capture.replacement import Method, installed_recorder, replace_method
from taximeter.capture.transport import overheard

_AIOHTTP = "aiohttp.client"
_ASYNC_AWS = "aiobotocore.httpsession"
_AWS = "botocore.httpsession"
_REQUESTS = "requests.adapters"


class Installation:
    """The meter on a whole process, until it is closed; a context manager that closes it."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def add(self, *undo: Callable[[], None]) -> None:
        """Note what `close` has to undo."""
        self._undo.extend(undo)

    def close(self) -> None:
        """Take the meter out again: calls that begin from now on are not seen, those under way end in their event."""
        while self._undo:
            self._undo.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def meter_everything(tracker: Tracks, *, invisible_usage: bool = True) -> Installation:
    """Meter every call of every client in this process, those made before and after, and those that frameworks make.

    It covers all that rides on httpx, httpx2, requests, aiohttp or boto3, and imports none of them. A client that is metered by itself
    (`tracker.meter`) stays so: both trackers get the same event, and one that is the same gets it once. Doing it again
    replaces the tracker until that is closed; a run (`taximeter run`) goes on hearing of all calls.

    Args:
        tracker: Where the events go. It stays open when the meter is taken out.
        invisible_usage: Ask for the usage of streams where the provider counts only for those who ask, and take the
            extra chunk out again; False leaves all requests as they are.

    Returns:
        What takes the meter out again: `close()`, or the end of a `with` block.

    Raises:
        ConfigurationError: What was given is no tracker.
    """
    return install(recorder_for(tracker, invisible_usage=invisible_usage))


def install(recorder: Recorder) -> Installation:
    """Meter all calls of a process for *recorder*.

    The place to stand is where a client picks the transport for a request: it sees clients made before, after and in
    any way, and transports that are exchanged later. Libraries that are not imported yet are hooked when they are.
    """
    installation = Installation()

    def hook(module: ModuleType) -> None:
        try:
            installation.add(*_hook(module, recorder))
        except Exception:  # a library that is built differently is not metered, and still imports
            recorder.count_capture_error()

    installation.add(when_imported((*LIBRARIES, _AIOHTTP, _ASYNC_AWS, _AWS, _REQUESTS), hook))
    return installation


def _hook(module: ModuleType, recorder: Recorder) -> list[Callable[[], None]]:
    if module.__name__ == _AIOHTTP:
        return [_install(module.ClientSession, "_request", _metered_request, recorder)]
    if module.__name__ == _ASYNC_AWS:
        return [_install(module.AIOHTTPSession, "send", _metered_async_send, recorder)]
    if module.__name__ == _AWS:
        return [_install(module.URLLib3Session, "send", _metered_send, recorder)]
    if module.__name__ == _REQUESTS:
        return [_install(module.HTTPAdapter, "send", _metered_adapter, recorder)]
    return [
        _install(kind, "_transport_for_url", _metered_choice, recorder)
        for kind in (module.Client, module.AsyncClient)
    ]


def _install(
    kind: Any, name: str, wrap: Callable[[Recorder, Method], Method], recorder: Recorder
) -> Callable[[], None]:
    """Meter a method; the run that the process is part of, where there is one, goes on hearing of all calls."""
    before = installed_recorder(getattr(kind, name))
    if before is not None and (run := before.of_run) is not None:
        recorder = recorder.heard_by(run)
    return replace_method(kind, name, partial(wrap, recorder), recorder)


def _metered_choice(recorder: Recorder, choose: Method) -> Method:
    def choose_metered(client: Any, url: Any) -> Any:
        return overheard(choose(client, url), recorder)

    return choose_metered


def _metered_send(recorder: Recorder, send: Method) -> Method:
    def send_it(session: Any, request: Any) -> Any:
        return send_metered(partial(send, session), recorder, request)

    return send_it


def _metered_adapter(recorder: Recorder, send: Method) -> Method:
    def send_it(adapter: Any, request: Any, *args: Any, **options: Any) -> Any:
        return web_session.send_metered(send, recorder, adapter, request, *args, **options)

    return send_it


def _metered_async_send(recorder: Recorder, send: Method) -> Method:
    async def send_it(session: Any, request: Any) -> Any:
        return await send_metered_async(partial(send, session), recorder, request)

    return send_it


def _metered_request(recorder: Recorder, request: Method) -> Method:
    def request_it(session: Any, *args: Any, **options: Any) -> Any:
        return request_metered(request, recorder, session, *args, **options)

    return request_it
