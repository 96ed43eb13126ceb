"""Where alerts go."""

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from taximeter.budget import Budget, Budgets, BudgetState
from taximeter.budget.alert import Alert, Alerts


def alert(*alarms: str | tuple[str, ...]) -> Alert:
    budget = Budget(name="team", limit_usd="1", window="day", alerts=alarms)
    state = BudgetState(
        budget=budget,
        at_us=10**15,
        spent_usd_nanos=8 * 10**8,
        elapsed_us=4 * 3_600_000_000,
        resets_at_us=10**15 + 10**12,
    )
    return Alert(percent=80, state=state)


def send(*alarms: str | tuple[str, ...]) -> None:
    alerts = Alerts()
    alerts.send(alert(*alarms))
    alerts.close()


def test_an_alert_says_when_the_limit_is_reached(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, in one line: how much, of what, and when it is used up at the present rate."""
    send("log")
    assert "budget team: $0.800 of $1.00 spent (80 %, window day)" in caplog.text
    assert "the limit is reached at 2001-09-09 02:46:40+00:00 at the present rate" in caplog.text


def test_a_command_gets_it_on_its_input(tmp_path: Path) -> None:
    """Its words are its own, no shell reads them, and the alert is JSON."""
    file = tmp_path / "told; touch pwned"
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    send((sys.executable, "-c", code, str(file)))
    told = json.loads(file.read_text())
    assert (told["budget"], told["threshold_percent"], told["spent_usd_nanos"]) == ("team", 80, 8 * 10**8)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_webhook_is_posted_to() -> None:
    """A server gets the same JSON."""
    bodies: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        send(f"http://127.0.0.1:{server.server_port}/hook?secret=1")
        thread.join()
    assert json.loads(bodies[0])["budget"] == "team"


def test_one_that_cannot_be_sent_is_warned_of_and_the_others_are(caplog: pytest.LogCaptureFixture) -> None:
    """A dead webhook costs nobody the log line, and its secrets stay out of that."""
    send("http://127.0.0.1:1/hook?secret=1", ("no-such-command",), "log")
    assert caplog.text.count("could not be sent") == 2
    assert "secret" not in caplog.text
    assert "80 %" in caplog.text


def test_a_webhook_that_hangs_keeps_no_callback_waiting() -> None:
    """The program hears of the second threshold while nobody answers for the first."""
    told: list[int] = []
    both = Event()

    def on_alert(alert: Alert) -> None:
        told.append(alert.percent)
        if len(told) == 2:
            both.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        alerts = Alerts(on_alert)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        alerts.send(alert(url))
        connection, _ = server.accept()
        alerts.send(alert(url))
        assert both.wait(4)
        connection.close()
        server.accept()[0].close()
        alerts.close()


def test_only_one_process_tells(tmp_path: Path) -> None:
    """Who passes the threshold tells; others see that it was told."""
    told: list[Alert] = []
    limit = Budget(name="team", limit_usd="1", alerts=())
    for _ in range(3):
        budgets = Budgets(None, [limit], file=tmp_path / "file", on_alert=told.append)
        budgets.reserve("0.2").settle("0.2")
        budgets.reserve("0.1").settle("0.1")
        budgets.close()
    assert [each.percent for each in told] == [50, 80]
