"""Spelling: different names of the same model, and nothing guessed."""

import pytest

from price_lists import SHIPPED
from taximeter.pricing.spelling import is_local, stems, table_name, wire_name


def known_as(provider: str, model: str) -> str | None:
    entry = SHIPPED.entry(provider, model)
    return None if entry is None else entry.id


@pytest.mark.parametrize(
    ("provider", "model", "listed"),
    [
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("openai", "GPT-4o", "openai/gpt-4o"),
        ("openai", "openai/gpt-4o", "openai/gpt-4o"),
        ("openai", "gpt-5.2-20251211", "openai/gpt-5.2"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", "openai/ft:gpt-4o-mini"),
        ("azure", "gpt-4o-mini-2024-07-18.ft-0123456789", "openai/gpt-4o-mini-2024-07-18.ft-"),
        ("azure", "gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("google", "models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("google", "gemini-2.5-pro-preview-06-05", "google/gemini-2.5-pro"),
        ("vertex", "publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("vertex", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0"),
        ("bedrock", "us.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
        (
            "bedrock",
            "anthropic.claude-3-haiku-20240307-v1:0:48k",
            "aws/regional.anthropic.claude-3-haiku-20240307-v1:0",
        ),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-5-20251101-v1:0",
            "aws/regional.anthropic.claude-opus-4-5-v1:0",
        ),
        (
            "bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("xai", "grok-4", "x-ai/grok-4-0709"),
        ("x-ai", "grok-4", "x-ai/grok-4-0709"),
        ("voyage", "voyage-3.5", "voyageai/voyage-3.5"),
        ("huggingface", "deepseek-ai/DeepSeek-R1:together", "huggingface_together/deepseek-ai/DeepSeek-R1"),
    ],
)
def test_a_model_has_many_names(provider: str, model: str, listed: str) -> None:
    """Dates, paths, regions and fine-tuning leave the model what it is."""
    assert known_as(provider, model) == listed


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-my-own-thing"),
        ("openai", "gpt-4o-2099-01-01"),
        ("openai", "gpt-4"[:-1]),
        ("anthropic", "claude-sonnet-4-5-my-own-thing"),
        ("anthropic", "claude-opus"),
        ("azure", "our-deployment"),
        ("nobody", "gpt-4o"),
        ("openai", ""),
        ("google", "gemini-1.5-flash-64b"),
    ],
)
def test_nothing_is_guessed(provider: str, model: str) -> None:
    """A name that only begins like a model's is another model's."""
    assert known_as(provider, model) is None


def test_regions_have_their_own_price() -> None:
    """Bedrock's regional profiles cost a tenth more than the global one where the list says so."""
    catalog = SHIPPED
    for model in ("claude-sonnet-4-5-20250929-v1:0", "claude-haiku-4-5-20251001-v1:0"):
        regional = catalog.entry("bedrock", f"eu.anthropic.{model}")
        worldwide = catalog.entry("bedrock", f"global.anthropic.{model}")
        assert regional is not None
        assert worldwide is not None
        assert regional.rows[0].rates["input"] * 10 == worldwide.rows[0].rates["input"] * 11


def test_a_local_runtime_is_local_unless_the_model_cannot_be() -> None:
    """What nobody can run at home is not free for coming through a gateway at home."""
    assert is_local("ollama", "llama3.2:3b")
    assert is_local("Ollama", "gpt-oss:20b")
    assert is_local("local", "gemma-3-270m")
    assert not is_local("ollama", "gpt-oss:120b-cloud")
    assert not is_local("local", "gpt-5-mini")
    assert not is_local("openai", "llama3.2:3b")


def test_providers_have_many_names() -> None:
    """Both our names and the table's are taken."""
    assert table_name("xai") == table_name("x-ai") == "x-ai"
    assert table_name("Bedrock") == "aws"
    assert (wire_name("x-ai"), wire_name("voyageai"), wire_name("aws")) == ("xai", "voyage", "bedrock")
    assert (wire_name("vertex_ai"), wire_name("gemini"), wire_name("openai")) == (
        "vertex",
        "google",
        "openai",
    )


def test_a_stem_loses_dates_and_versions_only() -> None:
    """Each step takes one mark off the end, and words stay."""
    assert list(stems("gemini-2.5-pro-preview-06-05")) == [
        "gemini-2.5-pro-preview-06-05",
        "gemini-2.5-pro-preview",
        "gemini-2.5-pro",
    ]
    assert list(stems("claude-3-5-sonnet-mine")) == ["claude-3-5-sonnet-mine"]
