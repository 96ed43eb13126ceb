"""Table: every shipped rate, against the data it was compiled from and against exact arithmetic."""

import zlib
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from price_lists import MTOK, SHIPPED
from taximeter.pricing.table import (
    Provider,
    Row,
    UnreadableTableError,
    build_table,
    decode_table,
    encode_table,
    shipped_table,
)
from taximeter.usage import Usage
from taximeter.vocabulary import CostSource, CostStatus

upstream: Any = pytest.importorskip("genai_prices.data", reason="genai-prices is a development dependency")
MODELS = [(provider, model) for provider in upstream.providers for model in provider.models]
TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
COUNT = st.integers(0, 10**6)
USED = (
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "text_output_tokens",
)


def list_price(model: Any, at: datetime) -> dict[str, Any]:
    """What the base data says a model costs at an instant: its keys and values."""
    return {key: value for key, value in model.get_prices(at).__dict__.items() if value is not None}


def rate(prices: dict[str, Any], total_input: int, *keys: str) -> Decimal:
    """The first of these prices there is, at the tier that the whole input is in."""
    value = next(prices[key] for key in keys if key in prices)
    if isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if total_input > tier.start]
    return Decimal(reached[-1] if reached else value.base)


USAGES = st.builds(Usage, **dict.fromkeys(USED, COUNT))


def list_micros(prices: dict[str, Any], usage: Usage) -> Decimal:
    """What a usage of text costs by the base data, exactly."""
    keys = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "output_mtok")
    parents = {
        "cache_read_mtok": "input_mtok",
        "cache_write_mtok": "input_mtok",
        "cache_write_1h_mtok": "cache_write_mtok",
    }
    micros = Decimal(0)
    for key, counter in zip(keys, USED, strict=True):
        if quantity := getattr(usage, counter):
            parent = parents.get(key, key)
            micros += quantity * rate(
                prices, usage.input_tokens or 0, key, parent, parents.get(parent, parent)
            )
    return micros


@given(st.sampled_from(MODELS), st.integers(0, 1500), USAGES)
def test_every_model_is_priced_to_half_a_microdollar(
    listed: tuple[Any, Any], days: int, usage: Usage
) -> None:
    """Any usage of any model on any day costs what exact decimal arithmetic on the base data says, rounded once."""
    provider, model = listed
    at = datetime.fromtimestamp(TODAY.timestamp() - days * 86_400, UTC)
    prices = list_price(model, at)
    at_us = int(at.timestamp() * 1_000_000)
    cost = SHIPPED.cost(usage, provider=provider.id, model=model.id, at_us=at_us)
    if cost.source != CostSource.TABLE or cost.status != CostStatus.PRICED or "requests_kcount" in prices:
        return  # our overlay, or not priced by tokens alone; both are tested elsewhere
    micros = list_micros(prices, usage)
    assert cost.usd_micros is not None
    assert abs(cost.usd_micros - micros) <= Decimal("0.500001")  # a few upstream prices have 16 decimals
    if micros == micros.quantize(Decimal("1e-9")):
        assert cost.usd_micros == int(micros.quantize(Decimal(1), ROUND_HALF_EVEN))


def test_no_rate_is_lost_or_invented() -> None:
    """Every model that the base data prices today has a price, and every one it does not price has none."""
    catalog = SHIPPED
    at_us = int(TODAY.timestamp() * 1_000_000)
    for provider, model in MODELS:
        prices = list_price(model, TODAY)
        known = any(
            (isinstance(value, Decimal) and value) or not isinstance(value, Decimal)
            for value in prices.values()
        )
        entry = catalog.entry(provider.id, model.id)
        if model.id.endswith(":free"):
            continue
        assert known == (entry is not None), f"{provider.id}/{model.id}"
        if not known:
            cost = catalog.cost(
                Usage(uncached_input_tokens=1), provider=provider.id, model=model.id, at_us=at_us
            )
            assert cost.status == CostStatus.UNKNOWN


def test_small_events_have_no_bias() -> None:
    """Over many small calls the rounded costs neither rise nor fall below the exact ones."""
    catalog = SHIPPED
    at_us = int(TODAY.timestamp() * 1_000_000)
    drift = Decimal(0)
    for tokens in range(4000):
        usage = Usage(uncached_input_tokens=tokens, text_output_tokens=tokens // 7)
        micros = catalog.cost(usage, provider="openai", model="gpt-4o", at_us=at_us).usd_micros or 0
        drift += micros - (Decimal("2.5") * tokens + 10 * (tokens // 7))
    assert abs(drift / 4000) < Decimal("0.001")


@given(COUNT, COUNT)
def test_cost_in_femtodollars_is_additive(a: int, b: int) -> None:
    """Before the rounding, two calls cost together what they cost apart."""
    plan = SHIPPED._plan(("openai", "gpt-4o", None, None, ()), int(TODAY.timestamp() * 1_000_000))
    first, second = Usage(uncached_input_tokens=a, text_output_tokens=b), Usage(cache_read_tokens=b)
    assert plan.amount(first + second)[0] == plan.amount(first)[0] + plan.amount(second)[0]


def test_a_table_survives_its_file() -> None:
    """Written and read back it is the same, and the same content gives the same bytes."""
    provider = Provider({"one": (Row({"input": MTOK}, from_us=5, when={"a": "b"}),)}, {"one": "one"}, {})
    table = build_table("2026-01-01", "test", {"acme": provider, "else": provider}, ())
    assert decode_table(encode_table(table)) == table
    assert table.provider("acme") == provider
    assert table.provider("nobody") is None
    assert encode_table(
        build_table("2026-01-01", "test", {"else": provider, "acme": provider}, ())
    ) == encode_table(table)
    other = build_table("2026-01-01", "test", {"acme": provider}, ())
    assert other.version != table.version


WHOLE = encode_table(shipped_table())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Damage is an error of its own kind, never another one."""
    for damaged in (data, WHOLE[:8] + data, WHOLE[: 9 + len(data)]):
        with pytest.raises(UnreadableTableError):
            decode_table(damaged)


def test_a_bomb_is_not_unpacked() -> None:
    """A file that would fill the memory is refused."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
    with pytest.raises(UnreadableTableError):
        decode_table(b"TXPRICE1" + bomb)


def test_the_shipped_table_is_small() -> None:
    """It is read at the first call of a process, so it must stay small."""
    assert len(encode_table(shipped_table())) < 100_000
    assert shipped_table().version.split(".")[0] <= datetime.combine(TODAY, time()).date().isoformat()
