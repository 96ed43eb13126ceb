"""`taximeter config`, and what commands take from file and environment."""

import json
import sys
from pathlib import Path

import pytest

import taximeter
from console_script import environment, run
from event_samples import call, write_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file of settings and the store that it names."""
    (tmp_path / "taximeter.toml").write_text(
        "sinks = ['mine.db', 'https://u:hidden@h/x']\ntz = 'Asia/Kathmandu'\n"
    )
    write_store(tmp_path / "mine.db", [call("gpt-4o")])
    return tmp_path


def test_each_value_is_shown_with_where_it_came_from(folder: Path) -> None:
    """File and key, variable, or default; secrets of addresses are left out."""
    done = run("config", cwd=folder, env=environment(TAXIMETER_MAX_EVENTS="12", TAXIMETER_TOKEN="hidden"))
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert f"{folder}/taximeter.toml: tz" in lines["tz"]
    assert "TAXIMETER_MAX_EVENTS" in lines["max_events"]
    assert lines["carry"].split() == ["carry", "true", "default"]
    assert "https://h/x" in lines["sinks"]
    assert "hidden" not in done.stdout + done.stderr


def test_json_has_the_same(folder: Path) -> None:
    """For programs, from a folder below."""
    (folder / "below").mkdir()
    shown = json.loads(run("config", "--format", "json", cwd=folder / "below").stdout)
    found = {each["name"]: each for each in shown["settings"]}
    assert shown["file"] == str(folder / "taximeter.toml")
    assert found["tz"] == {
        "name": "tz",
        "value": "Asia/Kathmandu",
        "source": "file",
        "where": f"{folder}/taximeter.toml: tz",
    }


def test_commands_read_the_store_and_the_zone_of_the_settings(folder: Path) -> None:
    """What stands in the file needs no argument; an argument still wins."""
    found = json.loads(run("report", "--json", cwd=folder).stdout)
    assert (found["tz"], found["total"]["calls"]) == ("Asia/Kathmandu", 1)
    assert json.loads(run("report", "--json", "--tz", "UTC", cwd=folder).stdout)["tz"] == "UTC"
    done = run("report", cwd=folder, env=environment(TAXIMETER_STORE="other.db"))
    assert "other.db" in done.stderr


def test_a_wrong_file_stops_commands_and_not_their_help(folder: Path) -> None:
    """One line says what is wrong and where."""
    (folder / "taximeter.toml").write_text("tzz = 'UTC'\n")
    done = run("report", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean 'tz'?" in done.stderr
    assert run("report", "--help", cwd=folder).returncode == 0
    assert run("config", "--format", "xml", cwd=folder).returncode == 2


def test_a_budget_that_cannot_work_is_told_with_its_place(folder: Path) -> None:
    """Sections that other rooms read are checked when they are shown."""
    (folder / "taximeter.toml").write_text("[[budgets]]\nname = 'all'\nlimit_usd = '5'\n")
    assert "limit_usd" in run("config", cwd=folder).stdout
    (folder / "taximeter.toml").write_text("[[budgets]]\nname = 'all'\nlimit_us = '5'\n")
    done = run("config", cwd=folder)
    assert done.returncode == 2
    assert "taximeter.toml: budgets[0].limit_us=" in done.stderr
    assert "did you mean 'limit_usd'?" in done.stderr


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("sinks = 'missing/mine.db'", "missing/mine.db"),
        ("sinks = 'mine.txt'", "mine.txt"),
        ("journal = 'missing/journal'", "missing/journal"),
        ("sync = 'durable'", "durable"),
        ("prices = 'missing.toml'", "missing.toml"),
    ],
)
def test_what_would_not_start_is_an_error_below_the_settings(folder: Path, line: str, named: str) -> None:
    """The settings are shown nevertheless, so that one sees where each comes from."""
    (folder / "taximeter.toml").write_text(f"{line}\n")
    done = run("config", cwd=folder)
    assert done.returncode == 2
    assert "taximeter.toml" in done.stdout
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


def test_looking_at_the_settings_delivers_nothing(folder: Path) -> None:
    """What waits in a journal is left to those that carry it."""
    journal = folder / "journal"
    with taximeter.start(folder / "late.db", journal=journal, carry=False) as tracker:
        tracker.track_task_completion(call("gpt-4o"))
    (folder / "taximeter.toml").write_text("sinks = 'late.db'\njournal = 'journal'\n")
    before = sorted(path.name for path in journal.iterdir())
    assert run("config", cwd=folder).returncode == 0
    assert sorted(path.name for path in journal.iterdir()) == before
    assert not (folder / "late.db").exists()


def test_prune_keeps_what_the_settings_say(folder: Path) -> None:
    """The retention of the file is what stays where no argument says it."""
    assert run("store", "prune", "--dry-run", cwd=folder).returncode == 2
    env = environment(TAXIMETER_RETENTION="1d", TAXIMETER_CONTENT_RETENTION="1h")
    shown = json.loads(run("store", "prune", "--dry-run", "--json", cwd=folder, env=env).stdout)
    assert (shown["calls"], shown["contents"]) == (1, 0)


def test_run_hands_the_settings_to_the_processes_below(folder: Path) -> None:
    """The program's events go where the file says, under the name that the environment says."""
    (folder / "taximeter.toml").write_text("sinks = 'other.ndjson'\nmax_events = 10\n")
    code = "import os; print(os.environ['TAXIMETER_RUN'])"
    done = run(
        "run",
        "--quiet",
        "--",
        sys.executable,
        "-c",
        code,
        cwd=folder,
        env=environment(TAXIMETER_SERVICE="svc"),
    )
    told = json.loads(done.stdout)
    assert told["sinks"] == [str(folder / "other.ndjson")]
    assert (told["service"], told["options"]) == ("svc", {"max_events": 10})
