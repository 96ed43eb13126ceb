"""Directory: from a URL to the wire format spoken there. To add a format, write its file and one line here."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from taximeter.providers.answer import Answer
from taximeter.providers.anthropic_messages import MessagesAnswer
from taximeter.providers.bedrock_converse import ConverseAnswer
from taximeter.providers.bedrock_invoke import InvokeAnswer
from taximeter.providers.cohere import CohereAnswer, CohereLinesAnswer
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.gemini_generate import GenerateAnswer
from taximeter.providers.hosts import is_local, provider_of, region_of
from taximeter.providers.ollama import OllamaAnswer, OllamaEmbedAnswer
from taximeter.providers.openai_chat import ChatAnswer
from taximeter.providers.openai_embeddings import EmbeddingsAnswer
from taximeter.providers.openai_responses import ResponsesAnswer
from taximeter.vocabulary import Operation


class Format(NamedTuple):
    """How a wire format is read, and what it is for."""

    answer: type[Answer]
    operation: Operation


FORMATS: dict[str, Format] = {
    "anthropic.messages": Format(MessagesAnswer, Operation.CHAT),
    "bedrock.converse": Format(ConverseAnswer, Operation.CHAT),
    "bedrock.converse_stream": Format(ConverseAnswer, Operation.CHAT),
    "bedrock.invoke": Format(InvokeAnswer, Operation.CHAT),
    "bedrock.invoke_stream": Format(InvokeAnswer, Operation.CHAT),
    "cohere.chat_v1": Format(CohereLinesAnswer, Operation.CHAT),
    "cohere.chat_v2": Format(CohereAnswer, Operation.CHAT),
    "cohere.embed": Format(CohereAnswer, Operation.EMBEDDINGS),
    "cohere.generate_v1": Format(CohereLinesAnswer, Operation.COMPLETION),
    "cohere.rerank": Format(CohereAnswer, Operation.RERANK),
    "gemini.generate": Format(GenerateAnswer, Operation.CHAT),
    "gemini.stream_generate": Format(GenerateAnswer, Operation.CHAT),
    "ollama.chat": Format(OllamaAnswer, Operation.CHAT),
    "ollama.embed": Format(OllamaEmbedAnswer, Operation.EMBEDDINGS),
    "ollama.generate": Format(OllamaAnswer, Operation.COMPLETION),
    "openai.chat": Format(ChatAnswer, Operation.CHAT),
    "openai.completions": Format(ChatAnswer, Operation.COMPLETION),
    "openai.embeddings": Format(EmbeddingsAnswer, Operation.EMBEDDINGS),
    "openai.responses": Format(ResponsesAnswer, Operation.RESPONSES),
    "openai.responses_compact": Format(ResponsesAnswer, Operation.RESPONSES),
    "openai.responses_get": Format(ResponsesAnswer, Operation.RESPONSES),
}


class Route(NamedTuple):
    """One line of the table: a format, the end of the path that it answers at, and who uses that path.

    `providers`: empty means any host where such a path is likely to be a model's. A group named `model` in the path
    is the model.
    """

    wire_format: str
    path: re.Pattern[str]
    providers: frozenset[str] = frozenset()
    method: str = "POST"


def _route(wire_format: str, path: str, *providers: str, method: str = "POST") -> Route:
    return Route(wire_format, re.compile(path), frozenset(providers), method)


ROUTES = (
    _route("openai.chat", r"/deployments/(?P<model>[^/]+)/chat/completions$"),
    _route("openai.chat", r"/chat/completions$"),
    _route("cohere.chat_v1", r"/v1/chat$", "cohere"),
    _route("cohere.chat_v2", r"/v2/chat$", "cohere"),
    _route("cohere.embed", r"/v[12]/embed$", "cohere"),
    _route("cohere.generate_v1", r"/v1/generate$", "cohere"),
    _route("cohere.rerank", r"/v[12]/rerank$", "cohere"),
    _route("openai.chat", r"/v1/chat$"),
    _route("openai.completions", r"/deployments/(?P<model>[^/]+)/completions$"),
    _route("openai.completions", r"/completions$"),
    _route("openai.embeddings", r"/deployments/(?P<model>[^/]+)/embeddings$"),
    _route("openai.embeddings", r"/embeddings$"),
    _route("openai.responses", r"/responses$"),
    _route("openai.responses_compact", r"/responses/compact$"),
    _route("openai.responses_get", r"/responses/resp_[^/]+$", method="GET"),
    _route("anthropic.messages", r"/v1/messages$"),
    _route("gemini.generate", r"/models/(?P<model>[^/:]+):generateContent$"),
    _route("gemini.stream_generate", r"/models/(?P<model>[^/:]+):streamGenerateContent$"),
    _route("bedrock.converse", r"/model/(?P<model>.+)/converse$", "bedrock"),
    _route("bedrock.converse_stream", r"/model/(?P<model>.+)/converse-stream$", "bedrock"),
    _route("bedrock.invoke", r"/model/(?P<model>.+)/invoke$", "bedrock"),
    _route("bedrock.invoke_stream", r"/model/(?P<model>.+)/invoke-with-response-stream$", "bedrock"),
    _route("ollama.chat", r"/api/chat$", "ollama", "local"),
    _route("ollama.generate", r"/api/generate$", "ollama", "local"),
    _route("ollama.embed", r"/api/embed(dings)?$", "ollama", "local"),
)

_LIKELY = re.compile(r"/chat/completions$|/v1/messages$|/v1/(?!chat$|messages$)|/openai/|/models/[^/]+:")


def identify(method: str, url: str) -> Endpoint | None:
    """Return what answers at *url*, None when the call is no inference.

    Args:
        method: The HTTP method.
        url: The full URL; the scheme may be missing, the query is not read and not kept.
    """
    return _identify(method.upper(), url.partition("?")[0].partition("#")[0])


@lru_cache(maxsize=512)
def _identify(method: str, address: str) -> Endpoint | None:
    host, _, path = address.rpartition("://")[2].partition("/")
    host, path = host.rpartition("@")[2].lower(), "/" + path.rstrip("/")
    provider = provider_of(host)
    for route in ROUTES:
        if (
            route.method == method
            and (match := route.path.search(path))
            and _speaks(route, provider, host, path)
        ):
            return Endpoint(
                provider=_named(provider, route.wire_format),
                wire_format=route.wire_format,
                operation=FORMATS[route.wire_format].operation,
                model=unquote(match.groupdict().get("model") or "") or None,
                region=region_of(host, path),
            )
    return None


def _speaks(route: Route, provider: str | None, host: str, path: str) -> bool:
    if provider in route.providers or ("local" in route.providers and is_local(host)):
        return True
    if route.providers:
        return False
    return provider is not None or is_local(host) or _LIKELY.search(path) is not None


def _named(provider: str | None, wire_format: str) -> str:
    if provider is not None:
        return provider
    family = wire_format.partition(".")[0]
    return "openai-compatible" if family == "openai" else {"gemini": "google"}.get(family, family)
