"""HTTP client: finds what sends the requests inside the clients of SDKs and frameworks."""

import sys
from collections.abc import Iterator
from typing import Any

LIBRARIES = ("httpx", "httpx2")

SUPPORTED = (
    "a client of httpx or httpx2, or one that holds such: openai, anthropic, google-genai, mistralai, groq, cohere, "
    "together, fireworks, cerebras, ollama, huggingface_hub and others; a session of requests or aiohttp; or a client of boto3 or aiobotocore"
)

_AWS_SESSIONS = frozenset({"URLLib3Session", "AIOHTTPSession"})

PLACES = (
    (),
    ("_client",),  # openai, anthropic, groq, together, fireworks, cerebras, ollama
    ("_api_client", "_httpx_client"),  # google-genai
    ("_api_client", "_async_httpx_client"),
    ("sdk_configuration", "client"),  # mistralai
    ("sdk_configuration", "async_client"),
    ("_client_wrapper", "httpx_client", "httpx_client"),  # cohere
    ("_async_client",),  # huggingface_hub
    ("root_client", "_client"),  # langchain-openai
    ("root_async_client", "_client"),
    ("_client", "_client"),  # langchain-anthropic
    ("_async_client", "_client"),
    ("client", "_client"),  # pydantic-ai's models
)
"""Where the clients keep theirs, as attribute names from the outside in."""


def http_clients(client: Any) -> Iterator[Any]:
    """Return every HTTP client that *client* holds or is."""
    for place in PLACES:
        found = _at(client, place)
        if is_http_client(found):
            yield found
    if is_hugging_face(client):
        yield sys.modules["huggingface_hub"].get_session()  # one for all sync clients of this library


def aws_session(client: Any) -> Any | None:
    """Return the HTTP session of a client of boto3 or aiobotocore, None for any other."""
    session = _at(client, ("_endpoint", "http_session"))
    is_known = any(kind.__name__ in _AWS_SESSIONS for kind in type(session).__mro__)
    return session if is_known else None


def _at(client: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        client = getattr(client, name, None)
    return client


def is_http_client(value: Any) -> bool:
    """Whether *value* is a client of either library, told by name so that neither is imported."""
    return any(
        kind.__name__ in {"Client", "AsyncClient"} and kind.__module__.partition(".")[0] in LIBRARIES
        for kind in type(value).__mro__
    )


def is_hugging_face(client: Any) -> bool:
    """Whether *client* is one of huggingface_hub, whose HTTP clients are made later or elsewhere."""
    return any(kind.__module__.startswith("huggingface_hub.inference.") for kind in type(client).__mro__)
