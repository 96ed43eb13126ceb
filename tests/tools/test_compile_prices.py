"""The price compiler: the same input gives the same table, and the shipped one is it."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from price_lists import MTOK, NOON_2026
from taximeter.pricing.table import Provider, Row, build_table, decode_table, shipped_table

pytest.importorskip("genai_prices", reason="genai-prices is a development dependency")

ROOT = Path(__file__).parent.parent.parent
COMPILER = ROOT / "tools/compile_prices.py"


def load_compiler() -> Any:
    """The compiler as a module; it is a script and in no package."""
    spec = importlib.util.spec_from_file_location("compile_prices", COMPILER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compiler = load_compiler()


def provider_of(**models: tuple[Row, ...]) -> Provider:
    return Provider(models, {name: name for name in models}, {})


def test_the_shipped_table_is_what_the_compiler_makes() -> None:
    """Nobody has edited the table by hand or forgotten to compile it: the bytes are the same."""
    check = subprocess.run([sys.executable, COMPILER, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_past_is_kept() -> None:
    """A price replaced without a date holds until today, a dropped model stays, and its names with it."""
    old, new, other = (
        Row({"input": 2 * MTOK}),
        Row({"input": MTOK}),
        Row({"input": 9 * MTOK}, when={"speed": "fast"}),
    )
    shipped = build_table(
        "2026-01-01", "test", {"acme": provider_of(one=(old,), two=(old,), three=(old,))}, ()
    )
    providers = {"acme": provider_of(one=(new, other), three=(old, other))}
    compiler.keep_past(providers, shipped, NOON_2026)
    assert providers["acme"].models == {
        "one": (old, Row({"input": MTOK}, from_us=NOON_2026), other),
        "three": (old, other),
        "two": (old,),
    }
    assert providers["acme"].exact["two"] == "two"
    again = {"acme": provider_of(one=(new, other), three=(old, other))}
    compiler.keep_past(again, build_table("2026-01-02", "test", providers, ()), NOON_2026 + 1)
    assert again == providers


def test_a_history_of_upstreams_own_is_trusted() -> None:
    """Where it says itself since when, nothing is added."""
    dated = (Row({"input": MTOK}), Row({"input": 3 * MTOK}, from_us=5))
    assert compiler.with_past((Row({"input": 2 * MTOK}),), dated, NOON_2026) == dated


def test_a_variant_listed_late_held_before() -> None:
    """Batch work was half price before the base data said so, also while the standard price was another one."""
    late = compiler.start_us(compiler.LISTED_LATE[0])
    standard = [Row({"input": 4 * MTOK}), Row({"input": 2 * MTOK}, from_us=5)]
    [first, second] = compiler.backdated(
        standard, [Row({"input": MTOK}, from_us=late, when={"processing": "batch"})]
    )
    assert (first.rates, first.from_us, first.until_us) == ({"input": 2 * MTOK}, None, 5)
    assert (second.rates, second.from_us, second.until_us) == ({"input": MTOK}, 5, late)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (r"^claude-fable-5-\d{8}$", {"claude-fable-5"}),
        (r"^gpt-6\.1-sol-\d{4}-\d{2}-\d{2}$", {"gpt-6.1-sol"}),
        (r"^claude-opus-5[-@]\d{8}$", {"claude-opus-5"}),
        (r"^(typesafe/)?jev-1\.13(-\d{8})?$", {"jev-1.13", "typesafe/jev-1.13"}),
        (r"^composer-2\.5\[fast=true\]$", {"composer-2.5[fast=true]"}),
        (r"^(?!.*-tts)", set()),
    ],
)
def test_patterns_become_names(pattern: str, names: set[str]) -> None:
    """Upstream's patterns are names with an optional date; what is anything else stops the compiler."""
    assert {name for _, name in compiler.patterns(pattern)} == names
    with pytest.raises(ValueError, match="nobody has translated"):
        list(compiler.patterns(r"^gpt-(4|5)"))


def test_the_overlay_says_where_it_is_from() -> None:
    """Every entry of ours names the page it was read from and the day."""
    overlay = tomllib.loads((COMPILER.parent.parent / "src/taximeter/pricing/data/overlay.toml").read_text())
    for entry in (*overlay["model"], *overlay["multiplier"]):
        assert entry["source"].startswith("https://")
        assert entry["read"] <= overlay["date"]


def test_the_table_names_its_source() -> None:
    """The version of the base data is part of the table."""
    assert shipped_table().source.startswith("genai-prices ")
    assert (
        decode_table((COMPILER.parent.parent / "src/taximeter/pricing/data/prices.bin").read_bytes())
        == shipped_table()
    )
