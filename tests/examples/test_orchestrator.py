"""The orchestrator example runs, and is one trace."""

import sqlite3
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "orchestrator" / "orchestrator.py"


def test_the_orchestrator_its_workers_and_their_calls_are_one_trace(tmp_path: Path) -> None:
    """From one run, by two agents, below it; the sum is printed, and the service has the same."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), str(tmp_path / "usage.db")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("article: 3 calls, 1 failed, ")
    assert [line.split()[:2] for line in done.stdout.splitlines()[4:]] == [
        ["article", "orchestrator:"],
        *[["llm_call", "researcher:"]] * 2,
        ["llm_call", "writer:"],
    ]
    connection = sqlite3.connect(tmp_path / "usage.db")
    calls = connection.execute(
        "SELECT agent, run_id, trace_id, parent_span_id, span_id FROM events"
    ).fetchall()
    moments = connection.execute("SELECT type, trace_id, span_id FROM call_events ORDER BY rowid").fetchall()
    connection.close()
    assert sorted(agent for agent, *_ in calls) == ["researcher", "researcher", "writer"]
    assert len({(run_id, trace_id) for _, run_id, trace_id, _, _ in calls}) == 1
    kinds = [kind for kind, _, _ in moments]
    assert kinds == ["RUN_STARTED", "LLM_CALL_STARTED", "LLM_CALL_FINISHED", "RUN_FINISHED"]
    assert {trace_id for _, trace_id, _ in moments} == {calls[0][2]}
    assert len({span for *_, span in calls}) == 3
