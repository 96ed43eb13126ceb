"""Usage request: some servers count a stream's tokens only for those who ask.

Source: platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options (2026-11): one extra chunk
with an empty `choices` list before `[DONE]`.
"""

import msgspec

from taximeter.providers.endpoint import Endpoint
from taximeter.providers.openai_chat import ChatDocument

ASKED = frozenset(
    {
        "alibaba",
        "azure",
        "deepseek",
        "google",
        "huggingface",  # huggingface.co/docs/inference-providers/tasks/chat-completion, 2026-11
        "ollama",
        "openai",
        "openai-compatible",
        "vllm",
    }
)
"""Providers that document the option; the others tell without it, and some refuse fields that they do not know."""

FIRST_AZURE_VERSION = "2024-09-01"
"""Azure refuses the option in older versions, and beside its own data sources in any; dates compare as text.

See github.com/openai/openai-python/issues/1469, Azure/azure-sdk-for-java/issues/40998, Azure/azure-sdk-for-js/issues/30751.
"""

_FORMATS = frozenset({"openai.chat", "openai.completions"})
_body_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_options_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_chunk_decoder = msgspec.json.Decoder(ChatDocument)


def ask_for_usage(endpoint: Endpoint, body: bytes) -> bytes | None:
    """Return *body* with the stream's usage asked for, None when there is nothing to change.

    All other fields keep their bytes, so that what the application sends stays what it wrote.
    """
    if b'"stream"' not in body or b'"data_sources"' in body or not _may_ask(endpoint):
        return None
    try:
        fields = _body_decoder.decode(body)
        if bytes(fields.get("stream", b"")) != b"true":
            return None
        options = _options_decoder.decode(fields.get("stream_options", b"null")) or {}
        if bytes(options.get("include_usage", b"")) == b"true":
            return None
        options["include_usage"] = msgspec.Raw(b"true")
        fields["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
        return msgspec.json.encode(fields)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _may_ask(endpoint: Endpoint) -> bool:
    if endpoint.wire_format not in _FORMATS or endpoint.provider not in ASKED:
        return False
    return endpoint.api_version is None or endpoint.api_version >= FIRST_AZURE_VERSION


def is_usage_only(endpoint: Endpoint, document: bytes) -> bool:
    """Return whether *document*, one event's data, is the extra chunk: a usage and no choices."""
    if endpoint.wire_format not in _FORMATS or b'"usage"' not in document or b"[" not in document:
        return False
    try:
        chunk = _chunk_decoder.decode(document)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return chunk.choices == [] and chunk.usage is not None
