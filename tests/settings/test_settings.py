"""Settings: one file, the environment, and which of them wins."""

import inspect
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

import taximeter
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


@pytest.mark.parametrize(
    "content",
    [
        b"max_events = " + b"1" * 5000,
        b"sinks = " + b"[" * 5000,
        b"retry_budget_s = 1" + b"0" * 400,
        b"store = '~no-such-user-here/usage.db'",
        b"service = '\xe9'",
    ],
    ids=["digits", "nesting", "seconds", "user", "encoding"],
)
def test_what_python_cannot_read_is_a_wrong_setting(tmp_path: Path, content: bytes) -> None:
    """And no error of another kind, which a program would not expect."""
    file = tmp_path / "taximeter.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"taximeter\.toml"):
        Settings.load(file, environment={})


@pytest.mark.parametrize("text", ["[" * 5000, "https://[::1", "1" + "0" * 400])
@pytest.mark.parametrize(
    "variable", ["TAXIMETER_HOSTS", "TAXIMETER_SYNC", "TAXIMETER_MAX_EVENTS", "TAXIMETER_TZ"]
)
def test_no_text_of_a_variable_is_more_than_a_wrong_value(tmp_path: Path, variable: str, text: str) -> None:
    """It names the variable, whatever stands in it."""
    if (variable, text[0]) == ("TAXIMETER_MAX_EVENTS", "1"):
        assert load(tmp_path, **{variable: text})["max_events"] == int(text)
    else:
        assert wrong(tmp_path, **{variable: text}).key == variable


def test_a_mark_at_the_beginning_of_a_file_is_passed_over(tmp_path: Path) -> None:
    """Some editors write one, and lines that end as on Windows."""
    file = tmp_path / "taximeter.toml"
    file.write_bytes(b"\xef\xbb\xbfservice = 'search'\r\n")
    assert Settings.load(file, environment={})["service"] == "search"


def test_what_stands_under_a_misspelt_name_is_not_shown(tmp_path: Path) -> None:
    """It may be the secret of the name that was meant."""
    errors = [wrong(tmp_path, "tokne = 'hunter2'"), wrong(tmp_path, TAXIMETER_TOKN="hunter2")]
    assert all("hunter2" not in str(error) and "did you mean" in str(error) for error in errors)


@pytest.mark.parametrize("text", ["SERVICE = 'x'", "tz = 'europe/berlin'", "privacy = 'FULL'"])
def test_the_nearest_name_does_not_hang_on_capitals(tmp_path: Path, text: str) -> None:
    """Names of settings, of zones and of words are all told."""
    assert "did you mean" in str(wrong(tmp_path, text))


def test_a_folder_of_somebody_else_above_is_passed_over(tmp_path: Path) -> None:
    """Where we may not even look, there is no file for us."""
    assert Settings.load(environment={}, folder=tmp_path / ("x" * 300)).file is None  # no name is so long


def test_a_current_folder_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a file does not need it."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(ConfigurationError, match="current folder"):
        Settings.load(environment={})
    assert Settings.load(os.devnull, environment={}).stated() == {}


def test_a_tilde_is_the_users_folder_wherever_it_stands(tmp_path: Path) -> None:
    """Files and container definitions are read by no shell."""
    assert load(tmp_path, "store = '~/a.db'")["store"] == load(tmp_path, TAXIMETER_STORE="~/a.db")["store"]
    assert "~" not in load(tmp_path, TAXIMETER_SINKS="~/a.db,log:")["sinks"][0]


@pytest.mark.parametrize("address", ["https//user:hunter2@h", "https://user:hunter2@[h/x"])
def test_a_password_in_a_misspelt_address_is_not_shown(tmp_path: Path, address: str) -> None:
    """Neither by `taximeter config` nor in the error of a sink."""
    settings = load(tmp_path, TAXIMETER_SINKS=address)
    assert "hunter2" not in str(settings.shown("sinks"))
    with pytest.raises(ConfigurationError) as caught:
        taximeter.start_configured(config=settings)
    assert "hunter2" not in str(caught.value)
