"""`taximeter budget`, and `taximeter run --max-usd`."""

import json
from pathlib import Path
from typing import Any

import pytest

import taximeter
from console_script import TAXIMETER, run
from recording_samples import CHAT_ANSWER
from taximeter.budget import Budget, Budgets
from taximeter.event import TaskCompletionEvent

CONFIGURATION = """
[[budgets]]
name = "monthly"
limit_usd = 1.0

[[budgets]]
name = "users"
limit_usd = "0.5"
window = "24h"
each = "user"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of two users' calls, and budgets in its configuration."""
    (tmp_path / "taximeter.toml").write_text(CONFIGURATION)
    with taximeter.start(tmp_path / "usage.db") as tracker:
        for user in ("ada", "bob"):
            tracker.track_task_completion(
                TaskCompletionEvent(
                    provider="openai",
                    model="gpt-4o",
                    user=user,
                    actual_cost_usd_nanos=500_000_000 - 10**8 * (user == "bob"),
                )
            )
    return tmp_path


def test_budgets_are_shown(folder: Path) -> None:
    """Each with its limit, what was spent and what is left; those with shares once for everyone."""
    done = run("budget", "show", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "monthly" in done.stdout
    assert "$0.900" in done.stdout
    assert "users: ada" in done.stdout
    assert "reached" in done.stdout


def test_programs_read_json(folder: Path) -> None:
    """The same as JSON, in nanodollars; budgets that programs have used are there without a configuration."""
    budgets = Budgets(folder / "usage.db", [Budget(name="used", limit_usd="2", alerts=())])
    budgets.reserve("0.25")
    found = shown(folder, "--name", "used")
    assert (found["spent_usd_nanos"], found["reserved_usd_nanos"]) == (900_000_000, 250_000_000)
    assert found["left_usd_nanos"] == 850_000_000
    budgets.close()


def shown(folder: Path, *arguments: str) -> Any:
    done = run("budget", "show", "--json", *arguments, cwd=folder)
    (found,) = json.loads(done.stdout)
    return found


def test_a_script_is_told_by_the_exit_code(folder: Path) -> None:
    """0 while all is below, 1 where a budget is used up, 2 where the question is wrong."""
    done = run("budget", "check", cwd=folder)
    assert done.returncode == 1
    assert "users (ada)" in done.stdout
    assert "bob" not in done.stdout
    assert run("budget", "check", "--name", "monthly", cwd=folder).returncode == 0
    assert run("budget", "check", "--name", "monthly", "--max-percent", "90", cwd=folder).returncode == 1
    wrong = run("budget", "check", "--name", "montly", cwd=folder)
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "taximeter: --name='montly': must be one of monthly, users; did you mean 'monthly'?\n",
    )


def test_no_budgets_are_no_error(tmp_path: Path) -> None:
    """A store without budgets says so; a missing one is an error."""
    taximeter.start(tmp_path / "usage.db").close()
    with taximeter.start(tmp_path / "usage.db") as tracker:
        tracker.track_task_completion(TaskCompletionEvent(provider="openai", model="gpt-4o"))
    assert "no budgets" in run("budget", "show", cwd=tmp_path).stdout
    assert run("budget", "show", "other.db", cwd=tmp_path).returncode == 2


PROGRAM = f"""
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = {json.dumps(CHAT_ANSWER)!r}.encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{{server.server_port}}/v1/chat/completions"
child = '''
import httpx, sys
with httpx.Client(trust_env=False) as client:
    for _ in range(3):
        answer = client.post(sys.argv[1], json={{"model": "gpt-4o", "max_tokens": 400}})
        print(answer.status_code)
'''
import subprocess
for _ in range(2):
    subprocess.run([sys.executable, "-c", child, url], check=True)
server.shutdown()
server.server_close()
"""


def test_a_run_stops_spending_at_its_limit(tmp_path: Path) -> None:
    """All processes of the program share the limit, and the receipt says what was blocked."""
    (tmp_path / "program.py").write_text(PROGRAM)
    python = str(Path(TAXIMETER).with_name("python"))
    arguments = ("--max-usd", "0.1", "--receipt", "receipt.json", "--", python, "program.py")
    done = run("run", *arguments, cwd=tmp_path)
    assert done.stdout.split() == ["200"] * 3 + ["402"] * 3
    found = json.loads((tmp_path / "receipt.json").read_text())["budget"]
    # A server of one's own has no prices, so each call counts what was reserved for it
    assert (found["calls"], found["unpriced_calls"], found["blocked_calls"]) == (3, 3, 3)
    assert 90_000_000 < found["spent_usd_nanos"] <= 100_000_000
    assert "3 calls blocked" in done.stderr


def test_a_forecast_without_a_store_starts_nothing(tmp_path: Path) -> None:
    """It says so at once, where every process of the program would go without a meter."""
    (tmp_path / "taximeter.toml").write_text("forecast = true\n")
    done = run("run", "--to", "events.ndjson", "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert "forecast=True" in done.stderr
    assert run("run", "--quiet", "--", "true", cwd=tmp_path).returncode == 0


def test_a_limit_that_is_no_amount_starts_nothing(tmp_path: Path) -> None:
    """The program is not started with a limit that means nothing."""
    done = run("run", "--max-usd", "much", "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert "--max-usd='much'" in done.stderr


@pytest.mark.parametrize(("max_usd", "budget_usd"), [("0.04", "0.1"), ("0.1", "0.04")])
def test_a_limit_of_one_run_holds_beside_the_configured_budgets(
    tmp_path: Path, max_usd: str, budget_usd: str
) -> None:
    """Whichever is reached first, and what the run has spent counts in both."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "taximeter.toml").write_text(f"[[budgets]]\nname = 'monthly'\nlimit_usd = '{budget_usd}'\n")
    python = str(Path(TAXIMETER).with_name("python"))
    done = run(
        "run", "--max-usd", max_usd, "--receipt", "receipt.json", "--", python, "program.py", cwd=tmp_path
    )
    assert done.stdout.split() == ["200"] + ["402"] * 5
    own, configured = json.loads((tmp_path / "receipt.json").read_text())["budget"], shown(tmp_path)
    assert own["calls"] == configured["calls"] == 1
    assert own["spent_usd_nanos"] == configured["spent_usd_nanos"] > 30_000_000
    assert own["reserved_usd_nanos"] == configured["reserved_usd_nanos"] == 0
