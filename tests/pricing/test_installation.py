"""Installation: a newer table is taken in whole, or not at all."""

import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from price_lists import MTOK
from taximeter.errors import ConfigurationError
from taximeter.pricing.installation import FILE_NAME, SuspiciousTableError, install, newest_table, read_table
from taximeter.pricing.table import (
    Multiplier,
    Provider,
    Row,
    Table,
    UnreadableTableError,
    build_table,
    encode_table,
    shipped_table,
)


def edition(date: str, *, input_factor: int = 1, drop: int = 0) -> Table:
    """The shipped table as of another day, with the price of one model changed or some models gone."""
    shipped = shipped_table()
    providers = {name: shipped.provider(name) or Provider({}, {}, {}) for name in shipped.providers}
    cohere = providers["cohere"]
    rows = (Row({"input": 2_500_000_000 * input_factor, "output": 10 * MTOK}),)
    providers["cohere"] = Provider({**cohere.models, "command-a": rows}, cohere.exact, cohere.stems)
    for name in sorted(providers, key=lambda name: -len(providers[name].models))[:drop]:
        del providers[name]
    return build_table(date, shipped.source, providers, shipped.multipliers)


def written(table: Table, path: Path) -> Path:
    path.write_bytes(encode_table(table))
    return path


def test_a_newer_table_is_taken_in(tmp_path: Path) -> None:
    """From then on it is the one in use, and the changes are told."""
    newer = edition("2999-01-01", input_factor=2)
    installed = install(written(newer, tmp_path / "new"), folder=tmp_path / "data")
    assert (installed.old_version, installed.new_version) == (shipped_table().version, newer.version)
    assert [(change.id, change.kind, change.new) for change in installed.changes] == [
        ("cohere/command-a", "input", "5")
    ]
    assert newest_table(tmp_path / "data").version == newer.version
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_an_older_table_is_not_used(tmp_path: Path) -> None:
    """A package that has become newer than the user's file wins, and an older file is not installed."""
    older = edition("2020-01-01")
    written(older, tmp_path / FILE_NAME)
    assert newest_table(tmp_path).version == shipped_table().version
    with pytest.raises(SuspiciousTableError, match="older"):
        install(written(older, tmp_path / "old"), folder=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (edition("2999-01-01", input_factor=100), "command-a input moves"),
        (edition("2999-01-01", drop=3), "models are gone"),
        (edition("2999-01-01", input_factor=-1), "costs -2.5 USD"),
        (edition("2999-01-01", input_factor=10_000), "costs 25000 USD"),
    ],
)
def test_a_table_that_does_not_look_right_needs_force(table: Table, reason: str, tmp_path: Path) -> None:
    """A slip in a price or half a table is refused with its reasons, unless it is wanted."""
    source = written(table, tmp_path / "new")
    with pytest.raises(SuspiciousTableError, match=reason):
        install(source, folder=tmp_path)
    assert install(source, folder=tmp_path, force=True).new_version == table.version


def test_damage_changes_nothing(tmp_path: Path) -> None:
    """A file that is no table is refused and the one in place stays."""
    good = edition("2999-01-01")
    install(written(good, tmp_path / "new"), folder=tmp_path)
    broken = tmp_path / "broken"
    broken.write_bytes(encode_table(good)[:-100])
    with pytest.raises(UnreadableTableError):
        install(broken, folder=tmp_path)
    assert read_table(tmp_path / FILE_NAME).version == good.version
    with pytest.raises(ConfigurationError, match="source"):
        install(tmp_path / "nowhere", folder=tmp_path)


def test_a_damaged_table_in_place_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pricing goes on with the shipped table, and the log says why."""
    (tmp_path / FILE_NAME).write_bytes(b"not a table")
    with caplog.at_level(logging.WARNING, logger="taximeter"):
        assert newest_table(tmp_path).version == shipped_table().version
    assert "cannot be read" in caplog.text


def test_a_table_may_come_from_a_url(tmp_path: Path) -> None:
    """Over HTTP as from a file; an answer that is an error is named with its URL."""
    newer = edition("2999-01-01")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/prices.bin" else 404)
            self.end_headers()
            if self.path == "/prices.bin":
                self.wfile.write(encode_table(newer))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            assert install(f"{url}/prices.bin", folder=tmp_path).new_version == newer.version
            with pytest.raises(ConfigurationError, match="404"):
                install(f"{url}/else", folder=tmp_path)
        finally:
            server.shutdown()
            thread.join()


def test_multipliers_travel_with_the_table() -> None:
    """A table keeps its factors when it is written and read."""
    assert all(isinstance(rule, Multiplier) for rule in shipped_table().multipliers)
    assert shipped_table().multipliers
