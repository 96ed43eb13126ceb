"""Gap: why a call is not priced."""

import pytest

from price_lists import MTOK, NOON_2026, catalog_of
from taximeter.pricing import Catalog
from taximeter.pricing.gap import find_gap
from taximeter.pricing.table import Provider, Row, build_table
from taximeter.usage import Usage

CATALOG = catalog_of(Row({"input": MTOK}, from_us=0))


@pytest.mark.parametrize(
    ("usage", "provider", "model", "gap"),
    [
        (Usage(uncached_input_tokens=1), "acme", "one", None),
        (None, "acme", "one", "no usage"),
        (Usage(uncached_input_tokens=1), "acme", None, "names a model"),
        (Usage(uncached_input_tokens=1), "nobody", "one", "no prices of nobody"),
        (Usage(uncached_input_tokens=1), "acme", "two", "no model two"),
        (Usage(text_output_tokens=1), "acme", "one", "has no price for what was used"),
        (Usage(uncached_input_tokens=1, units={"page": 1}), "acme", "one", "page has no price for one"),
    ],
)
def test_the_gap_has_a_name(usage: Usage | None, provider: str, model: str | None, gap: str | None) -> None:
    """Each reason why a cost is unknown or partial is told apart."""
    found = find_gap(usage, provider=provider, model=model, at_us=NOON_2026, catalog=CATALOG)
    assert found == gap if gap is None else gap in (found or "")


def test_a_speed_that_only_other_models_sell_is_a_gap() -> None:
    """The provider charges for it, but nobody knows how much for this model."""
    slow, fast = Row({"input": MTOK}), Row({"input": 2 * MTOK}, when={"speed": "fast"})
    provider = Provider({"one": (slow,), "two": (slow, fast)}, {"one": "one", "two": "two"}, {})
    catalog = Catalog(build_table("2026-01-01", "test", {"acme": provider}, ()))

    def gap(model: str) -> str | None:
        usage = Usage(uncached_input_tokens=1)
        context = {"speed": "fast"}
        return find_gap(
            usage, provider="acme", model=model, at_us=NOON_2026, context=context, catalog=catalog
        )

    assert "no price for speed=fast" in (gap("one") or "")
    assert gap("two") is None
