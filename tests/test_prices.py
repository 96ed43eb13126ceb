"""Prices from tables and provider files."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import taximeter
from price_lists import MTOK, NOON_2026, catalog_of
from taximeter import ConfigurationError, Override
from taximeter.pricing.table import Row
from taximeter.usage import Usage

LIST = catalog_of(Row({"input": 10 * MTOK, "cache_read": MTOK, "output": 50 * MTOK}))
ACME = """
name = "Acme, Inc."
base_url = "https://acme.test/v1"

[prices]
input_usd_per_mtok = 3.0
output_usd_per_mtok = 15

[models.small]
context_window = 8192

[models.small.prices]
output_usd_per_mtok = "4.1"
web_search_usd_per_1k = 10
"""


def written(folder: Path, text: str, name: str = "acme.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def priced(prices: tuple[Override, ...], model: str, usage: Usage) -> int | None:
    return LIST.with_overrides(*prices).cost(usage, provider="acme", model=model, at_us=NOON_2026).usd_micros


def test_provider_file_prices_its_models(tmp_path: Path) -> None:
    """A model has the provider's prices, its own on top, and the list's for what neither names."""
    prices = taximeter.prices.from_toml(written(tmp_path, ACME))
    usage = Usage(uncached_input_tokens=1000, cache_read_tokens=1000, text_output_tokens=100)
    assert priced(prices, "one", usage) == 3000 + 1000 + 1500
    assert priced(prices, "small", usage) == 3000 + 3000 + 410  # nobody lists `small`: cached input is input


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    """A price written as a number is the decimal that stands there, never a float."""
    (price,) = taximeter.prices.from_toml(written(tmp_path, "[prices]\ninput_usd_per_mtok = 0.1"))
    assert price.usd_per_mtok == {"input": Decimal("0.1")}
    assert price.rates() == {"input": 100_000_000}


def test_regression_d_prices_of_one_model_stay_its_own(tmp_path: Path) -> None:
    """Reading two models, in either order and twice, leaves nothing of one's prices in the other's."""
    text = (
        "[models.a.prices]\ninput_usd_per_mtok = 1\ncache_read_usd_per_mtok = 0.1\n"
        "[models.b.prices]\noutput_usd_per_mtok = 2\n"
    )
    path = written(tmp_path, text)
    first, second = taximeter.prices.from_toml(path), taximeter.prices.from_toml(path)
    assert first == second
    assert [price.rates().keys() for price in first] == [{"input", "cache_read"}, {"output"}]
    given = {"input_usd_per_mtok": 1}
    taximeter.prices.from_table(given, model="a")
    assert given == {"input_usd_per_mtok": 1}


@pytest.mark.parametrize(
    "table",
    [
        {"input_usd_per_mtok": "2", "cache_write_usd_per_mtok": 2.5},
        {"input_per_1m": "2", "cache_write_per_1m": 2.5},
        {"unit": "usd_per_mtok", "input": 2, "cache_write": 2.5},
        {"unit": "usd_per_1m", "input": 2, "cache_write_5m_usd_per_mtok": 2.5},
    ],
)
def test_a_unit_is_stated_by_the_key_or_once(table: dict[str, Any]) -> None:
    """The ways to write a unit mean the same."""
    rates = taximeter.prices.from_table(table).rates()
    assert rates == {"input": 2 * MTOK, "cache_write_5m": 5 * MTOK // 2}


def test_the_provider_is_the_files_word_or_its_name(tmp_path: Path) -> None:
    """`provider` wins over the name of the file."""
    prices = "[prices]\ninput_usd_per_mtok = 1"
    (named,) = taximeter.prices.from_toml(written(tmp_path, f'provider = "azure"\n{prices}'))
    (stem,) = taximeter.prices.from_toml(written(tmp_path, prices, "groq.toml"))
    assert (named.provider, stem.provider) == ("azure", "groq")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "prices='{file}': must be a file that can be read (No such file or directory)"),
        ("[prices", "prices='{file}': must be a TOML file"),
        ("[price]\ninput = 3", "{file}: prices=None: must be a table [prices] or [models.NAME.prices]"),
        ("prices = 3", "{file}: prices=3: must be a table"),
        ("[prices]", "{file}: prices=None: must be a table [prices] or [models.NAME.prices]"),
        ("provider = 3", "{file}: provider=3: must be the name of a provider"),
        (
            "[prices]\ninptu_usd_per_mtok = 3",
            "{file}: prices.inptu_usd_per_mtok=3: must be one of input_usd_per_mtok,",
        ),
        ("[prices]\ninptu_usd_per_mtok = 3", "did you mean 'input_usd_per_mtok'?"),
        ("[prices]\ninput = 3", "prices.input=3: must be named with its unit: input_usd_per_mtok"),
        (
            "[prices]\nweb_search_usd_per_mtok = 3",
            "prices.web_search_usd_per_mtok=3: must be named with its unit: web_search_usd_per_1k",
        ),
        (
            "[models.a.prices]\ninput_usd_per_mtok = -1",
            "{file}: models.a.prices.input_usd_per_mtok=-1: must be a number of at least 0",
        ),
        ("[prices]\ninput_usd_per_mtok = true", "prices.input_usd_per_mtok=True: must be a number"),
        ('[prices]\nunit = "eur"', "prices.unit='eur': must be one of usd_per_mtok,"),
        (
            "[prices]\ninput_usd_per_mtok = 1\n[models.a-4.1.prices]\ninput_usd_per_mtok = 2",
            "{file}: models.a-4.1.prices={{'input_usd_per_mtok': 2}}: must be written as [models.\"a-4.1\".prices]",
        ),
        ("[models.a]\nprices = 1", "{file}: models.a.prices=1: must be a table"),
    ],
)
def test_an_error_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str | None, message: str
) -> None:
    """A mistake in a file can be found without reading our code."""
    path = tmp_path / "acme.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        taximeter.prices.from_toml(path)
    assert message.format(file=path) in str(caught.value)


def test_what_is_no_path_is_refused() -> None:
    """As a setting that is missing would be."""
    with pytest.raises(ConfigurationError, match="path=None"):
        taximeter.prices.from_toml(None)  # type: ignore[arg-type]  # that is the point


def test_the_applications_own_settings_are_left_alone(tmp_path: Path) -> None:
    """A file with models in a list, or tables of other things, is read for its prices only."""
    text = '[[models]]\nname = "x"\n[retry]\nmax = 3\n[prices]\ninput_usd_per_mtok = 1'
    toml = text.replace("[[models]]", "[[model_list]]")
    for content in (toml, "models = ['x']\n" + text.split("\n", 2)[2]):
        (price,) = taximeter.prices.from_toml(written(tmp_path, content))
        assert price.model == "*"


def test_a_contract_is_read_from_its_file(tmp_path: Path) -> None:
    """Overrides as tables, in the words that configuration files use, beside a provider's prices."""
    path = tmp_path / "acme.toml"
    path.write_text(
        '[[overrides]]\nprovider = "openai"\nfactor = "0.8"\nfrom = "2026-01-01"\n\n[prices]\ninput_usd_per_mtok = 2\n'
    )
    shared, own = taximeter.prices.from_file(path)
    assert (shared.provider, shared.usd_per_mtok) == ("acme", {"input": 2})
    assert (own.provider, own.multiplier, own.valid_from) == ("openai", "0.8", "2026-01-01")


@pytest.mark.parametrize(
    "text", ["overrides = 1", "[[overrides]]\nfactor = -1", "[[overrides]]\ncolour = 1", "overrides = [1]"]
)
def test_a_contract_that_cannot_be_names_its_file_and_key(tmp_path: Path, text: str) -> None:
    """What is wrong in a contract is found by its place in the file."""
    path = tmp_path / "contract.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"contract\.toml: overrides"):
        taximeter.prices.from_file(path)
