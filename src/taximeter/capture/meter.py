"""Meter: one line that meters a client."""

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import ref

from taximeter.capture.aiohttp_session import is_aiohttp_session, meter_aiohttp_session
from taximeter.capture.aws import meter_aws_session
from taximeter.capture.http_client import SUPPORTED, aws_session, http_clients, is_hugging_face
from taximeter.capture.recorder import Recorder, Tracks, recorder_for
from taximeter.capture.transport import metered
from taximeter.capture.web_session import is_web_session, meter_web_session
from taximeter.errors import ConfigurationError

C = TypeVar("C")


def meter(client: C, tracker: Tracks, *, invisible_usage: bool = True) -> C:
    """Meter every call of *client* from now on and return it. Metering it again replaces the tracker.

    Its copies (`with_options`) and views (`with_raw_response`, `with_streaming_response`) share the HTTP client inside
    and are metered with it. Timeouts, proxies, limits and retries stay its own.

    Args:
        client: An official client (openai, anthropic, google-genai, ollama, ...), sync or async, one of boto3's for
            `bedrock-runtime` or aiobotocore's, a model of LangChain or pydantic-ai, or a bare client of httpx or
            httpx2, or a session of requests or aiohttp.
        tracker: Where the events go.
        invisible_usage: Ask for the usage of streams where the provider counts only for those who ask, and take the
            extra chunk out again. False leaves the requests as they are; then such streams have no tokens.

    Raises:
        ConfigurationError: There is no HTTP client inside that is known here, or what was given is no tracker.
    """
    recorder = recorder_for(tracker, invisible_usage=invisible_usage)
    found = list(http_clients(client))
    session = aws_session(client)
    if is_web_session(client):
        meter_web_session(client, recorder)
        return client
    if is_aiohttp_session(client):
        meter_aiohttp_session(client, recorder)
        return client
    if not found and session is None:
        raise ConfigurationError("client", type(client).__qualname__, SUPPORTED)
    for http_client in found:
        _meter_http_client(http_client, recorder)
    if session is not None:
        meter_aws_session(session, recorder)
    if is_hugging_face(client):
        _meter_async_session(client, recorder)
    _meter_aiohttp_sessions(client, recorder)
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


def _meter_aiohttp_sessions(client: Any, recorder: Recorder) -> None:
    """Meter the sessions over which google-genai sends async calls: one that it was given, or one for each event loop."""
    api_client = getattr(client, "_api_client", None)
    make = getattr(type(api_client), "_get_aiohttp_session", None)
    if api_client is None or make is None:
        return
    itself = ref(api_client)  # a client that nobody closes is collected as early as ever

    async def make_metered() -> Any:
        session = await make(itself())
        if is_aiohttp_session(session):
            meter_aiohttp_session(session, recorder)
        return session

    api_client._get_aiohttp_session = make_metered  # noqa: SLF001 - it makes them with the first call


def _meter_async_session(client: Any, recorder: Recorder) -> None:
    """Meter the HTTP client that an async client of huggingface_hub makes with its first call."""
    make = getattr(client, "_get_async_client", None)
    if make is not None:

        async def make_metered() -> Any:
            return _meter_http_client(await make(), recorder)

        client._get_async_client = make_metered  # noqa: SLF001 - it has no public place for a client
