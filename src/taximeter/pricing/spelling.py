"""Spelling: which names of providers and models mean the same.

Nothing is guessed: a name is taken apart along marks that providers document (a path, a region, a date), and what is
left must stand in the table. `gpt-4o-my-own-thing` therefore has no price.
"""

import re
from collections.abc import Iterator

_TABLE_NAMES = {
    "azure_openai": "azure",
    "azure-openai": "azure",
    "azure_ai": "azure",
    "bedrock": "aws",
    "amazon": "aws",
    "amazon-bedrock": "aws",
    "aws_bedrock": "aws",
    "aws-bedrock": "aws",
    "copilot": "github-copilot",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "gemini": "google",
    "google_genai": "google",
    "google-genai": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "vertex": "google",
    "vertex_ai": "google",
    "vertexai": "google",
    "hugging_face": "huggingface",
    "hf": "huggingface",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "novita_ai": "novita",
    "pplx": "perplexity",
    "together_ai": "together",
    "together-ai": "together",
    "togetherai": "together",
    "voyage": "voyageai",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
    "x.ai": "x-ai",
    "xai": "x-ai",
    "z.ai": "zai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}

_WIRE_NAMES = {
    "aws": "bedrock",
    "moonshotai": "moonshot",
    "voyageai": "voyage",
    "x-ai": "xai",
}

LOCAL_PROVIDERS = frozenset(
    {
        "ollama",
        "llama.cpp",
        "llamacpp",
        "llama-cpp",
        "llama_cpp",
        "lmstudio",
        "lm-studio",
        "localai",
        "local",
        "vllm",
    }
)
"""Runtimes on one's own machines: no call is billed, so each is free by rule and not for want of a price."""

_HOSTED = re.compile(r"^(?:[a-z]+/)?(?:gpt-\d|chatgpt-|o\d\b|claude-|gemini-|grok-[3-9])|[-:]cloud$")
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|global|regional|jp|au|ca|sa|in|me|af|uk|mx)\.(?=[a-z0-9-]+\.)")
_VERSION = re.compile(
    r"(?:[-@:](?:latest|preview|exp|experimental|20\d\d-\d\d-\d\d|\d\d-20\d\d|\d\d-\d\d|\d{8}|\d{6}|\d{3,4}|v\d+(?::\d)?)"
    r"|:\d(?::\d+k)?)$"
)
_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=$|[-:])")
_ROUTED = re.compile(
    r":(?:nitro|floor|exacto)$"
)  # OpenRouter's words for how to choose among the hosts of a model
_TUNED_ON_AZURE = re.compile(r"\.ft-.*$")  # gpt-4o-mini-2024-07-18.ft-0123456789abcdef


def table_name(provider: str) -> str:
    """Return the table's name of a provider: `xai` and `x-ai` are the same."""
    name = provider.strip().lower()
    return _TABLE_NAMES.get(name, name)


def wire_name(provider: str) -> str:
    """Return our own name of a provider, which `providers` uses, from any of its names."""
    name = provider.strip().lower()
    if name in _TABLE_NAMES and _TABLE_NAMES[name] == "google":
        return "vertex" if "vertex" in name else "google"  # one price list, two services
    return _WIRE_NAMES.get(table_name(name), table_name(name))


def is_local(provider: str, model: str) -> bool:
    """Whether the model runs on one's own machine.

    Ollama's `-cloud` models do not, nor do models whose weights nobody can have: they are behind a local gateway.
    """
    if provider.strip().lower() not in LOCAL_PROVIDERS:
        return False
    return _HOSTED.search(model.lower()) is None


def spellings(model: str, provider: str) -> Iterator[str]:
    """Yield the names to look for, the most literal first, in lower case."""
    name = model.strip().lower()
    yield name
    if "/" in name:
        yield from _tails(name, provider)
        name = name.rsplit("/", 1)[1] if _is_path(name) else name
    if provider == "openrouter" and (routed := _ROUTED.sub("", name)) != name:
        name = routed
        yield name
    if name.startswith("ft:"):
        name = ":".join(name.split(":")[:2])  # ft:<base>:<organisation>:<name>:<id>
        yield name
    if "@" in name:
        name = name.split("@", 1)[0]
        yield name
    if (local := _REGION.sub("", name)) != name:
        name = local
        yield name
    if (tuned := _TUNED_ON_AZURE.sub(".ft-", name)) != name:
        yield tuned
    if (dashed := _COMPACT_DATE.sub(r"-\1-\2-\3", name)) != name:
        yield dashed


def _is_path(name: str) -> bool:
    """Whether the name is a resource, such as publishers/…/models/… or arn:aws:bedrock:…:inference-profile/…."""
    return "models/" in name or name.startswith("arn:") or "-profile/" in name


def _tails(name: str, provider: str) -> Iterator[str]:
    head, _, tail = name.partition("/")
    if _is_path(name):
        yield name.rsplit("/", 1)[1]
    elif table_name(head) == provider:  # openai/gpt-4o asked of openai
        yield tail


def stems(name: str) -> Iterator[str]:
    """Yield the name without its trailing dates and versions, one less at a time."""
    yield name
    while (shorter := _VERSION.sub("", name, count=1)) != name:
        name = shorter
        yield name
