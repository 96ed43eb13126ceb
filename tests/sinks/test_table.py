"""Which sink a path or an address means."""

from pathlib import Path

import pytest

from sink_doubles import FailingSink
from taximeter.errors import ConfigurationError
from taximeter.sinks.log import LogSink
from taximeter.sinks.memory import MemorySink
from taximeter.sinks.ndjson import NdjsonSink
from taximeter.sinks.sqlite import SqliteSink
from taximeter.sinks.table import sink_for


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("usage.db", SqliteSink),
        ("USAGE.DB", SqliteSink),
        ("usage.sqlite", SqliteSink),
        ("usage.sqlite3", SqliteSink),
        ("sqlite:///usage", SqliteSink),
        (Path("usage.db"), SqliteSink),
        ("events.ndjson", NdjsonSink),
        ("events.jsonl", NdjsonSink),
        ("ndjson:///dev/full", NdjsonSink),
        (Path("odd:name.ndjson"), NdjsonSink),
        ("memory:", MemorySink),
        ("log:", LogSink),
        ("log:WARNING", LogSink),
        ("LOG:debug", LogSink),
    ],
    ids=str,
)
def test_targets(target: str | Path, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ending or by scheme; a Path is never an address."""
    (tmp_path / "dev").mkdir()
    monkeypatch.chdir(tmp_path)
    assert type(sink_for(target)) is kind


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:///usage.db", "usage.db"),
        ("sqlite:////tmp/usage.db", "/tmp/usage.db"),
        ("sqlite:///with%20space.db", "with space.db"),
    ],
)
def test_an_address_of_a_file_counts_slashes_as_others_do(address: str, path: str) -> None:
    """Three lead from here, four from the root."""
    sink = sink_for(address)
    assert isinstance(sink, SqliteSink)
    assert sink.path == Path(path)


def test_an_object_with_the_methods_is_taken_as_it_is() -> None:
    """No base class is asked for."""
    sink = FailingSink()
    assert sink_for(sink) is sink


@pytest.mark.parametrize(
    "target",
    [
        "",
        "usage",
        "usage.txt",
        "ftp://host/usage.db",
        "sqlite:",
        "sqlite:///",
        "sqlite:usage.db",
        "log:LOUD",
        "memory:x",
    ],
)
def test_what_nothing_serves_is_refused(target: str) -> None:
    """At once, naming what was given and what is allowed."""
    with pytest.raises(ConfigurationError, match="must be"):
        sink_for(target)


def test_an_object_without_the_methods_is_refused() -> None:
    """Not at the first event, hours later."""
    with pytest.raises(ConfigurationError, match="aclose"):
        sink_for(object())  # type: ignore[arg-type]  # wrong on purpose


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Nobody's spelling mistake becomes a folder."""
    with pytest.raises(ConfigurationError, match="a folder that exists"):
        sink_for(str(tmp_path / "nowhere" / "usage.db"))


def test_a_password_is_not_repeated() -> None:
    """An error message ends in a log."""
    with pytest.raises(ConfigurationError) as raised:
        sink_for("mysql://me:hunter2@host/db?token=hunter2")
    assert "hunter2" not in str(raised.value)
    assert "host/db" in str(raised.value)
