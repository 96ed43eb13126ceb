"""`taximeter reprice`."""

import json
from pathlib import Path

import pytest

from console_script import run
from event_samples import NOVEMBER_US, call, write_lines, write_store
from price_lists import SHIPPED
from taximeter.builder import EventBuilder
from taximeter.usage import Usage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    builder = EventBuilder(catalog=SHIPPED)
    usage = Usage(uncached_input_tokens=1_000_000, text_output_tokens=100_000)
    calls = [
        builder.build(provider="openai", model="gpt-4o", usage=usage, started_at_us=NOVEMBER_US, agent="a"),
        builder.build(provider="openai", model="gpt-4o", usage=usage, started_at_us=NOVEMBER_US),
        builder.build(provider="openai", model="our-own", usage=usage, started_at_us=NOVEMBER_US),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    return tmp_path


@pytest.mark.parametrize("source", ["usage.db", "events.ndjson"])
def test_a_contract_s_change_is_shown(folder: Path, source: str) -> None:
    """Before, after and the change, by model and in all, with what still lacks a price and why."""
    (folder / "contract.toml").write_text('[[overrides]]\nprovider = "openai"\nmultiplier = "0.8"\n')
    done = run("reprice", source, "--table", "shipped", "--prices", "contract.toml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "before  $7.00 + 1 unpriced call" in lines
    assert "after   $5.60 + 1 unpriced call" in lines
    assert "change  -$1.40" in lines
    assert "no full price: 1 call of openai/our-own: openai has no model our-own in the table" in lines


def test_a_filter_and_json(folder: Path) -> None:
    """Programs get the exact numbers, of the calls that were asked for."""
    done = run(
        "reprice",
        "--table",
        "shipped",
        "--discount",
        "openai/gpt-4o=50%",
        "--where",
        "agent=a",
        "--json",
        cwd=folder,
    )
    total = json.loads(done.stdout)["total"]
    assert (total["before"]["calls"], total["difference_usd_nanos"]) == (1, -1_750_000_000)


def test_a_new_store_is_written_only_when_asked(folder: Path) -> None:
    """The store that is read stays as it is, byte for byte; the new one answers every command."""
    before = (folder / "usage.db").read_bytes()
    done = run("reprice", "--table", "shipped", "--discount", "20", "--write", "new.db", cwd=folder)
    assert done.returncode == 0
    assert (folder / "usage.db").read_bytes() == before
    assert "3 calls: $5.60 + 1 unpriced call" in run("report", "new.db", cwd=folder).stdout
    again = run("reprice", "--write", "new.db", cwd=folder)
    assert again.returncode == 2
    assert "--replace" in again.stderr


def test_what_if_states_its_assumptions(folder: Path) -> None:
    """Another model's cost stands beside what it takes for granted."""
    done = run("reprice", "--table", "shipped", "--model", "gpt-4o=gpt-4o-mini", cwd=folder)
    assert "openai/gpt-4o-mini" in done.stdout
    assert "assumed: the other model makes as many tokens of the same text" in done.stdout


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--model", "gpt-4o"], "--model"),
        (["--token-ratio", "2"], "--token-ratio"),
        (["--discount", "x"], "--discount"),
        (["--discount", "120"], "--discount"),
        (["--as-of", "someday"], "--as-of"),
        (["--prices", "nowhere.toml"], "nowhere.toml"),
        (["--where", "agent"], "--where"),
        (["--where", "colour=red"], "colour"),
        (["--write", "usage.db"], "--write"),
        (["--tz", "Mars"], "--tz"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, options: list[str], named: str) -> None:
    """A wrong option is named, and nothing is done."""
    done = run("reprice", *options, cwd=folder)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def test_where_nothing_has_a_price_nothing_is_known_of_the_change(tmp_path: Path) -> None:
    """Unknown before and after is no change of $0.00; in JSON both costs are null, with what was lost beside them."""
    write_store(tmp_path / "usage.db", [call("our-own", None)])
    assert "change  unknown" in run("reprice", cwd=tmp_path).stdout.splitlines()
    found = json.loads(run("reprice", "--json", cwd=tmp_path).stdout)
    assert [found["total"][side]["cost_usd_nanos"] for side in ("before", "after")] == [None, None]
    assert found["lost"] == {}


def test_a_store_without_calls(tmp_path: Path) -> None:
    """Nothing to price is said in words."""
    write_store(tmp_path / "usage.db", [])
    assert run("reprice", cwd=tmp_path).stdout == "No calls in usage.db.\n"


def test_spreadsheets_and_pages_get_the_same_lines(folder: Path) -> None:
    """CSV has exact integers, an unknown cost as an empty cell; Markdown what people read."""
    options = ["--table", "shipped", "--discount", "20"]
    lines = run("reprice", *options, "--format", "csv", cwd=folder).stdout.splitlines()
    assert lines[1].startswith("openai,gpt-4o,,,2,7000000000,5600000000,-1400000000,0,2,")
    assert lines[2].startswith("openai,our-own,,,1,,,0,0,0,0,1,")
    assert (
        "| openai/gpt-4o | 2 | $7.00 | $5.60 | -$1.40 | 0 |"
        in run("reprice", *options, "--format", "markdown", cwd=folder).stdout
    )
