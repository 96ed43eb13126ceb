"""The URL of a call says who answers and what is spoken there; everything else is no inference."""

import pytest

from taximeter.providers import FORMATS, endpoint_for, identify
from taximeter.providers.directory import ROUTES
from taximeter.vocabulary import Operation

INFERENCES = [
    ("POST", "https://api.openai.com/v1/chat/completions", "openai", "openai.chat"),
    ("post", "api.openai.com/v1/chat/completions?x=1", "openai", "openai.chat"),
    ("POST", "https://eu.api.openai.com/v1/responses", "openai", "openai.responses"),
    ("POST", "https://api.openai.com/v1/responses/compact", "openai", "openai.responses_compact"),
    ("GET", "https://api.openai.com/v1/responses/resp_123", "openai", "openai.responses_get"),
    ("POST", "https://api.openai.com/v1/completions", "openai", "openai.completions"),
    ("POST", "https://api.openai.com/v1/embeddings", "openai", "openai.embeddings"),
    ("POST", "https://api.openai.com/v1/images/generations", "openai", "openai.images"),
    ("POST", "https://api.openai.com/v1/audio/transcriptions", "openai", "openai.transcription"),
    ("POST", "https://api.openai.com/v1/audio/speech", "openai", "openai.speech"),
    ("POST", "https://api.openai.com/v1/threads/runs", "openai", "openai.assistants_runs"),
    ("GET", "https://api.openai.com/v1/threads/t/runs/r", "openai", "openai.assistants_runs"),
    ("WS", "wss://api.openai.com/v1/realtime?model=gpt-realtime", "openai", "openai.realtime"),
    ("POST", "https://me.openai.azure.com/openai/deployments/d/chat/completions", "azure", "openai.chat"),
    ("POST", "https://me.services.ai.azure.com/models/chat/completions", "azure", "openai.chat"),
    ("POST", "https://api.anthropic.com/v1/messages", "anthropic", "anthropic.messages"),
    ("POST", "https://gateway.example.com/anthropic/v1/messages", "anthropic", "anthropic.messages"),
    (
        "POST",
        "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent",
        "google",
        "gemini.generate",
    ),
    (
        "POST",
        "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent?alt=sse",
        "google",
        "gemini.stream_generate",
    ),
    (
        "POST",
        "https://aiplatform.googleapis.com/v1/publishers/anthropic/models/claude@1:streamRawPredict",
        "vertex",
        "anthropic.messages",
    ),
    (
        "POST",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        "google",
        "openai.chat",
    ),
    ("POST", "http://localhost:11434/api/chat", "ollama", "ollama.chat"),
    ("POST", "http://127.0.0.1:11434/v1/chat/completions", "ollama", "openai.chat"),
    ("POST", "http://gpu-box:9000/api/embed", "ollama", "ollama.embed"),
    ("POST", "http://[::1]:8080/v1/chat/completions", "openai-compatible", "openai.chat"),
    ("POST", "http://localhost:4000/chat/completions", "openai-compatible", "openai.chat"),
    ("POST", "http://localhost:8080/completion", "llamacpp", "llamacpp.completion"),
    ("POST", "https://llm.example.com/v1/embeddings", "openai-compatible", "openai.embeddings"),
    ("POST", "https://openrouter.ai/api/v1/chat/completions", "openrouter", "openai.chat"),
    ("POST", "https://api.groq.com/openai/v1/chat/completions", "groq", "openai.chat"),
    ("POST", "https://api.deepseek.com/responses", "deepseek", "openai.responses"),
    ("POST", "https://api.mistral.ai/v1/ocr", "mistral", "mistral.ocr"),
    ("POST", "https://api.cohere.com/v2/chat", "cohere", "cohere.chat_v2"),
    ("POST", "https://api.cohere.com/v1/chat", "cohere", "cohere.chat_v1"),
    ("POST", "https://api.voyageai.com/v1/rerank", "voyage", "rerank"),
    ("POST", "https://api.voyageai.com/v1/multimodalembeddings", "voyage", "openai.embeddings"),
    ("POST", "https://api.voyageai.com/v1/contextualizedembeddings", "voyage", "openai.embeddings"),
    ("POST", "https://api.mistral.ai/v1/conversations", "mistral", "mistral.conversations"),
    ("POST", "https://api.mistral.ai/v1/conversations/c_1/restart", "mistral", "mistral.conversations"),
    (
        "POST",
        "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/text-generation/generation",
        "alibaba",
        "alibaba.generation",
    ),
    ("POST", "https://api.minimax.io/v1/text/chatcompletion_v2", "minimax", "openai.chat"),
    ("POST", "https://api.cohere.com/v1/summarize", "cohere", "cohere.generate_v1"),
    ("POST", "https://api.cohere.com/v1/classify", "cohere", "cohere.classify"),
    (
        "POST",
        "https://api-inference.huggingface.co/models/openai-community/gpt2",
        "huggingface",
        "huggingface.generate",
    ),
    ("POST", "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat?version=2", "watsonx", "watsonx.chat"),
    ("GRPC", "api.x.ai/xai_api.Chat/GetCompletion", "xai", "xai.grpc_chat"),
    (
        "POST",
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu/converse-stream",
        "bedrock",
        "bedrock.converse_stream",
    ),
]

GOOGLE = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1"

NAMED = [
    (f"{VERTEX}/endpoints/77:generateContent", "gemini.generate", "77"),
    (f"{VERTEX}/endpoints/77:streamGenerateContent", "gemini.stream_generate", "77"),
    (f"{GOOGLE}/tunedModels/mine-1:generateContent", "gemini.generate", "mine-1"),
    (f"{GOOGLE}/models/imagen-4.0-fast:predict", "vertex.predict_image", "imagen-4.0-fast"),
    (f"{VERTEX}/publishers/google/models/imagen-3:predict", "vertex.predict_image", "imagen-3"),
    (f"{VERTEX}/publishers/google/models/text-bison@002:predict", "vertex.predict_text", "text-bison@002"),
    (f"{VERTEX}/publishers/google/models/text-embedding-5:predict", "vertex.predict", "text-embedding-5"),
    ("https://api.cloudflare.com/client/v4/accounts/a/ai/run/@cf/m/l-1", "cloudflare.run", "@cf/m/l-1"),
    ("https://me.openai.azure.com/openai/deployments/art/images/generations", "openai.images", "art"),
    ("https://me.openai.azure.com/openai/deployments/ear/audio/translations", "openai.transcription", "ear"),
    ("https://me.openai.azure.com/openai/deployments/voice/audio/speech", "openai.speech", "voice"),
]

OTHERS = [
    ("POST", f"{VERTEX}/publishers/anthropic/models/count-tokens:rawPredict"),
    ("POST", "https://huggingface.co/api/models/me/mine"),
    ("GET", "https://api.openai.com/v1/chat/completions"),
    ("GET", "https://api.openai.com/v1/models"),
    ("POST", "https://api.openai.com/v1/moderations"),
    ("POST", "https://api.openai.com/v1/responses/input_tokens"),
    ("GET", "https://api.openai.com/v1/responses/resp_1/input_items"),
    ("POST", "https://api.openai.com/v1/files"),
    ("POST", "https://api.openai.com/v1/batches"),
    ("POST", "https://api.openai.com/v1/threads/t/messages"),
    ("POST", "https://api.anthropic.com/v1/messages/count_tokens"),
    ("POST", "https://api.anthropic.com/v1/messages/batches"),
    ("POST", "https://generativelanguage.googleapis.com/v1beta/models/g:countTokens"),
    ("POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/count-tokens"),
    ("POST", "https://api.cohere.com/v1/tokenize"),
    ("POST", "http://localhost:11434/api/show"),
    ("POST", "https://example.com/api/chat"),
    ("POST", "https://survey.example.com/forms/7/responses"),
    ("POST", "https://shop.example.com/images/edits"),
    ("GET", "https://example.com/"),
    ("POST", ""),
]


@pytest.mark.parametrize(("method", "url", "provider", "wire_format"), INFERENCES)
def test_an_inference_is_known_by_its_url(method: str, url: str, provider: str, wire_format: str) -> None:
    """Host and path name the provider and the format, with or without a scheme, port or query."""
    endpoint = identify(method, url)
    assert endpoint is not None
    assert (endpoint.provider, endpoint.wire_format) == (provider, wire_format)


@pytest.mark.parametrize(("method", "url"), OTHERS)
def test_what_is_no_inference_is_left_alone(method: str, url: str) -> None:
    """Lists, uploads, token counts, moderation and other people's services make no event."""
    assert identify(method, url) is None


def test_a_url_may_name_model_and_region() -> None:
    """Deployments, model paths and cloud regions are read from the address, decoded."""
    bedrock = identify("POST", "https://bedrock-runtime.eu-west-1.amazonaws.com/model/a%3Ab/invoke")
    vertex = identify(
        "POST",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/g-2:generateContent",
    )
    azure = identify("POST", "https://me.openai.azure.com/openai/deployments/mine/embeddings")
    assert bedrock is not None
    assert (bedrock.model, bedrock.region) == ("a:b", "eu-west-1")
    assert vertex is not None
    assert (vertex.model, vertex.region) == ("g-2", "global")
    assert azure is not None
    assert (azure.model, azure.operation) == ("mine", Operation.EMBEDDINGS)


@pytest.mark.parametrize(("url", "wire_format", "model"), NAMED)
def test_a_model_in_the_address_is_read(url: str, wire_format: str, model: str) -> None:
    """Endpoints, tuned models, predictions and deployments name what answers there."""
    endpoint = identify("POST", url)
    assert endpoint is not None
    assert (endpoint.wire_format, endpoint.model) == (wire_format, model)


def test_a_host_may_be_declared() -> None:
    """A house's own gateway answers under the name that its user gives it, at shorter paths too."""
    url = "https://llm.example.com:8443/embeddings"
    assert identify("POST", url) is None
    endpoint = identify("POST", url, declared={"llm.example.com": "azure"})
    assert endpoint is not None
    assert (endpoint.provider, endpoint.wire_format) == ("azure", "openai.embeddings")


def test_keys_in_a_query_are_not_kept() -> None:
    """Two URLs that differ in their query only are one entry in memory."""
    first = identify(
        "POST", "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent?key=a"
    )
    assert first is identify(
        "POST", "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent?key=b"
    )


def test_every_route_leads_to_a_format() -> None:
    """No line of the table names a format that does not exist, and every format can be had by name."""
    assert {route.wire_format for route in ROUTES} <= FORMATS.keys()
    assert all(endpoint_for(name).wire_format == name for name in FORMATS)
