"""A host name says who answers; an address on this network says that it is ours."""

import pytest

from taximeter.providers.hosts import is_local, provider_of


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("api.openai.com:443", "openai"),
        ("us.api.openai.com", "openai"),
        ("api.openai.com.evil.example", None),
        ("myapi.openai.community", None),
        ("europe-west4-aiplatform.googleapis.com", "vertex"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock"),
        ("localhost:11434", "ollama"),
        ("localhost:8000", None),
        ("", None),
    ],
)
def test_only_whole_names_count(host: str, provider: str | None) -> None:
    """Neither a port nor a subdomain matters, but a name that merely contains another is not it."""
    assert provider_of(host) == provider


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "10.0.0.7:80", "[::1]:8080", "gpu", "a.local"]
)
def test_private_addresses_are_local(host: str) -> None:
    """Loopback, plain IP addresses and single names are ours."""
    assert is_local(host)
    assert not is_local("llm.example.com")


@pytest.mark.parametrize(
    ("word", "provider"), [("openai", "openai"), ("google-ai-studio", "google"), ("compat", "cloudflare")]
)
def test_a_gateway_names_who_is_behind_it(word: str, provider: str) -> None:
    """Calls through it are priced as calls of the provider that answers."""
    assert (
        provider_of("gateway.ai.cloudflare.com", f"/v1/account/gateway/{word}/chat/completions") == provider
    )
