"""`taximeter report`."""

import csv
import json
import re
from pathlib import Path

import pytest

from console_script import environment, run, run_on_terminal
from event_samples import HOUR_US, NOVEMBER_US, call, write_lines, write_store
from taximeter.vocabulary import Outcome, TaskType


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    calls = [
        call("gpt-4o", agent="reviewer"),
        call("gpt-4o", None),
        call("gpt-4o-mini", 345_000, started_at_us=NOVEMBER_US + 20 * HOUR_US),
        call("claude-sonnet-4-5", 1_500_000, provider="anthropic", cache_read_tokens=600),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    return tmp_path


def rows_of(stdout: str) -> dict[str, list[str]]:
    rows = [line.split() for line in stdout.splitlines()]
    return {row[0]: row[1:] for row in rows if row}


@pytest.mark.parametrize("source", [[], ["usage.db"], ["events.ndjson"]])
def test_a_report_shows_calls_tokens_and_money_by_model(folder: Path, source: list[str]) -> None:
    """A store and a file of events give the same table; `usage.db` is the default."""
    done = run("report", *source, cwd=folder)
    rows = rows_of(done.stdout)
    assert rows["model"] == ["calls", "input", "cached", "output", "cost", "unpriced"]
    assert rows["gpt-4o"] == ["2", "2,000", "0", "100", "$12.400000", "1"]
    assert rows["gpt-4o-mini"] == ["1", "1,000", "0", "50", "$0.000345", "0"]
    assert rows["total"] == ["4", "4,000", "600", "200", "$12.401845", "1"]
    assert done.stdout.splitlines()[-1] == "4 calls: $12.40 + 1 unpriced call"
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_piped_is_plain_and_uncut(tmp_path: Path) -> None:
    """No colours and no shortened names where a program reads."""
    name = "accounts/fireworks/models/" + "long-" * 40 + "name"
    write_store(tmp_path / "usage.db", [call(name)])
    done = run("report", "--by", "model", "--by", "provider", cwd=tmp_path)
    assert name in done.stdout
    assert "\x1b" not in done.stdout


def test_on_a_terminal_it_is_coloured(folder: Path) -> None:
    """People get colours."""
    assert "\x1b[" in run_on_terminal("report", cwd=folder)


def test_no_color_is_respected(folder: Path) -> None:
    """NO_COLOR takes the colours off a terminal."""
    assert "\x1b[3" not in run_on_terminal("report", cwd=folder, env=environment(TERM="xterm", NO_COLOR="1"))


def narrowed(folder: Path, columns: int, *options: str) -> str:
    shown = run_on_terminal(
        "report", *options, cwd=folder, env=environment(TERM="xterm", COLUMNS=str(columns))
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(len(line) for line in shown.splitlines()) <= columns
    return shown


def test_a_narrow_terminal_loses_columns_but_no_digits(folder: Path) -> None:
    """What is less important goes first; numbers stay whole."""
    wide, narrow = (rows_of(narrowed(folder, columns)) for columns in (100, 70))
    assert wide["total"] == ["4", "4,000", "600", "200", "$12.401845", "1"]
    assert narrow["total"] == ["4", "4,000", "200", "$12.401845", "1"]


def test_where_no_table_fits_there_are_lines(folder: Path) -> None:
    """On a phone's width each model is a few lines of text, with whole numbers."""
    shown = " ".join(narrowed(folder, 40).split())
    assert "gpt-4o 2 calls, 2,000 tokens in, 100 out, $12.40 + 1 unpriced call" in shown
    assert "total 4 calls, 4,000 tokens in, 200 out, $12.40 + 1 unpriced call" in shown


def test_days_are_cut_in_the_zone(folder: Path) -> None:
    """Twenty hours after midnight in UTC is the next day in Kathmandu."""
    found = json.loads(run("report", "--by", "day", "--tz", "Asia/Kathmandu", "--json", cwd=folder).stdout)
    assert [(row["day"], row["calls"]) for row in found["groups"]] == [("2026-11-01", 3), ("2026-11-02", 1)]
    assert found["tz"] == "Asia/Kathmandu"


def test_json_has_integers_and_what_is_unknown(folder: Path) -> None:
    """Money is nanodollars, a missing agent is null, and totals stand beside the groups."""
    found = json.loads(run("report", "--by", "agent", "--json", cwd=folder).stdout)
    assert found["by"] == ["agent"]
    assert [row["agent"] for row in found["groups"]] == ["reviewer", None]
    assert found["total"]["cost_usd_nanos"] == 12_401_845_000
    assert found["total"]["unpriced_calls"] == 1
    models = json.loads(run("report", "--json", cwd=folder).stdout)["groups"]
    assert [row["cost_usd_nanos"] for row in models].count(None) == [
        row["unpriced_calls"] == row["calls"] for row in models
    ].count(True)


def test_a_window_takes_its_beginning_and_leaves_its_end(folder: Path) -> None:
    """`--since` is included, `--until` is not, and the report says what it covers."""
    options = ["--since", "2026-11-01", "--until", "2026-11-01T20:00"]
    done = run("report", *options, cwd=folder)
    assert done.stdout.splitlines()[-1].startswith(
        "3 calls from 2026-11-01 00:00+00:00 before 2026-11-01 20:00+00:00"
    )


def test_failures_show_only_where_there_are_any(tmp_path: Path) -> None:
    """A column of zeros tells nothing."""
    write_store(tmp_path / "good.db", [call()])
    write_store(tmp_path / "bad.db", [call(outcome=Outcome.TIMEOUT), call(outcome=Outcome.CANCELLED)])
    assert "failed" not in run("report", "good.db", cwd=tmp_path).stdout
    assert "failed   cut short" in run("report", "bad.db", cwd=tmp_path).stdout


@pytest.mark.parametrize("kind", ["usage.db", "events.ndjson"])
def test_nothing_to_report_is_no_error(tmp_path: Path, kind: str) -> None:
    """An empty store says that it is empty; a window without calls says so too."""
    write = write_store if kind == "usage.db" else write_lines
    write(tmp_path / kind, [call()])
    done = run("report", kind, "--since", "2027-01-01", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"No calls in {kind} from 2027-01-01 00:00+00:00.\n")
    write_store(tmp_path / "empty.db", [])
    assert run("report", "empty.db", cwd=tmp_path).stdout == "No calls in empty.db.\n"
    assert json.loads(run("report", "empty.db", "--json", cwd=tmp_path).stdout)["groups"] == []


def test_lines_that_are_no_events_are_mentioned(folder: Path) -> None:
    """A file with a broken line is reported, and stderr says what was left out."""
    with (folder / "events.ndjson").open("a") as file:
        file.write("{broken\n")
    done = run("report", "events.ndjson", cwd=folder)
    assert done.stderr == "taximeter: events.ndjson: 1 line not an event, left out\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["missing.db"], 2, "store='missing.db': must be an existing file"),
        (["."], 2, "must be an existing file"),
        (["text.txt"], 1, "text.txt: neither a SQLite store nor a file of events"),
        (["other.db"], 1, "other.db: cannot be read"),
        (["--tz", "Mars/Phobos"], 2, "--tz='Mars/Phobos': must be an IANA time zone"),
        (["--by", "colour"], 2, "by='colour': must be one of model, provider"),
        (["--since", "soon"], 2, "--since='soon': must be a date"),
        (["--until", ""], 2, "--until='': must be a date"),
        (["--where", "agnet=x"], 2, "did you mean 'agent'?"),
        (
            ["--format", "cvs"],
            2,
            "--format='cvs': must be one of table, json, csv, markdown; did you mean 'csv'?",
        ),
        (["--chart", "--json"], 2, "--chart='json': must be without another format"),
        (["--chart", "--per-outcome"], 2, "--per-outcome='--chart': must be the only one"),
        (["--latency", "--by", "day"], 2, "by='day': must be no period with --latency"),
        (["--colour"], 2, "No such option"),
        (["usage.db", "events.ndjson"], 2, "unexpected extra argument"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    folder: Path, arguments: list[str], code: int, complaint: str
) -> None:
    """One line on stderr, nothing on stdout: 2 for wrong usage, 1 for a file that cannot be read."""
    (folder / "text.txt").write_text("hello")
    (folder / "other.db").write_bytes(b"SQLite format 3\x00" + b"x" * 2000)
    done = run("report", *arguments, cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert complaint in done.stderr


def test_what_a_terminal_cannot_show_is_no_accident(tmp_path: Path) -> None:
    """In an encoding without the letters of a name, and without box lines, the report is still there."""
    write_store(tmp_path / "usage.db", [call("modèle-\u4e2d")])
    done = run("report", cwd=tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert done.returncode == 0
    assert "mod?le-?" in done.stdout


def test_tables_for_programs_are_utf8_in_every_locale(tmp_path: Path) -> None:
    """A spreadsheet gets the letters that a terminal in this locale could not show."""
    write_store(tmp_path / "usage.db", [call("mod\u00e8le")])
    done = run("report", "--format", "csv", cwd=tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert "mod\u00e8le" in done.stdout


def test_a_window_that_ends_before_it_begins_is_wrong_usage(folder: Path) -> None:
    """Nothing can be in it, which must not look like a day without calls."""
    for command in (("report",), ("prices", "check")):
        done = run(*command, "--since", "now", "--until", "2d", cwd=folder)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert "--until='2d': must be a moment after --since now" in done.stderr


def test_an_empty_file_holds_no_calls(tmp_path: Path) -> None:
    """It is no mistake: the first call is still to come."""
    (tmp_path / "e.ndjson").touch()
    done = run("report", "e.ndjson", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "No calls in e.ndjson.\n")


def test_only_calls_with_a_value_are_counted(folder: Path) -> None:
    """By any dimension, alike in both kinds of file; an empty value finds those that do not say."""
    for source in ("usage.db", "events.ndjson"):
        chosen = run("report", source, "--where", "agent=reviewer", cwd=folder).stdout
        assert chosen.splitlines()[-1] == "1 call with agent=reviewer: $12.40"
        found = json.loads(
            run("report", source, "-w", "agent=", "-w", "provider=openai", "--json", cwd=folder).stdout
        )
        assert found["total"]["calls"] == 2
        assert found["where"] == {"agent": None, "provider": "openai"}


def test_csv_has_integers_exact_dollars_and_empty_cells(folder: Path) -> None:
    """What is unknown is empty: a group without any price costs nobody knows what."""
    write_store(folder / "odd.db", [call("=cmd()", None), call("b", 1)])
    for source in ("usage.db", "events.ndjson"):
        done = run("report", source, "--by", "agent", "--format", "csv", cwd=folder)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert [(row["agent"], row["calls"], row["cost_usd"]) for row in rows] == [
            ("reviewer", "1", "12.400000000"),
            ("", "3", "0.001845000"),
        ]
        assert rows[0]["cost_usd_nanos"] == "12400000000"
    odd = list(csv.DictReader(run("report", "odd.db", "-f", "csv", cwd=folder).stdout.splitlines()))
    assert [(row["model"], row["cost_usd_nanos"], row["cost_usd"]) for row in odd] == [
        ("b", "1", "0.000000001"),
        ("'=cmd()", "", ""),
    ]


def test_markdown_is_the_table(folder: Path) -> None:
    """With numbers to the right, and the total."""
    lines = run("report", "--format", "markdown", cwd=folder).stdout.splitlines()
    assert lines[0] == "| model | calls | input | cached | output | cost | unpriced |"
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    assert lines[-1] == "| total | 4 | 4,000 | 600 | 200 | $12.401845 | 1 |"


def test_a_success_costs_what_all_calls_of_its_kind_cost(tmp_path: Path) -> None:
    """By task type unless told otherwise; what leaves unpriced calls out is a lower bound, and says so."""
    calls = [
        call(nanos=2_000_000_000, quality_gate_passed=True, task_type=TaskType.PLANNING),
        call(nanos=1_000_000_000, quality_gate_passed=False, task_type=TaskType.PLANNING),
        call(nanos=1_000_000_000, outcome=Outcome.FAILURE, task_type=TaskType.TESTING),
        call("mystery", None, task_type=TaskType.PLANNING),
    ]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    for source in ("usage.db", "events.ndjson"):
        lines = run("report", source, "--per-outcome", cwd=tmp_path).stdout.splitlines()
        assert lines[2].split() == ["planning", "3", "2", "66.7", "%", "1", "$3.00", "1", ">$1.50"]
        assert lines[3].split()[-2:] == ["no", "success"]
        assert lines[-1] == "4 calls: $4.00 + 1 unpriced call"
    found = json.loads(run("report", "--per-outcome", "--json", cwd=tmp_path).stdout)
    assert [row["cost_per_success_usd_nanos"] for row in found["groups"]] == [1_500_000_000, None]
    done = run("report", "--per-outcome", "--by", "outcome", "-f", "csv", cwd=tmp_path)
    assert [row["cost_per_success_usd"] for row in csv.DictReader(done.stdout.splitlines())] == [
        "1.500000000",
        "",
    ]
    markdown = run("report", "--per-outcome", "-f", "markdown", cwd=tmp_path).stdout
    assert "| testing | 1 | 0 | 0.0 % | 0 | $1.00 | 0 | no success |" in markdown


def test_gates_are_a_dimension(tmp_path: Path) -> None:
    """Passed, failed or not known, alike in both kinds of file."""
    calls = [call(quality_gate_passed=passed) for passed in (True, False, None)]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    for source in ("usage.db", "events.ndjson"):
        done = run("report", source, "--by", "quality_gate", "--json", cwd=tmp_path)
        assert {row["quality_gate"] for row in json.loads(done.stdout)["groups"]} == {
            "passed",
            "failed",
            None,
        }
        chosen = run("report", source, "--where", "quality_gate=failed", cwd=tmp_path).stdout
        assert chosen.splitlines()[-1].startswith("1 call ")


def test_a_chart_of_days_has_the_days_between(tmp_path: Path) -> None:
    """A day without calls is a line without a bar; in an encoding without blocks bars are made of `#`."""
    calls = [call(nanos=n * 10**9, started_at_us=NOVEMBER_US + n * 24 * HOUR_US) for n in (1, 3)]
    write_store(tmp_path / "usage.db", calls)
    lines = run("report", "--chart", "--by", "day", cwd=tmp_path).stdout.splitlines()
    full = "\N{FULL BLOCK}"
    bars = [(line.split()[0], line.count(full)) for line in lines[2:5]]
    assert bars == [("2026-11-02", 16), ("2026-11-03", 0), ("2026-11-04", 48)]
    plain = run("report", "--chart", "--by", "day", cwd=tmp_path, env=environment(PYTHONIOENCODING="ascii"))
    assert plain.stdout.splitlines()[4].count("#") == 48
    assert "?" not in plain.stdout


def test_a_chart_of_names_shows_how_each_went(folder: Path) -> None:
    """A bar and a trend each, within the terminal's width."""
    shown = narrowed(folder, 90, "--chart")
    assert "trend" in shown
    assert "\N{FULL BLOCK}" in shown
    assert "trend" not in narrowed(folder, 40, "--chart")


def test_where_nothing_has_a_price_bars_are_calls(tmp_path: Path) -> None:
    """Unknown is not zero: the chart still shows where the calls went."""
    write_store(tmp_path / "usage.db", [call("a", None), call("a", None), call("b", None)])
    lines = run("report", "--chart", cwd=tmp_path).stdout.splitlines()
    assert [line.count("\N{FULL BLOCK}") > 0 for line in lines[2:4]] == [True, True]


def test_latency_has_percentiles_success_and_caches(tmp_path: Path) -> None:
    """By group and for all calls, alike in both kinds of file; what was never timed is not known."""
    calls = [
        call(agent="a", task_duration_ms=float(ms), time_to_first_token_ms=ms / 20, cache_read_tokens=250)
        for ms in range(100, 10_100, 100)
    ]
    calls += [call(agent="b", outcome=Outcome.FAILURE)]
    write_store(tmp_path / "usage.db", calls)
    write_lines(tmp_path / "events.ndjson", calls)
    for source in ("usage.db", "events.ndjson"):
        lines = run("report", source, "--latency", "--by", "agent", cwd=tmp_path).stdout.splitlines()
        assert lines[2].split() == [
            "a",
            "100",
            "100.0",
            "%",
            "5,000",
            "9,500",
            "9,900",
            "250",
            "475",
            "25.0",
            "%",
        ]
        assert lines[3].split() == ["b", "1", "0.0", "%", "-", "-", "-", "-", "-", "0.0", "%"]
        assert lines[-1].startswith("101 calls: ")
    options = ("report", "--latency", "--by", "agent", "-w", "agent=a")
    found = json.loads(run(*options, "--json", cwd=tmp_path).stdout)
    assert found["groups"][0]["latency"] == {"p50_ms": 5000.0, "p95_ms": 9500.0, "p99_ms": 9900.0}
    (row,) = csv.DictReader(run(*options, "-f", "csv", cwd=tmp_path).stdout.splitlines())
    assert (row["latency_p95_ms"], row["success_rate"]) == ("9500.0", "1.0")
    assert "| a | 100 | 100.0 % |" in run(*options, "-f", "markdown", cwd=tmp_path).stdout
    shown = " ".join(narrowed(tmp_path, 30, "--latency", "--by", "agent").split())
    assert "a 100 calls, 100.0 % successful, half in 5,000 ms, 95 % in 9,500 ms" in shown
