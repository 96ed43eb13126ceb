"""Payload: a response that somebody else has decoded already, as a dict, an SDK's object or a bare usage."""

from collections.abc import Callable, Mapping
from typing import Any

from taximeter.providers.answer import Answer
from taximeter.providers.chat_message import MessageAnswer, is_chat_message
from taximeter.providers.directory import FORMATS, endpoint_for
from taximeter.providers.facts import Facts
from taximeter.providers.values import as_mapping

_OBJECTS = {
    "chat.completion": "openai.chat",
    "chat.completion.chunk": "openai.chat",
    "text_completion": "openai.completions",
    "response": "openai.responses",
    "response.compaction": "openai.responses",
}
"""What OpenAI's `object` field says."""

_TRAITS: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "gemini.generate",
        frozenset({"candidates", "usageMetadata", "promptTokenCount", "candidatesTokenCount"}),
    ),
    ("gemini.interactions", frozenset({"total_input_tokens", "total_output_tokens"})),
    ("ollama.chat", frozenset({"prompt_eval_count", "eval_count", "done_reason"})),
    ("bedrock.converse", frozenset({"stopReason", "inputTokens", "outputTokens"})),
    ("cohere.chat_v2", frozenset({"billed_units", "meta"})),
    ("openai.chat", frozenset({"choices", "completion_tokens"})),
    (
        "openai.responses",
        frozenset({"input_tokens_details"}),
    ),  # also where a library says `stop_reason` beside it
    (
        "anthropic.messages",
        frozenset({"stop_reason", "cache_read_input_tokens", "cache_creation_input_tokens"}),
    ),
    ("openai.realtime", frozenset({"input_token_details", "output_token_details"})),
    ("openai.responses", frozenset({"output", "output_tokens", "input_tokens_details"})),
    ("openai.embeddings", frozenset({"data", "embeddings", "prompt_tokens", "total_tokens"})),
)
"""Fields of a response or of its usage that speak for a format; the first line with one of them wins."""

_PROVIDER_FORMATS = {
    "anthropic": "anthropic.messages",
    "bedrock": "bedrock.converse",
    "cohere": "cohere.chat_v2",
    "google": "gemini.generate",
    "ollama": "ollama.chat",
    "vertex": "gemini.generate",
    "voyage": "openai.embeddings",
}
"""What a provider speaks when the fields leave it open."""

_FOREIGN = frozenset({"choices", "prompt_tokens", "completion_tokens", "candidates"})
"""Fields that no provider's own format shares with another's, so they outweigh the provider."""

_FORMAT_PROVIDERS = {
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "cohere": "cohere",
    "gemini": "google",
    "ollama": "ollama",
    "openai": "openai",
}
_ALIASES = {
    "aws": "bedrock",
    "azure_openai": "azure",
    "gemini": "google",
    "google-gla": "google",
    "google-vertex": "vertex",
    "mistralai": "mistral",
    "vertex_ai": "vertex",
    "voyageai": "voyage",
    "x-ai": "xai",
}
"""Other names that people and price lists have for the same provider."""


_WAYS: tuple[Callable[[Any], Any], ...] = (
    lambda payload: payload.model_dump(
        mode="json", by_alias=True, warnings=False
    ),  # pydantic 2, enums as words
    lambda payload: payload.model_dump(by_alias=True, warnings=False),  # where something in it is no JSON
    lambda payload: payload.to_dict(),  # older SDKs
    lambda payload: payload.dict(by_alias=True),  # pydantic 1
    vars,
    lambda payload: payload._asdict(),  # named tuples
    lambda payload: {name: getattr(payload, name) for name in _slots(payload)},
)


def read_payload(payload: Any, *, provider: str | None = None, wire_format: str | None = None) -> Facts:
    """Return the facts of a decoded response; what cannot be read gives facts without a usage.

    Args:
        payload: A dict, an SDK's response object, or only its usage.
        provider: Who answered; None takes the one whose format it is.
        wire_format: The format's name; None looks at the fields.
    """
    document = as_document(payload)
    spoken = _ALIASES.get(provider or "", provider)
    if is_chat_message(document):
        return _answered(message_answer(provider), document)
    name = wire_format if wire_format in FORMATS else format_of(document, provider)
    facts = _facts_of(document, name, spoken or provider_of(name))
    facts.provider = provider or facts.provider
    return facts


def as_document(payload: Any) -> Mapping[str, Any]:
    """Return *payload* as a mapping: itself, what its own method of becoming a dict says, or its attributes."""
    if isinstance(payload, Mapping):
        return _camel_cased(payload) if _is_snake_cased(payload) else payload
    for way in _WAYS:
        try:
            document = way(payload)
        except Exception:  # an unknown object's methods may do anything
            document = None
        if isinstance(document, Mapping):
            return as_document(document)
    return {}


def _is_snake_cased(payload: Mapping[str, Any]) -> bool:
    """Whether it is an object of Gemini's SDK; Llama's bodies on Bedrock count the prompt under the same name."""
    if "response_metadata" in payload:  # LangChain's messages have a field of the same name
        return False
    counts_prompt = "prompt_token_count" in payload and "generation_token_count" not in payload
    return counts_prompt or "usage_metadata" in payload


def _slots(payload: Any) -> tuple[str, ...]:
    """Return the fields of an object without a `__dict__`: a msgspec Struct, or a dataclass with slots."""
    names: tuple[str, ...] = getattr(payload, "__struct_fields__", ()) or payload.__slots__
    return names


def provider_of(wire_format: str) -> str:
    """Return whose format it is, for those who know nothing else of who answered."""
    return _FORMAT_PROVIDERS.get(wire_format.partition(".")[0], "unknown")


def format_of(document: Mapping[str, Any], provider: str | None) -> str:
    """Return the format that the fields of a response, of a chunk or of a usage speak for.

    Args:
        document: The decoded response.
        provider: Who answered, by any of its names; None where nobody knows.
    """
    if named := _OBJECTS.get(str(document.get("object"))):
        return named
    if document.get("type") == "message":
        return "anthropic.messages"
    names = document.keys() | as_mapping(document.get("usage")).keys()
    spoken = _PROVIDER_FORMATS.get(_ALIASES.get(provider or "", provider or ""))
    if spoken is not None and not names & _FOREIGN - {"candidates" if spoken.startswith("gemini") else ""}:
        return spoken
    return next((name for name, traits in _TRAITS if traits & names), spoken or "openai.chat")


def message_answer(provider: str | None) -> Answer:
    """Return what reads a message of LangChain, whoever has answered; None as *provider* leaves it to the message."""
    return MessageAnswer(endpoint_for("openai.chat", provider=provider or "unknown"))


def _facts_of(document: Mapping[str, Any], name: str, provider: str) -> Facts:
    return _answered(FORMATS[name].answer(endpoint_for(name, provider=provider)), document)


def _answered(answer: Answer, document: Mapping[str, Any]) -> Facts:
    try:
        answer.add(answer.as_response(document))
        return answer.finish()
    except Exception:  # see the docstring: a strange payload is no reason to fail
        return answer.facts


def _camel_cased(value: Any) -> Any:
    """Return *value* with the field names that Gemini has on the wire; its SDK's objects have them in snake case."""
    if isinstance(value, Mapping):
        return {_camel(name): _camel_cased(item) for name, item in value.items()}
    return [_camel_cased(item) for item in value] if isinstance(value, list | tuple) else value


def _camel(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
