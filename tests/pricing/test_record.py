"""Record: raw usage with its circumstances to its price; worked examples from a file of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from price_lists import SHIPPED
from taximeter.errors import ConfigurationError
from taximeter.pricing.record import price_record

EXAMPLES = Path(__file__).parent.parent.parent.parent / "shared/corpus/golden_costs.json"
CHAT = {
    "id": 1,
    "provider": "openai",
    "model": "gpt-4o",
    "api": "chat",
    "at": "2026-01-01T00:00:00Z",
    "raw_usage": {"usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}},
}


def test_a_record_is_priced() -> None:
    """The answer has the record's id, the cost and what it is made of."""
    priced = price_record(CHAT, SHIPPED)
    assert priced["id"] == 1
    assert (priced["cost_status"], priced["cost_usd_micros"], priced["cost_usd_nanos"]) == (
        "priced",
        2600,
        2_600_000,
    )
    assert [(part["kind"], part["quantity"], part["usd_per_mtok"]) for part in priced["components"]] == [
        ("input", 1000, "2.5"),
        ("output", 10, "10"),
    ]


def test_batch_work_has_its_price() -> None:
    """Whether the api or the context says so."""
    for change in (
        {"api": "batch"},
        {"context": {"processing": "batch"}},
        {"context": {"service_tier": "batch"}},
    ):
        assert price_record({**CHAT, **change}, SHIPPED)["cost_usd_micros"] == 1300


def test_a_price_of_ones_own_may_come_with_the_record() -> None:
    """One override or several."""
    own = {"provider": "openai", "multiplier": "0.5"}
    assert price_record({**CHAT, "context": {"user_override": own}}, SHIPPED)["cost_usd_micros"] == 1300
    assert price_record({**CHAT, "context": {"user_override": [own]}}, SHIPPED)["cost_usd_micros"] == 1300
    assert price_record({**CHAT, "context": {"user_overrides": [own]}}, SHIPPED)["cost_usd_micros"] == 1300


@pytest.mark.parametrize("change", [{"raw_usage": None}, {"raw_usage": {}}, {"model": "gpt-4o-my-own-thing"}])
def test_what_is_not_known_is_unknown(change: dict[str, Any]) -> None:
    """No usage or no price: null."""
    priced = price_record({**CHAT, **change}, SHIPPED)
    assert (priced["cost_status"], priced["cost_usd_micros"], priced["components"]) == ("unknown", None, [])


NOVA = {"inputTokens": 900, "outputTokens": 100, "totalTokens": 1200, "cacheReadInputTokenCount": 200}


@pytest.mark.parametrize(
    ("model", "raw", "micros"),
    [
        ("amazon.nova-pro-v1:0", {"usage": NOVA}, 1080),
        ("amazon.nova-pro-v1:0", NOVA, 1080),
        ("meta.llama3-8b-instruct-v1:0", {"prompt_token_count": 1000, "generation_token_count": 100}, 360),
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            {"usage": {"input_tokens": 1000, "output_tokens": 100}},
            375,
        ),
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1000, "outputTokenCount": 100}},
            375,
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            {"inputTokenCount": 1000, "outputTokenCount": 100, "invocationLatency": 9},
            170,
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            {"X-Amzn-Bedrock-Input-Token-Count": "1000", "x-amzn-bedrock-output-token-count": "100"},
            170,
        ),
    ],
)
def test_what_bedrock_invokes_is_read_by_its_family(model: str, raw: dict[str, Any], micros: int) -> None:
    """The usage of its body, or what the metrics or the headers count."""
    record = {**CHAT, "provider": "bedrock", "model": model, "api": "invoke", "raw_usage": raw}
    assert price_record(record, SHIPPED)["cost_usd_micros"] == micros


@pytest.mark.parametrize(
    ("change", "micros"),
    [
        (
            {
                "provider": "google",
                "model": "gemini-2.5-flash",
                "api": "interactions",
                "raw_usage": {
                    "usage": {
                        "total_input_tokens": 1000,
                        "total_output_tokens": 10,
                        "total_thought_tokens": 20,
                    }
                },
            },
            375,
        ),
        *(
            ({"provider": "mistral", "model": "mistral-ocr-2505", "api": "ocr", "raw_usage": raw}, 3000)
            for raw in (
                {"usage_info": {"pages_processed": 3}},
                {"usage": {"pages_processed": 3}},
                {"pages_processed": 3},
            )
        ),
    ],
)
def test_a_usage_may_stand_in_its_field_or_alone(change: dict[str, Any], micros: int) -> None:
    """Whatever the provider calls that field."""
    assert price_record({**CHAT, **change}, SHIPPED)["cost_usd_micros"] == micros


def test_a_count_that_is_none_makes_the_cost_a_lower_bound() -> None:
    """As it does in an event; where nothing else was counted, nothing is known."""
    raw = {"prompt_tokens": -5, "completion_tokens": 10}
    priced = price_record({**CHAT, "raw_usage": {"usage": raw}}, SHIPPED)
    assert (priced["cost_status"], priced["cost_usd_micros"]) == ("partial", 100)
    priced = price_record({**CHAT, "raw_usage": {"usage": {**raw, "completion_tokens": 0}}}, SHIPPED)
    assert (priced["cost_status"], priced["cost_usd_micros"], priced["components"]) == ("unknown", None, [])


def test_how_a_call_was_served_moves_its_price_and_not_how_it_was_asked_for() -> None:
    """The usage says the speed; the context stands in where it does not."""
    raw = {"input_tokens": 1000, "output_tokens": 0}
    call = {**CHAT, "provider": "anthropic", "model": "claude-opus-4-6", "api": "messages"}
    call |= {"at": "2026-06-01T00:00:00Z", "context": {"speed": "fast"}}
    slow = price_record({**call, "raw_usage": {"usage": {**raw, "speed": "standard"}}}, SHIPPED)
    fast = price_record({**call, "raw_usage": {"usage": raw}}, SHIPPED)
    assert (slow["cost_usd_micros"], fast["cost_usd_micros"]) == (5000, 30_000)


def test_an_unreadable_time_is_refused() -> None:
    """The error names the key."""
    with pytest.raises(ConfigurationError, match="at="):
        price_record({**CHAT, "at": "yesterday"}, SHIPPED)


def examples() -> list[Any]:
    if not EXAMPLES.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="the file of worked examples is not here"))]
    return [pytest.param(case, id=case["id"]) for case in json.loads(EXAMPLES.read_text())["cases"]]


@pytest.mark.parametrize("case", examples())
def test_worked_examples_come_out_exactly(case: dict[str, Any]) -> None:
    """Status, micros, nanos, and each component's quantity, rate and share."""
    priced = price_record(case, SHIPPED)
    for key in ("cost_status", "cost_usd_micros", "cost_usd_nanos"):
        assert priced[key] == case[key]
    assert [
        {key: part.get(key) for key in wanted}
        for part, wanted in zip(priced["components"], case["components"], strict=True)
    ] == case["components"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"context": 5}, "context=5"),
        ({"context": ["batch"]}, "context=['batch']"),
        ({"context": {"speed": ["fast"]}}, "context.speed=['fast']"),
        ({"provider": 5}, "provider=5"),
        ({"model": ["gpt-4o"]}, "model=['gpt-4o']"),
        ({"api": {}}, "api={}"),
        ({"at": 5}, "at=5"),
        ({"raw_usage": [5]}, "raw_usage='list'"),
        ({"user_override": 5}, "user_override=5"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(change: dict[str, Any], key: str) -> None:
    """Field, value and what is allowed, not the words of the language."""
    with pytest.raises(ConfigurationError, match=re.escape(f"{key}: must be ")):
        price_record({**CHAT, **change}, SHIPPED)


@pytest.mark.parametrize(
    ("model", "region", "micros"),
    [
        ("gpt-4o", "us", 2860),
        ("gpt-4o", "eu", 2860),
        ("gpt-4o", "eastus", 2600),
        ("gpt-6-sol", "us", 2310),
        ("gpt-6-sol", "eu", 2520),
    ],
)
def test_a_data_zone_of_azure_has_its_surcharge(model: str, region: str, micros: int) -> None:
    """A tenth more, in Europe a fifth from GPT-6 on; where a resource lies says nothing of that."""
    record = {**CHAT, "provider": "azure", "model": model, "at": "2026-11-20", "context": {"region": region}}
    assert price_record(record, SHIPPED)["cost_usd_micros"] == micros
