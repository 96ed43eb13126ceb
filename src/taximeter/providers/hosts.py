"""Hosts: who answers at a host name, and in which region."""

import re

HOSTS: tuple[tuple[str, str], ...] = (
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure"),
    ("services.ai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("models.ai.azure.com", "azure"),
    ("inference.ml.azure.com", "azure"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "vertex"),
    ("bedrock-runtime.", "bedrock"),
    ("bedrock-runtime-fips.", "bedrock"),
    ("bedrock-mantle.", "bedrock_mantle"),
    ("bedrock-agent-runtime.", "bedrock_agent"),
    ("api.ai21.com", "ai21"),
    ("api.aleph-alpha.com", "alephalpha"),
    ("aliyuncs.com", "alibaba"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cloudflare.com", "cloudflare"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("crusoecloud.com", "crusoe"),
    ("azuredatabricks.net", "databricks"),
    ("cloud.databricks.com", "databricks"),
    ("gcp.databricks.com", "databricks"),
    ("api.deepinfra.com", "deepinfra"),
    ("api.deepseek.com", "deepseek"),
    ("api.fireworks.ai", "fireworks"),
    ("models.github.ai", "github"),
    ("models.inference.ai.azure.com", "github"),
    ("api.groq.com", "groq"),
    ("huggingface.co", "huggingface"),
    ("endpoints.huggingface.cloud", "huggingface"),
    ("api.hyperbolic.xyz", "hyperbolic"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.minimax.io", "minimax"),
    ("api.minimaxi.com", "minimax"),
    ("api.moonshot.ai", "moonshot"),
    ("api.moonshot.cn", "moonshot"),
    ("api.novita.ai", "novita"),
    ("integrate.api.nvidia.com", "nvidia"),
    ("ollama.com", "ollama"),
    ("openrouter.ai", "openrouter"),
    ("api.perplexity.ai", "perplexity"),
    ("api.portkey.ai", "portkey"),
    ("api.replicate.com", "replicate"),
    ("api.sambanova.ai", "sambanova"),
    ("snowflakecomputing.com", "snowflake"),
    ("api.together.ai", "together"),
    ("api.together.xyz", "together"),
    ("ai-gateway.vercel.sh", "vercel"),
    ("api.voyageai.com", "voyage"),
    ("ml.cloud.ibm.com", "watsonx"),
    ("api.writer.com", "writer"),
    ("api.x.ai", "xai"),
    ("api.z.ai", "zai"),
    ("open.bigmodel.cn", "zai"),
)
"""Ends of host names; one that ends with a dot is a beginning. From each provider's API reference, 2026-11."""

_GATEWAY = re.compile(r"^gateway\.ai\.cloudflare\.com(?::\d+)?/v1/[^/]+/[^/]+/([^/]+)/")
_BEHIND_GATEWAY = {
    "aws-bedrock": "bedrock",
    "azure-openai": "azure",
    "compat": "cloudflare",
    "google-ai-studio": "google",
    "google-vertex-ai": "vertex",
    "grok": "xai",
    "perplexity-ai": "perplexity",
    "workers-ai": "cloudflare",
}
"""Cloudflare's gateway names the provider in its path (developers.cloudflare.com/ai-gateway, 2026-11): where its word
differs from ours."""

_OLLAMA_PORT = "11434"
_LOCAL = re.compile(r"[^.]+|localhost|[\d.]+|\[.*\]|.*\.(local|internal|lan|localhost)")
_REGIONS = (
    re.compile(r"^bedrock-(?:runtime|runtime-fips|mantle|agent-runtime)\.([a-z0-9-]+)\."),
    re.compile(r"/locations/([a-z0-9-]+)(?:/|$)"),
    re.compile(r"^([a-z]+-[a-z0-9-]+)-aiplatform\."),
    re.compile(r"^([a-z]{2})\.api\.openai\.com"),
)


def provider_of(host: str, path: str = "/") -> str | None:
    """Return who answers at *host*, None when it is none of the table.

    Args:
        host: The host in lower case, with or without a port.
        path: The path, which names the provider behind a gateway.
    """
    if behind := _GATEWAY.match(host + path):
        return _BEHIND_GATEWAY.get(behind[1], behind[1])
    name, _, port = host.partition(":")
    for pattern, provider in HOSTS:
        if name == pattern or name.endswith(("." + pattern, "-" + pattern)):
            return provider
        if pattern.endswith(".") and name.startswith(pattern):
            return provider
    return "ollama" if _OLLAMA_PORT in (port, name) else None


def is_local(host: str) -> bool:
    """Return whether the host looks like this machine or this network."""
    return _LOCAL.fullmatch(host if host.startswith("[") else host.partition(":")[0]) is not None


def region_of(host: str, path: str) -> str | None:
    """Return the cloud region that the address names."""
    for pattern in _REGIONS:
        if match := pattern.search(host) or pattern.search(path):
            return match[1]
    return None
