"""Another model in the place of the one that was called."""

import pytest

from price_lists import SHIPPED
from taximeter.errors import ConfigurationError
from taximeter.report.circumstances import Circumstances
from taximeter.report.substitution import Substitution, read_substitution, substituted
from taximeter.usage import Usage

CALL = Circumstances(
    usage=Usage(uncached_input_tokens=1),
    provider="azure",
    model="gpt-4o-2024-08-06",
    requested_model="gpt-4o",
    at_us=0,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-4o=gpt-5", Substitution(model="gpt-4o", to_model="gpt-5")),
        ("gpt-*=openai/gpt-5", Substitution(model="gpt-*", to_provider="openai", to_model="gpt-5")),
        ("anthropic/*=gpt-5", Substitution(provider="anthropic", model="*", to_model="gpt-5")),
        ("*=ollama/llama3", Substitution(model="*", to_provider="ollama", to_model="llama3")),
    ],
)
def test_what_is_written_is_read(text: str, expected: Substitution) -> None:
    """A provider may stand before either model."""
    assert read_substitution(text, SHIPPED) == expected


@pytest.mark.parametrize("text", ["gpt-5", "=gpt-5", "gpt-4o=", "gpt-4o=*", "gpt-4o=nobody-sells-this"])
def test_what_cannot_be_is_refused(text: str) -> None:
    """Another form, or a model without a price, is said before anything is read."""
    with pytest.raises(ConfigurationError, match="--model"):
        read_substitution(text, SHIPPED)


def test_the_provider_stays_where_it_has_the_model() -> None:
    """Azure sells GPT-5 too; where it does not sell a model, its maker does."""
    there = substituted(CALL, [Substitution(model="gpt-4o", to_model="gpt-5")], SHIPPED)
    assert (there.provider, there.model) == ("azure", "gpt-5")
    away = substituted(CALL, [Substitution(model="gpt-4o", to_model="gemini-2.5-pro")], SHIPPED)
    assert (away.provider, away.model) == ("google", "gemini-2.5-pro")


def test_the_first_that_is_for_a_call_counts() -> None:
    """Of several mappings one holds, and calls that none is for stay as they are."""
    pair = [Substitution(model="gpt-4o*", to_model="gpt-5"), Substitution(model="*", to_model="gpt-4.1")]
    assert substituted(CALL, pair, SHIPPED).model == "gpt-5"
    other = [Substitution(provider="openai", model="*", to_model="gpt-5")]
    assert substituted(CALL, other, SHIPPED) is CALL
