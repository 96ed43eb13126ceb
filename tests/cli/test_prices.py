"""`taximeter prices`."""

import json
from pathlib import Path

import pytest

from console_script import environment, run
from event_samples import call, write_lines, write_store
from taximeter.pricing import Catalog
from taximeter.pricing.table import Provider, Row, build_table, encode_table, shipped_table
from taximeter.vocabulary import CostStatus, Outcome, UsageStatus


def table_file(path: Path, date: str, **input_prices: int) -> Path:
    """Write a price table of one provider; prices of a million input tokens in USD."""
    models: dict[str, tuple[Row, ...]] = {
        name: (Row({"input": usd * 10**9, "output": usd * 10**9}),) for name, usd in input_prices.items()
    }
    provider = Provider(models=models, exact={name: name for name in models}, stems={})
    path.write_bytes(encode_table(build_table(date, "made up", {"acme": provider}, ())))
    return path


def test_the_prices_in_force_are_shown() -> None:
    """By the name a request has, with the unit, the long-context step, and the table's version."""
    done = run("prices", "show", "claude-sonnet-4-5", "--provider", "anthropic")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["anthropic/claude-sonnet-4-5"]
    assert ["input", "$3", "per", "million"] in lines
    assert ["web_search", "$10", "per", "thousand"] in lines
    assert "standard, over 200,000 input tokens" in done.stdout
    assert Catalog.default().version in lines[-1]


def test_history_is_shown_when_asked_for() -> None:
    """Prices of the past are there with `--all`, or at a moment of theirs."""
    model = ("prices", "show", "deepseek-chat", "--provider", "deepseek")
    now, then, ever = (run(*model, *more).stdout for more in ([], ["--at", "2025-09-10"], ["--all"]))
    assert "$0.42" in now
    assert "$1.68" not in now
    assert "$1.68" in then
    assert "$0.42" in ever
    assert "$1.68" in ever


def test_factors_are_shown() -> None:
    """What a place or the time taken makes of the prices, at the moment that is asked about."""
    newer, older, listed = (
        run("prices", "show", model, "--provider", provider, "--at", "2026-09-01").stdout
        for provider, model in (
            ("anthropic", "claude-opus-4-6"),
            ("anthropic", "claude-opus-4-1"),
            ("openai", "gpt-5"),
        )
    )
    assert "inference_geo=us: x1.1 on all tokens" in newer
    assert "inference_geo" not in older
    assert "processing=batch: x0.5 on all tokens" in older
    assert "x0.5" not in listed  # it has prices of its own for batches


def test_json_is_for_programs() -> None:
    """The same, with every row and whether it is in force."""
    (listing,) = json.loads(run("prices", "show", "gpt-4o-mini", "--provider", "openai", "--json").stdout)
    assert listing["id"] == "openai/gpt-4o-mini"
    assert any(price["in_force"] and price["usd"]["input"] == "0.15" for price in listing["prices"])


def test_two_tables_are_compared(tmp_path: Path) -> None:
    """Added, removed and changed prices, old and new."""
    table_file(tmp_path / "old.bin", "2026-01-01", a=1, b=2)
    table_file(tmp_path / "new.bin", "2026-02-01", b=3, c=4)
    done = run("prices", "diff", "old.bin", "new.bin", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "acme/a  removed",
        "acme/b  input  $2 -> $3",
        "acme/b  output  $2 -> $3",
        "acme/c  added",
        "4 changes",
    ]
    assert run("prices", "diff", "shipped", "shipped").stdout == "0 changes\n"
    assert len(json.loads(run("prices", "diff", "old.bin", "new.bin", "--json", cwd=tmp_path).stdout)) == 4


def test_a_newer_table_is_taken_in(tmp_path: Path) -> None:
    """The table goes into the user's data folder, and what starts from then on uses it."""
    env = environment(XDG_DATA_HOME=str(tmp_path / "data"), HOME=str(tmp_path))
    shipped = shipped_table()
    providers = {name: provider for name in shipped.providers if (provider := shipped.provider(name))}
    newer = build_table("2999-01-01", "made up", providers, shipped.multipliers)
    (tmp_path / "new.bin").write_bytes(encode_table(newer))
    done = run("prices", "update", "new.bin", cwd=tmp_path, env=env)
    assert done.stdout.startswith(f"{shipped.version} -> {newer.version}, 0 changes: {tmp_path}")
    assert newer.version in run("prices", "show", "gpt-4o", env=env).stdout


def test_a_table_that_looks_wrong_is_refused_unless_forced(tmp_path: Path) -> None:
    """A table that has lost most models is kept out, with the reason in one line."""
    env = environment(XDG_DATA_HOME=str(tmp_path / "data"), HOME=str(tmp_path))
    table_file(tmp_path / "new.bin", "2999-01-01", a=1)
    done = run("prices", "update", "new.bin", cwd=tmp_path, env=env)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "models are gone" in done.stderr
    assert run("prices", "update", "new.bin", "--force", cwd=tmp_path, env=env).returncode == 0
    assert "acme/a" in run("prices", "show", "a", env=env).stdout


@pytest.mark.parametrize("kind", ["usage.db", "events.ndjson"])
def test_what_lacks_a_price_is_listed_with_the_reason(kind: str, tmp_path: Path) -> None:
    """Unlisted models, missing usage, missing rates; refused calls wait for no price."""
    calls = [
        *(call("made-up", None) for _ in range(3)),
        call(
            "gpt-4o",
            None,
            usage_status=UsageStatus.MISSING,
            actual_input_tokens=None,
            actual_output_tokens=None,
        ),
        call("gpt-4o", None, uncached_input_tokens=1000, text_output_tokens=50),
        call(
            "gpt-4o",
            5,
            cost_status=CostStatus.PARTIAL,
            text_output_tokens=50,
            billable_units={"made_up_unit": 2},
        ),
        call(
            "gpt-4o",
            None,
            outcome=Outcome.FAILURE,
            error_status=429,
            actual_input_tokens=None,
            actual_output_tokens=None,
        ),
        call("gpt-4o"),
    ]
    (write_store if kind == "usage.db" else write_lines)(tmp_path / kind, calls)
    found = json.loads(run("prices", "check", kind, "--json", cwd=tmp_path).stdout)
    version = Catalog.default().version
    assert {(each["model"], each["reason"], each["calls"]) for each in found} == {
        ("made-up", "the table does not list the model at this provider", 3),
        ("gpt-4o", "no usage was reported", 1),
        ("gpt-4o", f"has a price by now, in table {version}", 1),
        ("gpt-4o", "no rate for made_up_unit", 1),
    }
    shown = run("prices", "check", kind, cwd=tmp_path).stdout
    assert shown.splitlines()[-1] == f"6 calls without a price or a part of it; table {version}"


def test_a_damaged_file_does_not_pass_for_one_without_gaps(tmp_path: Path) -> None:
    """What could not be read is counted on stderr."""
    (tmp_path / "calls.ndjson").write_text('{"half\n')
    done = run("prices", "check", "calls.ndjson", cwd=tmp_path)
    assert "calls.ndjson: 1 line not an event, left out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["show", "made-up-model"], 2, "MODEL='made-up-model': must be a model in price table"),
        (["show", "gpt-4o", "--provider", "acme"], 2, "a model of acme in price table"),
        (["show", "gpt-4o", "--at", "soon"], 2, "--at='soon': must be a date"),
        (["diff", "missing.bin"], 1, "missing.bin"),
        (["diff", "text"], 1, "not a price table"),
        (["update", "missing.bin"], 2, "must be a file that can be read"),
        (["update", "text"], 1, "not a price table"),
        (["check", "missing.db"], 2, "must be an existing file"),
        (["colour"], 2, "No such command 'colour'"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], code: int, complaint: str, tmp_path: Path) -> None:
    """One line on stderr and nothing on stdout."""
    (tmp_path / "text").write_text("hello")
    done = run("prices", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert complaint in done.stderr
