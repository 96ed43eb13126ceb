"""HTTP client: finds the clients of httpx and httpx2 inside the clients of others."""

from collections.abc import Iterator
from typing import Any
from warnings import warn

LIBRARIES = ("httpx", "httpx2")

SUPPORTED = (
    "a client of httpx or httpx2, or one that holds such: openai, anthropic, google-genai, ollama and others"
)

PLACES = (
    (),
    ("_client",),  # openai, anthropic, ollama
    ("_api_client", "_httpx_client"),  # google-genai
    ("_api_client", "_async_httpx_client"),
)
"""Where the official clients keep theirs, as attribute names from the outside in."""


def http_clients(client: Any) -> Iterator[Any]:
    """Return every HTTP client that *client* holds or is."""
    for place in PLACES:
        found = client
        for name in place:
            found = getattr(found, name, None)
        if is_http_client(found):
            yield found


def is_http_client(value: Any) -> bool:
    """Whether *value* is a client of either library, told by name so that neither is imported."""
    return any(
        kind.__name__ in {"Client", "AsyncClient"} and kind.__module__.partition(".")[0] in LIBRARIES
        for kind in type(value).__mro__
    )


def keep_off_aiohttp(client: Any) -> None:
    """Make a google-genai client send its async calls over its httpx client, which it does anyway without aiohttp."""
    api_client = getattr(client, "_api_client", None)
    if api_client is None or not getattr(api_client, "_use_aiohttp", bool)():
        return
    if may_leave_aiohttp(api_client):
        api_client._use_aiohttp = lambda: False  # noqa: SLF001 - no public setting without a new client
    else:
        warn(
            "async calls of this google-genai client go over aiohttp and are not metered; "
            "leave http_options.aiohttp_client out or set http_options.httpx_async_client",
            stacklevel=4,
        )


def may_leave_aiohttp(api_client: Any) -> bool:
    """Whether google-genai has an httpx client ready and the application did not bring an aiohttp session."""
    options = getattr(api_client, "_http_options", None)
    return getattr(api_client, "_async_httpx_client", None) is not None and not getattr(
        options, "aiohttp_client", None
    )
