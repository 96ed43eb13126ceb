"""What `docs/how-to/ask-a-store.md` says of plain SQL."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_samples import HOUR_US, NOVEMBER_US, call, write_store

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "ask-a-store.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
ANSWERS = [
    [("2026-11", "gpt-4o", 2, 0, 24.8), ("2026-11", "new", 1, 1, 0.0)],
    [("2026-11-01 00:00:00.000", "gpt-4o", 1000, 50, 12.4)],
    [("openai", "new", "unknown", 1)],
    [(None, 2, 12.4), ("search", 1, 12.4)],
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A store as another program opens it: read-only, with nothing of taximeter's."""
    calls = [call(user="u-17"), call("new", None, started_at_us=NOVEMBER_US + HOUR_US)]
    path = write_store(tmp_path / "usage.db", [*calls, call(tags={"team": "search"})])
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()


@pytest.mark.parametrize(("query", "answer"), list(zip(QUERIES, ANSWERS, strict=True)))
def test_documented_queries_answer(
    database: sqlite3.Connection, query: str, answer: list[tuple[object, ...]]
) -> None:
    """Each of them, as it stands on the page."""
    assert database.execute(query).fetchall() == answer


@pytest.mark.parametrize("view", ["calls", "daily_costs", "unpriced"])
def test_documented_columns_are_there(database: sqlite3.Connection, view: str) -> None:
    """A view has the columns that the page names."""
    (row,) = re.findall(rf"^\| `{view}` \|[^|]*\|([^|]*)\|$", PAGE, re.MULTILINE)
    columns = {column[1] for column in database.execute(f"PRAGMA table_info({view})")}
    assert set(re.findall(r"`(\w+)`", row)) - {"calls"} <= columns


def test_a_read_only_connection_writes_nothing(database: sqlite3.Connection) -> None:
    """Views need no table of their own to be read."""
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.execute("DELETE FROM event_rows")
