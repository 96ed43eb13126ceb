"""Settings: one file, the environment, and which of them wins."""

import inspect
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taximeter.errors import ConfigurationError
from taximeter.policy import Policy
from taximeter.settings import Found, Settings
from taximeter.settings.table import SECTIONS, SETTINGS
from taximeter.tracker import start


def load(folder: Path, text: str = "", **environment: str) -> Settings:
    """Return the settings of a folder with this taximeter.toml and nothing above it."""
    file = folder / "taximeter.toml"
    if text:
        file.write_text(text)
    return Settings.load(file if text else os.devnull, environment=environment)


def wrong(folder: Path, text: str = "", **environment: str) -> ConfigurationError:
    """Return the error that settings make."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, **environment)
    return caught.value


def test_without_file_and_environment_all_is_default(tmp_path: Path) -> None:
    """Nothing set means the values that arguments have by default."""
    settings = load(tmp_path)
    assert settings.stated() == {}
    assert settings.found["max_events"] == Found(Policy().max_events)


def test_environment_is_stronger_than_file(tmp_path: Path) -> None:
    """A variable wins over the file, and each value knows where it came from."""
    settings = load(tmp_path, "max_events = 1\ntz = 'Asia/Kathmandu'\n", TAXIMETER_MAX_EVENTS="2")
    assert settings.found["max_events"] == Found(2, "environment", "TAXIMETER_MAX_EVENTS")
    assert settings.found["tz"] == Found("Asia/Kathmandu", "file", f"{tmp_path / 'taximeter.toml'}: tz")


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("SINKS", "a.db,https://h/x", ["a.db", "https://h/x"]),
        ("SINKS", '["a,b.db"]', ["a,b.db"]),
        ("HOSTS", "llm.example.com=openai, b=ollama", {"llm.example.com": "openai", "b": "ollama"}),
        ("SCRUB", "no", False),
        ("SCRUB", r"badge \d{1,3}", [r"badge \d{1,3}"]),
        ("BATCH_MAX_AGE_S", "1.5", 1.5),
        ("CARRY", "false", False),
        ("SYNC", "durable", "durable"),
        ("RETENTION", "90d", "90d"),
    ],
)
def test_variables_are_read_as_their_kind_says(tmp_path: Path, variable: str, text: str, value: Any) -> None:
    """Lists, tables, truth and numbers all have a way to be written in the environment."""
    settings = load(tmp_path, **{f"TAXIMETER_{variable}": text})
    assert settings[variable.lower()] == value


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    """`TAXIMETER_TZ=` switches a variable off, as in a compose file."""
    assert load(tmp_path, TAXIMETER_TZ="").stated() == {}


def test_a_slip_in_a_name_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    """Neither file nor environment takes a name that there is not."""
    error = wrong(tmp_path, "max_event = 3")
    assert (error.key, error.value, error.where) == ("max_event", 3, str(tmp_path / "taximeter.toml"))
    assert "did you mean 'max_events'?" in str(error)
    assert "did you mean 'TAXIMETER_JOURNAL'?" in str(wrong(tmp_path, TAXIMETER_JOURNL="x"))


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("max_events = 'many'", "whole number"),
        ("max_events = true", "whole number"),
        ("max_events = 0", "at least 1"),
        ("batch_max_age_s = -1", "seconds"),
        ("retry_budget_s = 0", "more than 0"),
        ("sync = 'durabel'", "did you mean 'durable'?"),
        ("carry = 'no'", "true or false"),
        ("tz = 'Asia/Katmando'", "IANA"),
        ("hosts = 'openai'", "table"),
        ('hosts = {"https://h" = "openai"}', "names of hosts"),
        ("retention = '3 months'", "90d"),
        ("sinks = []", "path or an address"),
        ("scrub = ['(']", "regular expressions"),
        ("token = 'abcdef'", "TAXIMETER_TOKEN"),
        ("= 3", "TOML"),
    ],
)
def test_a_wrong_value_says_what_is_allowed_and_where(tmp_path: Path, line: str, allowed: str) -> None:
    """Types and values are checked before anything starts."""
    error = wrong(tmp_path, line)
    assert allowed in error.allowed
    assert "taximeter.toml" in str(error)
    assert "abcdef" not in str(error)


def test_names_that_kubernetes_makes_are_passed_over(tmp_path: Path) -> None:
    """A service called taximeter puts its address into every container beside it."""
    made = {"TAXIMETER_SERVICE_HOST": "10.0.0.1", "TAXIMETER_PORT_80_TCP_ADDR": "10.0.0.1"}
    assert load(tmp_path, **made).stated() == {}


def test_the_first_file_upwards_is_read(tmp_path: Path) -> None:
    """A pyproject.toml counts where it has the table; taximeter.toml comes before it in one folder."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    (tmp_path / "pyproject.toml").write_text("[tool.taximeter]\nservice = 'shared'\n")
    assert Settings.load(folder=deep, environment={})["service"] == "shared"
    (tmp_path / "taximeter.toml").write_text("service = 'own'\n")
    assert Settings.load(folder=deep, environment={})["service"] == "own"


def test_a_file_that_anyone_may_write_is_not_followed(tmp_path: Path) -> None:
    """A planted file could name code to run; who names it in TAXIMETER_CONFIG trusts it."""
    file = tmp_path / "taximeter.toml"
    file.write_text("service = 'x'\n")
    file.chmod(0o666)
    with pytest.raises(ConfigurationError, match="TAXIMETER_CONFIG"):
        Settings.load(folder=tmp_path, environment={})
    assert Settings.load(environment={"TAXIMETER_CONFIG": str(file)})["service"] == "x"


def test_paths_of_a_file_are_seen_from_its_folder(tmp_path: Path) -> None:
    """A program in a folder below writes to the same store."""
    settings = load(tmp_path, "sinks = ['usage.db', 'https://host/x']\njournal = 'journal'\n")
    assert settings["sinks"] == [str(tmp_path / "usage.db"), "https://host/x"]
    assert settings["journal"] == str(tmp_path / "journal")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Neither a token nor what stands in an address."""
    canary = "c4n4ry5ecretc4n4ry"
    text = f"sinks = ['https://user:{canary}@host/p?token={canary}', 'https://host/hooks/{canary}/x']"
    settings = load(tmp_path, text, TAXIMETER_TOKEN=canary)
    shown = str([settings.shown(name) for name in settings.found])
    assert canary not in shown
    assert "https://host/p" in shown
    assert canary not in str(wrong(tmp_path, f"api_key = '{canary}'"))


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What another room might read."""

    max_usd: float


def test_a_section_is_read_into_the_structs_of_its_room(tmp_path: Path) -> None:
    """Rooms say what may stand in their tables, and an error names file and table."""
    settings = load(tmp_path, "[[budgets]]\nmax_usd = 5\n")
    assert settings.section("budgets", list[Limit]) == [Limit(max_usd=5)]
    assert load(tmp_path, "tz = 'UTC'").section("budgets", list[Limit]) is None
    with pytest.raises(ConfigurationError, match=r"taximeter\.toml: budgets.*max_eur"):
        load(tmp_path, "[[budgets]]\nmax_eur = 5\n").section("budgets", list[Limit])


def test_every_bound_is_a_setting() -> None:
    """What `start` takes can be set from outside."""
    names = {setting.name for setting in SETTINGS}
    assert set(Policy.__struct_fields__) <= names


NOT_FOR_FILES = {"catalog", "infer", "forecast", "limits", "budget_file"}
"""Objects of a program's own, the bounds, which are settings one by one, and what goes with budgets given in code."""


def test_every_option_of_start_is_a_setting() -> None:
    """An option that is new needs a row in the table, or a reason to be left to programs."""
    options = set(inspect.signature(start).parameters) - NOT_FOR_FILES
    assert options <= {setting.name for setting in SETTINGS} | set(SECTIONS)
