"""The official clients, how to call each, and what its event must say: one table for the tests and for the docs."""

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from loopback import Trouble

QUESTION = "What does a taximeter do?"

Call = Callable[[Any, str], Any]
"""Calls a client with a text."""


class Expected(NamedTuple):
    """What the event of a successful call says."""

    provider: str
    wire_format: str
    model: str
    input_tokens: int
    output_tokens: int
    stream_format: str | None = None
    """Where it is another one for streams."""


class Client(NamedTuple):
    """One class of client, or the sync and the async one of a pair."""

    name: str
    package: str
    module: str
    rides_on: str
    expected: Expected
    make: Callable[[], Any] | None
    make_async: Callable[[], Any] | None
    calls: dict[str, Call]
    """By column; a column that is missing is something that this client does not have."""
    async_calls: dict[str, Call] | None = None
    """Where they are named differently."""
    asyncio_only: bool = False


COLUMNS = {
    "whole": "a whole answer",
    "stream": "a stream, read to its end",
    "raw": "`with_raw_response`, or what comes next to it",
    "streamed raw": "`with_streaming_response`",
    "copy": "a copy with other options",
    "error": "a refused call (400)",
    "retry": "a retry of the client's own, after a 429",
}


def chat(client: Any, text: str, **options: Any) -> Any:
    """Call what has OpenAI's shape."""
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], **options
    )


MODEL = "some-model"
CLAUDE = "claude-haiku-4-5"
STAINLESS_CHAT: dict[str, Call] = {
    "whole": chat,
    "stream": lambda c, text: chat(c, text, stream=True),
    "raw": lambda c, text: c.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": text}]
    ),
    "streamed raw": lambda c, text: c.chat.completions.with_streaming_response.create(
        model=MODEL, messages=[{"role": "user", "content": text}], stream=True
    ),
    "copy": lambda c, text: chat(c.with_options(timeout=9), text),
    "error": chat,
    "retry": chat,
}


def without(calls: dict[str, Call], *columns: str) -> dict[str, Call]:
    """Return the calls but those of some columns."""
    return {column: call for column, call in calls.items() if column not in columns}


def message(client: Any, text: str, **options: Any) -> Any:
    """Call Anthropic's messages."""
    return client.messages.create(
        model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": text}], **options
    )


MESSAGES: dict[str, Call] = {
    "whole": message,
    "stream": lambda c, text: message(c, text, stream=True),
    "raw": lambda c, text: c.messages.with_raw_response.create(
        model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": text}]
    ),
    "streamed raw": lambda c, text: c.messages.with_streaming_response.create(
        model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": text}], stream=True
    ),
    "copy": lambda c, text: message(c.with_options(timeout=9), text),
    "error": message,
    "retry": message,
}
GEMINI: dict[str, Call] = {
    "whole": lambda c, text: c.models.generate_content(model="gemini-2.5-flash", contents=text),
    "stream": lambda c, text: c.models.generate_content_stream(model="gemini-2.5-flash", contents=text),
    "error": lambda c, text: c.models.generate_content(model="gemini-2.5-flash", contents=text),
    "retry": lambda c, text: c.models.generate_content(model="gemini-2.5-flash", contents=text),
}


def _mistral(method: str) -> Call:
    return lambda c, text: getattr(c.chat, method)(
        model=MODEL, messages=[{"role": "user", "content": text}], retries=_mistral_retries()
    )


def _mistral_retries() -> Any:
    utils = import_module("mistralai.client.utils")
    return utils.RetryConfig("backoff", utils.BackoffStrategy(1, 2, 1.1, 1000), retry_connection_errors=True)


MISTRAL = dict.fromkeys(("whole", "error", "retry"), _mistral("complete")) | {"stream": _mistral("stream")}
ASYNC_MISTRAL = dict.fromkeys(("whole", "error", "retry"), _mistral("complete_async")) | {
    "stream": _mistral("stream_async")
}


def _cohere_v1(client: Any, text: str) -> Any:
    return client.chat(model=MODEL, message=text)


def _cohere_v2(client: Any, text: str) -> Any:
    return client.chat(model=MODEL, messages=[{"role": "user", "content": text}])


COHERE_V1: dict[str, Call] = {
    **dict.fromkeys(("whole", "error", "retry"), _cohere_v1),
    "stream": lambda c, text: c.chat_stream(model=MODEL, message=text),
    "raw": lambda c, text: c.with_raw_response.chat(model=MODEL, message=text),
}
COHERE_V2: dict[str, Call] = {
    **dict.fromkeys(("whole", "error", "retry"), _cohere_v2),
    "stream": lambda c, text: c.chat_stream(model=MODEL, messages=[{"role": "user", "content": text}]),
    "raw": lambda c, text: c.with_raw_response.chat(
        model=MODEL, messages=[{"role": "user", "content": text}]
    ),
}
OLLAMA: dict[str, Call] = {
    **dict.fromkeys(
        ("whole", "error"),
        lambda c, text: c.chat(model="llama3.2", messages=[{"role": "user", "content": text}]),
    ),
    "stream": lambda c, text: c.chat(
        model="llama3.2", messages=[{"role": "user", "content": text}], stream=True
    ),
}
HUGGING_FACE: dict[str, Call] = {
    **dict.fromkeys(
        ("whole", "error"),
        lambda c, text: c.chat_completion([{"role": "user", "content": text}], model=MODEL),
    ),
    "stream": lambda c, text: c.chat_completion(
        [{"role": "user", "content": text}], model=MODEL, stream=True
    ),
}


def _converse(client: Any, text: str) -> Any:
    return client.converse(modelId=CLAUDE, messages=[{"role": "user", "content": [{"text": text}]}])


def _claude_body(text: str) -> str:
    return json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": text}],
        }
    )


def _invoke(client: Any, text: str) -> Any:
    return client.invoke_model(modelId=CLAUDE, body=_claude_body(text))


CONVERSE: dict[str, Call] = {
    **dict.fromkeys(("whole", "error", "retry"), _converse),
    "stream": lambda c, text: c.converse_stream(
        modelId=CLAUDE, messages=[{"role": "user", "content": [{"text": text}]}]
    ),
}
INVOKE: dict[str, Call] = {
    **dict.fromkeys(("whole", "error", "retry"), _invoke),
    "stream": lambda c, text: c.invoke_model_with_response_stream(modelId=CLAUDE, body=_claude_body(text)),
}


def maker(path: str, **options: Any) -> Callable[[], Any]:
    """Return what makes a client; its module is imported then, because not everyone has it.

    Args:
        path: Module and class, as in `openai:OpenAI`.
        options: How to make it.
    """
    module, _, name = path.partition(":")
    return lambda: getattr(import_module(module), name)(**options)


def _boto3() -> Any:
    config = import_module("botocore.config").Config(retries={"mode": "standard", "total_max_attempts": 2})
    client = import_module("boto3").client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        endpoint_url="http://bedrock-runtime.us-east-1.amazonaws.com",
        config=config,
    )
    client.meta.events.register_first("needs-retry.bedrock-runtime", _retry_at_once)
    return client


def _retry_at_once(response: Any, attempts: int, **_: Any) -> int | None:
    """Take the place of botocore's own waiting."""
    return 0 if response is not None and response[0].status_code == 429 and attempts < 2 else None


def _gemini() -> Any:
    types = import_module("google.genai.types")
    options = types.HttpOptions(
        base_url="http://generativelanguage.googleapis.com",
        retry_options=types.HttpRetryOptions(attempts=2, initial_delay=0.001, max_delay=0.001, jitter=0.0),
    )
    return import_module("google.genai").Client(api_key="key", http_options=options)


CHAT = Expected("openai", "openai.chat", MODEL, 1843, 212)
CLAUDE_EXPECTED = Expected("anthropic", "anthropic.messages", CLAUDE, 6752, 387)
BEDROCK_EXPECTED = CLAUDE_EXPECTED._replace(
    provider="bedrock", wire_format="bedrock.invoke", stream_format="bedrock.invoke_stream"
)
COHERE = Expected("cohere", "cohere.chat_v2", MODEL, 71, 418)
KEY = {"api_key": "key"}
AZURE = {**KEY, "azure_endpoint": "http://unit.openai.azure.com", "api_version": "2024-10-21"}
AWS_KEYS = {"aws_access_key": "key", "aws_secret_key": "secret", "aws_region": "us-east-1"}
BEDROCK = {**AWS_KEYS, "base_url": "http://bedrock-runtime.us-east-1.amazonaws.com"}
VERTEX = {
    "region": "us-east5",
    "project_id": "project",
    "access_token": "token",
    "base_url": "http://us-east5-aiplatform.googleapis.com/v1",
}
CEREBRAS = {**KEY, "base_url": "http://api.cerebras.ai", "warm_tcp_connection": False}
HF_URL = {**KEY, "base_url": "http://unit.endpoints.huggingface.cloud/v1"}


def pair(path: str, **options: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the makers of a client and of its async twin."""
    module, _, name = path.partition(":")
    return maker(path, **options), maker(f"{module}:Async{name}", **options)


CLIENTS = (
    Client(
        "OpenAI",
        "openai",
        "openai",
        "httpx2",
        CHAT,
        *pair("openai:OpenAI", **KEY, base_url="http://api.openai.com/v1"),
        STAINLESS_CHAT,
    ),
    Client(
        "AzureOpenAI",
        "openai",
        "openai",
        "httpx2",
        CHAT._replace(provider="azure"),
        *pair("openai:AzureOpenAI", **AZURE),
        STAINLESS_CHAT,
    ),
    Client(
        "Anthropic",
        "anthropic",
        "anthropic",
        "httpx2",
        CLAUDE_EXPECTED,
        *pair("anthropic:Anthropic", **KEY, base_url="http://api.anthropic.com"),
        MESSAGES,
    ),
    Client(
        "AnthropicBedrock",
        "anthropic",
        "anthropic",
        "httpx2",
        BEDROCK_EXPECTED,
        *pair("anthropic:AnthropicBedrock", **BEDROCK),
        MESSAGES,
    ),
    Client(
        "AnthropicVertex",
        "anthropic",
        "anthropic",
        "httpx2",
        CLAUDE_EXPECTED._replace(provider="vertex"),
        *pair("anthropic:AnthropicVertex", **VERTEX),
        MESSAGES,
    ),
    Client(
        "google.genai.Client",
        "google-genai",
        "google.genai",
        "httpx2, aiohttp",
        Expected(
            "google",
            "gemini.generate",
            "gemini-2.5-flash",
            2310,
            708,
            stream_format="gemini.stream_generate",
        ),
        _gemini,
        _gemini,
        GEMINI,
        asyncio_only=True,
    ),
    Client(
        "Mistral",
        "mistralai",
        "mistralai",
        "httpx2",
        CHAT._replace(provider="mistral"),
        maker("mistralai.client:Mistral", **KEY, server_url="http://api.mistral.ai"),
        maker("mistralai.client:Mistral", **KEY, server_url="http://api.mistral.ai"),
        MISTRAL,
        ASYNC_MISTRAL,
        asyncio_only=True,
    ),
    Client(
        "Groq",
        "groq",
        "groq",
        "httpx",
        CHAT._replace(provider="groq"),
        *pair("groq:Groq", **KEY, base_url="http://api.groq.com"),
        STAINLESS_CHAT,
    ),
    Client(
        "cohere.Client",
        "cohere",
        "cohere",
        "httpx",
        COHERE._replace(wire_format="cohere.chat_v1"),
        maker("cohere:Client", **KEY, base_url="http://api.cohere.com"),
        maker("cohere:AsyncClient", **KEY, base_url="http://api.cohere.com"),
        COHERE_V1,
        asyncio_only=True,
    ),
    Client(
        "cohere.ClientV2",
        "cohere",
        "cohere",
        "httpx",
        COHERE,
        maker("cohere:ClientV2", **KEY, base_url="http://api.cohere.com"),
        maker("cohere:AsyncClientV2", **KEY, base_url="http://api.cohere.com"),
        COHERE_V2,
        asyncio_only=True,
    ),
    Client(
        "Together",
        "together",
        "together",
        "httpx",
        CHAT._replace(provider="together"),
        *pair("together:Together", **KEY, base_url="http://api.together.xyz/v1"),
        STAINLESS_CHAT,
    ),
    Client(
        "Fireworks",
        "fireworks-ai",
        "fireworks",
        "httpx, aiohttp",
        CHAT._replace(provider="fireworks"),
        *pair("fireworks:Fireworks", **KEY, base_url="http://api.fireworks.ai"),
        STAINLESS_CHAT,
        asyncio_only=True,
    ),
    Client(
        "Cerebras",
        "cerebras-cloud-sdk",
        "cerebras.cloud.sdk",
        "httpx",
        CHAT._replace(provider="cerebras"),
        *pair("cerebras.cloud.sdk:Cerebras", **CEREBRAS),
        STAINLESS_CHAT,
    ),
    Client(
        "ollama.Client",
        "ollama",
        "ollama",
        "httpx",
        Expected("ollama", "ollama.chat", "llama3.2", 326, 98),
        maker("ollama:Client", host="http://127.0.0.1:11434"),
        maker("ollama:AsyncClient", host="http://127.0.0.1:11434"),
        OLLAMA,
    ),
    Client(
        "InferenceClient",
        "huggingface_hub",
        "huggingface_hub",
        "httpx2",
        CHAT._replace(provider="huggingface"),
        maker("huggingface_hub:InferenceClient", **HF_URL),
        maker("huggingface_hub:AsyncInferenceClient", **HF_URL),
        HUGGING_FACE,
    ),
    Client(
        "bedrock-runtime: converse, converse_stream",
        "boto3",
        "boto3",
        "botocore",
        Expected("bedrock", "bedrock.converse", CLAUDE, 125, 60, stream_format="bedrock.converse_stream"),
        _boto3,
        None,
        CONVERSE,
    ),
    Client(
        "bedrock-runtime: invoke_model, ..._with_response_stream",
        "boto3",
        "boto3",
        "botocore",
        BEDROCK_EXPECTED,
        _boto3,
        None,
        INVOKE,
    ),
)

TEXTS = {"error": Trouble.BAD_REQUEST, "retry": Trouble.RATE_LIMIT_ONCE}


def text_for(column: str) -> str:
    """Return what to say for the server to do what a column is about."""
    return str(TEXTS.get(column, QUESTION))
