"""Record: raw usage with its circumstances to its price; worked examples from a file of them."""

import json
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
