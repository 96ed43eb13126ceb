"""Install: meters every client of a process, those to come included."""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from taximeter.capture.bootstrap.taximeter_import_hook import when_imported
from taximeter.capture.http_client import LIBRARIES, may_leave_aiohttp
from taximeter.capture.recorder import Recorder, Tracks
from taximeter.capture.transport import overheard

_GOOGLE_GENAI = "google.genai._api_client"


def install(
    tracker: Tracks,
    *,
    invisible_usage: bool = True,
    run_id: str | None = None,
    trace: Callable[[bytes], None] | None = None,
) -> Callable[[], None]:
    """Meter all calls of all clients on httpx and httpx2, now and later, and import neither.

    The place to stand is where a client picks the transport for a request: it sees clients made before, after and in
    any way, and transports that are exchanged later. A client with a meter of its own keeps that one, and the same event
    goes to both trackers. Installing again replaces the tracker.

    Args:
        tracker: Where the events go.
        invisible_usage: See `meter`.
        run_id: Written into events whose scope has none; None leaves it open.
        trace: Called with `+` when a call begins, and with `-` when it turns out to be none; None when nobody asks.

    Returns:
        A function that takes the hook out again.
    """
    recorder = Recorder(tracker, invisible_usage, run_id, trace=trace)
    undo: list[Callable[[], None]] = []

    def hook(module: ModuleType) -> None:
        try:
            undo.extend(_hook(module, recorder))
        except Exception:  # a library that is built differently is not metered, and still imports
            recorder.count_capture_error()

    undo.append(when_imported((*LIBRARIES, _GOOGLE_GENAI), hook))

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall


def _hook(module: ModuleType, recorder: Recorder) -> list[Callable[[], None]]:
    if module.__name__ == _GOOGLE_GENAI:
        return [_replace(module.BaseApiClient, "_use_aiohttp", _without_aiohttp)]

    def meter_choice(choose: Callable[..., Any]) -> Callable[..., Any]:
        def choose_metered(client: Any, url: Any) -> Any:
            return overheard(choose(client, url), recorder)

        return choose_metered

    return [
        _replace(kind, "_transport_for_url", meter_choice) for kind in (module.Client, module.AsyncClient)
    ]


def _without_aiohttp(uses_aiohttp: Callable[..., bool]) -> Callable[..., bool]:
    def uses_it_still(api_client: Any) -> bool:
        return uses_aiohttp(api_client) and not may_leave_aiohttp(api_client)

    return uses_it_still


def _replace(
    kind: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[], None]:
    """Wrap a method; what an earlier hook of ours put there is replaced. Returns how to put the original back."""
    present = getattr(kind, name)
    original = getattr(present, _ORIGINAL, present)
    replacement = wraps(original)(wrap(original))
    setattr(replacement, _ORIGINAL, original)
    setattr(kind, name, replacement)

    def put_back() -> None:
        if getattr(kind, name) is replacement:
            setattr(kind, name, original)

    return put_back


_ORIGINAL = "taximeter_original"
