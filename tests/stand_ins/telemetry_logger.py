"""A logger of invocations as applications have it, so that the code of those who leave it can be run."""

import sqlite3
from dataclasses import astuple, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


@dataclass
class InvocationRecord:
    """One call, as the application describes it."""

    invocation_id: str
    agent_name: str
    tool_name: str
    model_name: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_usd: float
    latency_ms: float
    status: str = "success"
    error: str | None = None
    timestamp: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


_COLUMNS = ", ".join(each.name for each in fields(InvocationRecord))


class TelemetryLogger:
    """Writes invocations to SQLite and answers from there."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS invocations ({_COLUMNS})")
        self._connection.execute("CREATE TABLE IF NOT EXISTS texts (invocation_id, prompt, response)")
        self.privacy_level = "metadata"

    @classmethod
    def from_config(cls, path: str) -> "TelemetryLogger":
        """Make one as a file of `key: value` lines says."""
        lines = Path(path).read_text().splitlines()
        config = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        logger = cls(config["db_path"])
        logger.privacy_level = config.get("privacy_level", "metadata")
        return logger

    def log_invocation(
        self, record: InvocationRecord, *, prompt: str | None = None, response: str | None = None
    ) -> None:
        """Insert one row, and the texts where the level is `full`."""
        if self.privacy_level == "full":
            with self._connection:
                texts = (record.invocation_id, prompt, response)
                self._connection.execute("INSERT INTO texts VALUES (?, ?, ?)", texts)
        marks = ", ".join("?" * len(fields(record)))
        with self._connection:
            self._connection.execute(f"INSERT INTO invocations VALUES ({marks})", astuple(record))  # noqa: S608 - question marks only

    def get_daily_costs(self, agent_name: str) -> list[tuple[str, float]]:
        """Return the cost of each day, UTC."""
        query = (
            "SELECT substr(timestamp, 1, 10), SUM(cost_usd) FROM invocations WHERE agent_name = ? GROUP BY 1"
        )
        return list(self._connection.execute(query, (agent_name,)))

    def get_statistics(self, agent_name: str, days: int = 7) -> dict[str, Any]:
        """Return calls, success rate, tokens, cost and latency."""
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        query = (
            "SELECT COUNT(*), AVG(status = 'success'), SUM(total_tokens), SUM(cost_usd), AVG(latency_ms)"
            " FROM invocations WHERE agent_name = ? AND timestamp >= ?"
        )
        names = ("calls", "success_rate", "tokens", "cost_usd", "latency_ms")
        return dict(zip(names, self._connection.execute(query, (agent_name, since)).fetchone(), strict=True))

    def get_recent_invocations(self, limit: int = 10) -> list[Any]:
        """Return the newest rows."""
        return list(
            self._connection.execute("SELECT * FROM invocations ORDER BY timestamp DESC LIMIT ?", (limit,))
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
