"""Meter: one line that meters a client."""

from collections.abc import Callable
from typing import Any, TypeVar

from taximeter.capture.http_client import SUPPORTED, http_clients, keep_off_aiohttp
from taximeter.capture.recorder import Recorder, Tracks
from taximeter.capture.transport import metered
from taximeter.errors import ConfigurationError

C = TypeVar("C")


def meter(client: C, tracker: Tracks, *, invisible_usage: bool = True) -> C:
    """Meter every call of *client* from now on and return it. Metering twice is metering once.

    Its copies (`with_options`) and views (`with_raw_response`, `with_streaming_response`) share the HTTP client inside
    and are metered with it. Timeouts, proxies, limits and retries stay its own.

    Args:
        client: An official client (openai, anthropic, google-genai, ollama, ...), sync or async, or a bare client of
            httpx or httpx2.
        tracker: Where the events go.
        invisible_usage: Ask for the usage of streams where the provider counts only for those who ask, and take the
            extra chunk out again. False leaves the requests as they are; then such streams have no tokens.

    Raises:
        ConfigurationError: There is no HTTP client inside that is known here.
    """
    recorder = Recorder(tracker, invisible_usage)
    found = list(http_clients(client))
    if not found:
        raise ConfigurationError("client", type(client).__qualname__, SUPPORTED)
    for http_client in found:
        _meter_http_client(http_client, recorder)
    keep_off_aiohttp(client)
    recorder.warm_up()
    return client


def _meter_http_client(http_client: Any, recorder: Recorder) -> Any:
    """Put ourselves in front of the transport and of those for single hosts and proxies (None: no proxy)."""
    attributes = vars(http_client)
    attributes["_transport"] = metered(attributes["_transport"], recorder)
    attributes["_mounts"] = {
        pattern: transport and metered(transport, recorder)
        for pattern, transport in attributes["_mounts"].items()
    }
    if (make_inner := getattr(http_client, "_inner_client_cls", None)) is not None:
        _meter_inner_clients(attributes, make_inner, recorder)
    return http_client


def _meter_inner_clients(attributes: dict[str, Any], make: Callable[..., Any], recorder: Recorder) -> None:
    """Meter the clients that google-genai makes inside an async one, one for each event loop."""
    for inner in attributes.get("_loop_clients", {}).values():
        _meter_http_client(inner, recorder)
    attributes["_inner_client_cls"] = lambda **options: _meter_http_client(make(**options), recorder)
