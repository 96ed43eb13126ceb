"""Directory: from a URL to the wire format spoken there. To add a format, write its file and one line here."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from taximeter.providers.answer import Answer
from taximeter.providers.anthropic_messages import MessagesAnswer
from taximeter.providers.bedrock_converse import ConverseAnswer
from taximeter.providers.bedrock_invoke import InvokeAnswer
from taximeter.providers.cloudflare_run import RunAnswer as CloudflareAnswer
from taximeter.providers.cohere import CohereAnswer, CohereLinesAnswer
from taximeter.providers.dashscope import GenerationAnswer
from taximeter.providers.endpoint import Endpoint
from taximeter.providers.gemini_embed import EmbedAnswer, PredictAnswer, PredictImageAnswer, PredictTextAnswer
from taximeter.providers.gemini_generate import GenerateAnswer
from taximeter.providers.gemini_interactions import InteractionAnswer
from taximeter.providers.gemini_live import LiveAnswer
from taximeter.providers.hosts import is_local, provider_of, region_of
from taximeter.providers.mistral_conversations import ConversationAnswer
from taximeter.providers.mistral_ocr import OcrAnswer
from taximeter.providers.ollama import OllamaAnswer, OllamaEmbedAnswer
from taximeter.providers.openai_assistants import RunAnswer
from taximeter.providers.openai_audio import AudioAnswer
from taximeter.providers.openai_chat import ChatAnswer
from taximeter.providers.openai_embeddings import EmbeddingsAnswer
from taximeter.providers.openai_images import ImagesAnswer
from taximeter.providers.openai_realtime import RealtimeAnswer
from taximeter.providers.openai_responses import ResponsesAnswer
from taximeter.providers.text_completion import HuggingFaceAnswer, ReplicateAnswer, TextAnswer
from taximeter.providers.watsonx_chat import WatsonxChatAnswer
from taximeter.providers.xai_grpc import GrpcChatAnswer
from taximeter.vocabulary import Operation

LOCAL = "local"
"""Stands for this machine and this network in the table."""


class Format(NamedTuple):
    """How a wire format is read, and what it is for."""

    answer: type[Answer]
    operation: Operation


FORMATS: dict[str, Format] = {
    "alephalpha.complete": Format(TextAnswer, Operation.COMPLETION),
    "alibaba.generation": Format(GenerationAnswer, Operation.CHAT),
    "anthropic.complete": Format(TextAnswer, Operation.COMPLETION),
    "anthropic.messages": Format(MessagesAnswer, Operation.CHAT),
    "bedrock.converse": Format(ConverseAnswer, Operation.CHAT),
    "bedrock.converse_stream": Format(ConverseAnswer, Operation.CHAT),
    "bedrock.invoke": Format(InvokeAnswer, Operation.CHAT),
    "bedrock.invoke_stream": Format(InvokeAnswer, Operation.CHAT),
    "cloudflare.run": Format(CloudflareAnswer, Operation.CHAT),
    "cohere.chat_v1": Format(CohereLinesAnswer, Operation.CHAT),
    "cohere.chat_v2": Format(CohereAnswer, Operation.CHAT),
    "cohere.classify": Format(CohereAnswer, Operation.UNKNOWN),
    "cohere.embed": Format(CohereAnswer, Operation.EMBEDDINGS),
    "cohere.generate_v1": Format(CohereLinesAnswer, Operation.COMPLETION),
    "cohere.rerank": Format(CohereAnswer, Operation.RERANK),
    "gemini.embed": Format(EmbedAnswer, Operation.EMBEDDINGS),
    "gemini.generate": Format(GenerateAnswer, Operation.CHAT),
    "gemini.interactions": Format(InteractionAnswer, Operation.RESPONSES),
    "gemini.stream_generate": Format(GenerateAnswer, Operation.CHAT),
    "google.live": Format(LiveAnswer, Operation.REALTIME),
    "huggingface.generate": Format(HuggingFaceAnswer, Operation.COMPLETION),
    "llamacpp.completion": Format(TextAnswer, Operation.COMPLETION),
    "mistral.conversations": Format(ConversationAnswer, Operation.CHAT),
    "mistral.ocr": Format(OcrAnswer, Operation.OCR),
    "ollama.chat": Format(OllamaAnswer, Operation.CHAT),
    "ollama.embed": Format(OllamaEmbedAnswer, Operation.EMBEDDINGS),
    "ollama.generate": Format(OllamaAnswer, Operation.COMPLETION),
    "openai.assistants_runs": Format(RunAnswer, Operation.CHAT),
    "openai.chat": Format(ChatAnswer, Operation.CHAT),
    "openai.completions": Format(ChatAnswer, Operation.COMPLETION),
    "openai.embeddings": Format(EmbeddingsAnswer, Operation.EMBEDDINGS),
    "openai.images": Format(ImagesAnswer, Operation.IMAGE),
    "openai.realtime": Format(RealtimeAnswer, Operation.REALTIME),
    "openai.responses": Format(ResponsesAnswer, Operation.RESPONSES),
    "openai.responses_compact": Format(ResponsesAnswer, Operation.RESPONSES),
    "openai.responses_get": Format(ResponsesAnswer, Operation.RESPONSES),
    "openai.speech": Format(AudioAnswer, Operation.SPEECH),
    "openai.transcription": Format(AudioAnswer, Operation.TRANSCRIPTION),
    "replicate.predictions": Format(ReplicateAnswer, Operation.COMPLETION),
    "rerank": Format(EmbeddingsAnswer, Operation.RERANK),
    "vertex.predict": Format(PredictAnswer, Operation.EMBEDDINGS),
    "vertex.predict_image": Format(PredictImageAnswer, Operation.IMAGE),
    "vertex.predict_text": Format(PredictTextAnswer, Operation.COMPLETION),
    "watsonx.chat": Format(WatsonxChatAnswer, Operation.CHAT),
    "watsonx.generation": Format(TextAnswer, Operation.COMPLETION),
    "xai.grpc_chat": Format(GrpcChatAnswer, Operation.CHAT),
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
    # Providers with paths of their own come before the paths that anyone may have.
    _route("alephalpha.complete", r"/complete$", "alephalpha"),
    _route("alibaba.generation", r"/services/aigc/(?:text|multimodal)-generation/generation$", "alibaba"),
    _route("anthropic.complete", r"/v1/complete$", "anthropic"),
    _route("bedrock.converse", r"/model/(?P<model>.+)/converse$", "bedrock"),
    _route("bedrock.converse_stream", r"/model/(?P<model>.+)/converse-stream$", "bedrock"),
    _route("bedrock.invoke", r"/model/(?P<model>.+)/invoke$", "bedrock"),
    _route("bedrock.invoke_stream", r"/model/(?P<model>.+)/invoke-with-response-stream$", "bedrock"),
    _route("cloudflare.run", r"/ai/run/(?P<model>@[^/]+/[^/]+/[^/]+)$", "cloudflare"),
    _route("cohere.chat_v1", r"/v1/chat$", "cohere"),
    _route("cohere.chat_v2", r"/v2/chat$", "cohere"),
    _route("cohere.embed", r"/v[12]/embed$", "cohere"),
    _route("cohere.generate_v1", r"/v1/(?:generate|summarize)$", "cohere"),
    _route("cohere.classify", r"/v1/classify$", "cohere"),
    _route("cohere.rerank", r"/v[12]/rerank$", "cohere"),
    _route("mistral.conversations", r"/v1/conversations(?:/[^/]+(?:/restart)?)?$", "mistral"),
    _route("mistral.ocr", r"/v1/ocr$", "mistral"),
    _route("openai.chat", r"/v1/(?:agents|fim)/completions$", "mistral"),
    _route("replicate.predictions", r"/v1/models/(?P<model>[^/]+/[^/]+)/predictions$", "replicate"),
    _route("replicate.predictions", r"/v1/(?:deployments/.+/)?predictions$", "replicate"),
    _route(
        "watsonx.generation", r"/ml/v1(?:-beta)?/(?:generation/text|text/generation(?:_stream)?)$", "watsonx"
    ),
    _route("watsonx.chat", r"/ml/v1(?:/deployments/[^/]+)?/text/chat(?:_stream)?$", "watsonx"),
    _route("openai.chat", r"/serving-endpoints/(?P<model>[^/]+)/invocations$", "databricks"),
    _route("openai.chat", r"/cortex/inference:complete$", "snowflake"),
    _route("xai.grpc_chat", r"/xai_api\.Chat(?:/GetCompletion(?:Chunk)?)?$", "xai", method="GRPC"),
    _route("ollama.chat", r"/api/chat$", "ollama", LOCAL),
    _route("ollama.embed", r"/api/embed(?:dings)?$", "ollama", LOCAL),
    _route("ollama.generate", r"/api/generate$", "ollama", LOCAL),
    _route("llamacpp.completion", r":\d+/completion$|^/completion$", LOCAL),
    _route("huggingface.generate", r"/(?:generate|generate_stream)$", "huggingface"),
    _route(
        "huggingface.generate",
        r"^(?:/hf-inference)?/models/(?P<model>[^/]+(?:/[^/]+)?)$",
        "huggingface",
    ),
    _route("openai.embeddings", r"/v1/(?:multimodal|contextualized)embeddings$", "voyage"),
    _route("openai.chat", r"/v1/text/chatcompletion_v2$", "minimax"),
    # Gemini and what else Google serves
    _route("gemini.generate", r"/(?:models|tunedModels|endpoints)/(?P<model>[^/:]+):generateContent$"),
    _route(
        "gemini.stream_generate",
        r"/(?:models|tunedModels|endpoints)/(?P<model>[^/:]+):streamGenerateContent$",
    ),
    _route("gemini.embed", r"/models/(?P<model>[^/:]+):(?:embedContent|batchEmbedContents)$"),
    _route(
        "vertex.predict", r"/publishers/google/models/(?P<model>[^/:]*embedding[^/:]*):predict$", "vertex"
    ),
    _route(
        "vertex.predict_text",
        r"/publishers/google/models/(?P<model>(?:text|chat|code|codechat)-[^/:]+|codegecko[^/:]*):predict$",
        "vertex",
    ),
    _route("vertex.predict_image", r"/models/(?P<model>image[^/:]+):predict$", "vertex", "google"),
    _route(
        "anthropic.messages",
        r"/publishers/anthropic/models/(?P<model>(?!count-tokens:)[^/:]+):(?:r|streamR)awPredict$",
        "vertex",
    ),
    _route(
        "openai.chat",
        r"/publishers/(?!anthropic/)[^/]+/models/(?P<model>[^/:]+):(?:r|streamR)awPredict$",
        "vertex",
    ),
    _route("gemini.interactions", r"/v1(?:beta)?/interactions$", "google", "vertex"),
    _route("gemini.interactions", r"/v1(?:beta)?/interactions/[^/]+$", "google", "vertex", method="GET"),
    # What anyone may serve
    _route("anthropic.messages", r"/v1/messages$"),
    _route("openai.chat", r"/deployments/(?P<model>[^/]+)/chat/completions$"),
    _route("openai.chat", r"/chat/completions$"),
    _route("openai.chat", r"/v1/chat$"),
    _route("openai.completions", r"/deployments/(?P<model>[^/]+)/completions$"),
    _route("openai.completions", r"/completions$"),
    _route("openai.embeddings", r"/deployments/(?P<model>[^/]+)/embeddings$"),
    _route("openai.embeddings", r"/embeddings$"),
    _route("rerank", r"/rerank$"),
    _route("openai.responses", r"/responses$"),
    _route("openai.responses_compact", r"/responses/compact$"),
    _route("openai.responses_get", r"/responses/resp_[^/]+$", method="GET"),
    _route("openai.images", r"/deployments/(?P<model>[^/]+)/images/(?:generations|edits|variations)$"),
    _route("openai.images", r"/images/(?:generations|edits|variations)$"),
    _route("openai.speech", r"/deployments/(?P<model>[^/]+)/audio/speech$"),
    _route("openai.speech", r"/audio/speech$"),
    _route("openai.transcription", r"/deployments/(?P<model>[^/]+)/audio/(?:transcriptions|translations)$"),
    _route("openai.transcription", r"(?<!/v2)/audio/(?:transcriptions|translations)$"),
    _route("openai.assistants_runs", r"/threads/(?:[^/]+/)?runs(?:/[^/]+/submit_tool_outputs)?$"),
    _route("openai.assistants_runs", r"/threads/[^/]+/runs/[^/]+$", method="GET"),
    _route("openai.realtime", r"/realtime$", method="WS"),
    _route("google.live", r"\.BidiGenerateContent$", method="WS"),
)

_API_VERSION = re.compile(r"(?:^|&)api-version=([\w.-]{1,40})(?:&|$)")
_LIKELY = re.compile(r"/chat/completions$|/v1/messages$|/v1/(?!chat$|messages$)|/openai/|/models/[^/]+:")


def identify(method: str, url: str, *, declared: Mapping[str, str] | None = None) -> Endpoint | None:
    """Return what answers at *url*, None when the call is no inference.

    Args:
        method: The HTTP method.
        url: The full URL; the scheme may be missing. Of the query only Azure's `api-version` is read and kept.
        declared: Who answers at hosts that no table knows, by host name in lower case.
    """
    address, _, query = url.partition("#")[0].partition("?")
    provider = declared.get(_host_name(address)) if declared else None
    version = _API_VERSION.search(query) if query else None
    return _identify(method.upper(), address, provider, version[1] if version else None)


def endpoint_for(wire_format: str, *, provider: str | None = None, model: str | None = None) -> Endpoint:
    """Return the endpoint of a format that is known without a URL, such as a websocket's or a recording's.

    Raises:
        KeyError: There is no such format.
    """
    return Endpoint(
        provider=_named(provider, wire_format),
        wire_format=wire_format,
        operation=FORMATS[wire_format].operation,
        model=model,
    )


@lru_cache(maxsize=512)
def _identify(method: str, address: str, declared: str | None, api_version: str | None) -> Endpoint | None:
    host, _, path = address.rpartition("://")[2].partition("/")
    host, path = host.rpartition("@")[2].lower(), "/" + path.rstrip("/")
    provider = declared or provider_of(host, path)
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
                api_version=api_version,
            )
    return None


def _host_name(address: str) -> str:
    host = address.rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    return host.partition(":")[0].lower()


def _speaks(route: Route, provider: str | None, host: str, path: str) -> bool:
    if provider in route.providers or (LOCAL in route.providers and is_local(host)):
        return True
    if route.providers:
        return False
    return provider is not None or is_local(host) or _LIKELY.search(path) is not None


def _named(provider: str | None, wire_format: str) -> str:
    if provider is not None:
        return provider
    family = wire_format.partition(".")[0]
    return {"gemini": "google", "openai": "openai-compatible", "rerank": "unknown"}.get(family, family)
