"""Pricing recorded calls again."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import NOVEMBER_US
from price_lists import MTOK, NOON_2026, SHIPPED, catalog_of
from taximeter.builder import EventBuilder
from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog, Override
from taximeter.pricing.table import Row
from taximeter.report.repricing import FROM_TAG, Fate, Terms, reprice, reprice_all
from taximeter.report.substitution import read_substitution
from taximeter.usage import Usage

MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-5"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"),
    ("openai", "nobody-sells-this"),
    ("ollama", "llama3.2"),
]
COUNTS = st.none() | st.integers(min_value=0, max_value=10**7)
USAGES = st.builds(
    Usage,
    uncached_input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_5m_tokens=COUNTS,
    cache_write_1h_tokens=COUNTS,
    audio_input_tokens=COUNTS,
    text_output_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    units=st.sampled_from([None, {"web_search": 3}]),
)


def priced_call(
    model: str = "gpt-4o", provider: str = "openai", catalog: Catalog = SHIPPED, **fields: object
) -> TaskCompletionEvent:
    builder = EventBuilder(catalog=catalog)
    usage = Usage(uncached_input_tokens=1000, cache_read_tokens=400, text_output_tokens=100)
    values: dict[str, object] = {"started_at_us": NOVEMBER_US, "usage": usage, **fields}
    make: Callable[..., TaskCompletionEvent] = builder.build
    return make(provider=provider, model=model, **values)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(MODELS),
            USAGES,
            st.sampled_from([None, {"processing": "batch"}]),
            st.integers(min_value=NOVEMBER_US - 10**14, max_value=NOVEMBER_US),
        ),
        max_size=8,
    )
)
def test_the_same_prices_change_nothing(
    calls: list[tuple[tuple[str, str], Usage, dict[str, str] | None, int]],
) -> None:
    """A call priced again by the table it was priced with costs the same, to the nanodollar, unknown ones included."""
    events = [
        priced_call(model, provider, usage=usage, price_context=context, started_at_us=at_us)
        for (provider, model), usage, context, at_us in calls
    ]
    result = reprice_all(events, SHIPPED)
    assert result.total.difference_usd_nanos == 0
    assert result.total.before == result.total.after
    assert set(result.total.fates) <= {Fate.SAME, Fate.STILL_UNPRICED}


def test_a_date_gives_all_calls_the_prices_of_that_day() -> None:
    """What was cheaper later is shown at the earlier price, whenever the call was made."""
    catalog = catalog_of(
        Row({"input": 4 * MTOK, "output": 0}, until_us=NOON_2026),
        Row({"input": MTOK, "output": 0}, from_us=NOON_2026),
    )
    event = priced_call("one", "acme", catalog, started_at_us=NOON_2026 + 1)
    assert event.actual_cost_usd_nanos == 1_400_000
    found = reprice(event, catalog, Terms(at_us=NOON_2026 - 1))
    assert (found.fate, found.after.actual_cost_usd_nanos) == (Fate.CHANGED, 5_600_000)
    assert found.before is event


def test_a_contract_is_an_override() -> None:
    """Twenty percent off the list are exactly twenty percent less."""
    event = priced_call()
    result = reprice_all([event], SHIPPED.with_overrides(Override(multiplier="0.8")))
    assert event.actual_cost_usd_nanos is not None
    assert result.total.after.cost_usd_nanos * 10 == event.actual_cost_usd_nanos * 8


def test_what_the_provider_said_stays_unless_asked() -> None:
    """A reported cost is the provider's; the list's price is shown for it only where somebody wants it."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.5}
    event = EventBuilder(catalog=SHIPPED).build(
        provider="openrouter", model="openai/gpt-4o", response={"usage": usage}, started_at_us=NOVEMBER_US
    )
    kept = reprice(event, SHIPPED.with_overrides(Override(multiplier="0")))
    assert (kept.fate, kept.after.actual_cost_usd_nanos) == (Fate.KEPT, 500_000_000)
    asked = reprice(event, SHIPPED, Terms(reported=True))
    assert asked.after.actual_cost_usd_nanos == 3_500_000


def test_a_model_that_has_a_price_by_now_is_counted() -> None:
    """Calls that were unpriced and have a price afterwards are told apart from those that changed."""
    event = priced_call("one", "acme")
    assert event.actual_cost_usd_nanos is None
    catalog = catalog_of(Row({"input": MTOK, "output": MTOK}))
    result = reprice_all([event, event], catalog)
    assert result.total.fates == {Fate.NEWLY_PRICED: 2}
    assert result.total.difference_usd_nanos == 3_000_000
    assert (result.total.before.unpriced_calls, result.total.after.unpriced_calls) == (2, 0)


def test_what_cannot_be_priced_is_listed_with_the_reason() -> None:
    """Nothing is left out in silence: no usage, no such model, no name."""
    events = [priced_call("gpt-4o", usage=None), priced_call("nobody-sells-this")]
    reasons = {reason for _, _, reason in reprice_all(events, SHIPPED).reasons}
    assert reasons == {
        "the provider reported no usage",
        "openai has no model nobody-sells-this in the table",
    }


def test_counters_are_read_from_raw_usage_where_the_event_has_none() -> None:
    """An event of another writer that kept the provider's usage only is priced by that."""
    raw = {"prompt_tokens": 1000, "completion_tokens": 100}
    event = TaskCompletionEvent(
        provider="openai", model="gpt-4o", wire_format="openai.chat", raw_usage=raw, started_at_us=NOVEMBER_US
    )
    assert reprice(event, SHIPPED).after.actual_cost_usd_nanos == 3_500_000


def test_another_model_answers_at_its_own_prices() -> None:
    """The same tokens, cached ones at the other's cached price, and a tag that says what was really called."""
    event = priced_call(
        "claude-sonnet-4-5", "anthropic", raw_usage={"input_tokens": 1000}, tags={"team": "a"}
    )
    terms = Terms(models=(read_substitution("anthropic/claude-*=gpt-5", SHIPPED),))
    after = reprice(event, SHIPPED, terms).after
    assert after.actual_cost_usd_nanos == priced_call("gpt-5").actual_cost_usd_nanos
    assert (after.provider, after.model, after.raw_usage) == ("openai", "gpt-5", None)
    assert after.tags == {"team": "a", FROM_TAG: "anthropic/claude-sonnet-4-5"}


def test_a_token_ratio_is_exact_and_stated() -> None:
    """Tokenizers differ: the ratio multiplies tokens, not searches, and stands among the assumptions."""
    event = priced_call("claude-sonnet-4-5", "anthropic")
    terms = Terms(models=(read_substitution("*=gpt-5", SHIPPED),), token_ratio=Decimal("1.5"))
    after = reprice(event, SHIPPED, terms).after
    assert (after.uncached_input_tokens, after.cache_read_tokens, after.actual_output_tokens) == (
        1500,
        600,
        150,
    )
    assert any("1.5 times" in text for text in terms.assumptions)
    with pytest.raises(ConfigurationError, match="token_ratio"):
        Terms(token_ratio=Decimal(0))


def test_batch_work_stays_batch_work_with_another_provider() -> None:
    """Half price for half price; a region of the old provider says nothing about the new one."""
    context = {"processing": "batch", "inference_geo": "us"}
    event = priced_call("claude-sonnet-4-5", "anthropic", price_context=context)
    terms = Terms(models=(read_substitution("*=openai/gpt-5", SHIPPED),))
    after = reprice(event, SHIPPED, terms).after
    assert after.price_context == {"processing": "batch"}
    assert after.actual_cost_usd_nanos == priced_call("gpt-5", price_context=context).actual_cost_usd_nanos


def test_an_application_s_own_prices_are_not_forgotten_in_silence() -> None:
    """Calls that an override had priced are counted when the list prices them again."""
    own = SHIPPED.with_overrides(Override(multiplier="0.5"))
    result = reprice_all([priced_call(catalog=own)], SHIPPED)
    assert result.own_prices == {"openai": 1}
