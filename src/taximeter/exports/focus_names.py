"""Names: what providers and their services are called in a bill."""

import msgspec


class ServiceNames(msgspec.Struct, frozen=True):
    """The provider, and the service of its that answered."""

    provider: str
    service: str


_NAMES = {
    "anthropic": ("Anthropic", "Claude API"),
    "azure": ("Microsoft", "Azure OpenAI"),
    "bedrock": ("AWS", "Amazon Bedrock"),
    "cerebras": ("Cerebras", "Cerebras Inference"),
    "cohere": ("Cohere", "Cohere API"),
    "deepseek": ("DeepSeek", "DeepSeek API"),
    "fireworks": ("Fireworks AI", "Fireworks AI"),
    "google": ("Google", "Gemini API"),
    "groq": ("Groq", "GroqCloud"),
    "huggingface": ("Hugging Face", "Hugging Face Inference Providers"),
    "mistral": ("Mistral AI", "Mistral API"),
    "openai": ("OpenAI", "OpenAI API"),
    "openrouter": ("OpenRouter", "OpenRouter"),
    "perplexity": ("Perplexity", "Perplexity API"),
    "together": ("Together AI", "Together AI"),
    "vertex": ("Google Cloud", "Vertex AI"),
    "voyage": ("Voyage AI", "Voyage AI API"),
    "xai": ("xAI", "xAI API"),
}


def service_names(provider: str) -> ServiceNames:
    """Return the names of a provider; one that is not known here keeps its name, and so does its service."""
    return ServiceNames(*_NAMES.get(provider, (provider or "unknown", provider or "unknown")))
