"""Directory: from a URL to the wire format spoken there. To add a format, write its file and one line here."""

import re
from functools import lru_cache
from typing import NamedTuple

from taximeter.providers.answer import Answer
from taximeter.providers.anthropic_messages import MessagesAnswer
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.openai_chat import ChatAnswer
from taximeter.vocabulary import Operation


class Route(NamedTuple):
    """One line of the table: what a path looks like, and what answers there."""

    method: str
    path: re.Pattern[str]
    wire_format: str
    operation: Operation
    host: str = ""


FORMATS: dict[str, type[Answer]] = {
    "openai.chat": ChatAnswer,
    "openai.completions": ChatAnswer,
    "anthropic.messages": MessagesAnswer,
}


def _route(path: str, wire_format: str, operation: Operation, method: str = "POST", host: str = "") -> Route:
    return Route(method, re.compile(path), wire_format, operation, host)


ROUTES = (
    _route(r"/chat/completions$", "openai.chat", Operation.CHAT),
    _route(r"/completions$", "openai.completions", Operation.COMPLETION),
    _route(r"/v1/messages$", "anthropic.messages", Operation.CHAT),
)

OPERATIONS = {route.wire_format: route.operation for route in ROUTES}
"""What a format is for, where no URL is known."""

HOSTS = (
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure"),
    ("services.ai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "vertex"),
    ("openrouter.ai", "openrouter"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.mistral.ai", "mistral"),
    ("api.x.ai", "xai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    ("huggingface.co", "huggingface"),
    ("ollama.com", "ollama"),
)


def identify(method: str, url: str) -> Endpoint | None:
    """Return what answers at *url*, None when the call is no inference.

    Args:
        method: The HTTP method.
        url: The full URL; the scheme may be missing, the query is not read.
    """
    return _identify(method.upper(), url.partition("?")[0].partition("#")[0])


@lru_cache(maxsize=512)
def _identify(method: str, address: str) -> Endpoint | None:
    host, _, path = address.rpartition("://")[2].partition("/")
    path = "/" + path.rstrip("/")
    for route in ROUTES:
        if route.method == method and route.host in host and route.path.search(path):
            return Endpoint(
                provider=_provider(host), wire_format=route.wire_format, operation=route.operation
            )
    return None


def _provider(host: str) -> str:
    name = host.rpartition("@")[2].partition(":")[0].lower()
    for suffix, provider in HOSTS:
        if name == suffix or name.endswith(("." + suffix, "-" + suffix)):
            return provider
    return "openai-compatible"
