"""`taximeter receive`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

import taximeter
from console_script import TAXIMETER, environment, run
from receiver_server import models_in
from sink_doubles import numbered
from taximeter.sinks.http import HttpSink

TOKEN = "canary-pW4"


@contextmanager
def received(folder: Path, *arguments: str, **variables: str) -> Iterator[str]:
    """Yield the address of a receiver in a process of its own, which has to end well when it is told to."""
    process = subprocess.Popen(
        [TAXIMETER, "receive", "--port", "0", *arguments],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        line = process.stdout.readline()
        try:
            yield line.partition(" on ")[2].partition(" into ")[0]
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert TOKEN not in line


def send(url: str, n_events: int = 3, *, sink: HttpSink | None = None) -> taximeter.Receipt:
    with taximeter.start(sink or HttpSink(url, token=TOKEN)) as tracker:
        for event in numbered(n_events):
            tracker.track_task_completion(event)
    return tracker.receipt()


def test_what_is_sent_is_in_the_store(tmp_path: Path) -> None:
    """From the environment's token to a report."""
    with received(tmp_path, "--db", "central.db", TAXIMETER_TOKEN=TOKEN) as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        assert send(url, 1000).complete
    assert len(models_in(tmp_path / "central.db")) == 1000
    assert run("report", "central.db", cwd=tmp_path).returncode == 0
    assert (tmp_path / "central.db").stat().st_mode & 0o777 == 0o600


def test_a_token_in_a_file(tmp_path: Path) -> None:
    """Where nobody sees it by listing processes."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with received(tmp_path, "--token-file", "token") as url:
        assert send(url).complete


def test_a_certificate_makes_it_https(tmp_path: Path) -> None:
    """Then tokens may come in from other machines."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with received(tmp_path, "--token", TOKEN, "--certificate", "chain.pem", "--key", "key.pem") as url:
        assert url.startswith("https://")
        code = (
            "import taximeter, sys\n"
            "with taximeter.start(sys.argv[1]) as tracker:\n"
            "    tracker.track_task_completion(taximeter.TaskCompletionEvent(model='m'))\n"
            "assert tracker.receipt().complete, tracker.receipt()\n"
        )
        variables = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "TAXIMETER_TOKEN": TOKEN}
        subprocess.run([sys.executable, "-c", code, url], env=os.environ | variables, check=True)
    assert models_in(tmp_path / "usage.db") == ["m"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "TAXIMETER_TOKEN"),
        (["--token", "two words"], "(not shown)"),
        (["--token", TOKEN, "--token-file", "x"], "given alone"),
        (["--token-file", "missing"], "missing"),
        (["--token", TOKEN, "--db", "no/such/folder.db"], "folder that exists"),
        (["--token", TOKEN, "--key", "key.pem"], "together"),
        (["--token", TOKEN, "--port", "99999"], "65535"),
    ],
)
def test_wrong_usage_is_said_in_one_line(arguments: list[str], says: str, tmp_path: Path) -> None:
    """Before anything is opened, and without repeating a token."""
    done = run(
        "receive", *arguments, cwd=tmp_path, env=environment(TAXIMETER_TOKEN="") if arguments else None
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert TOKEN not in done.stderr
    assert "two words" not in done.stderr


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    """One line, not a traceback."""
    with received(tmp_path, "--token", TOKEN) as url:
        port = url.rpartition(":")[2]
        done = run("receive", "--token", TOKEN, "--port", port, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    """One line too."""
    (tmp_path / "empty.pem").write_text("")
    for file in ("missing.pem", "empty.pem"):
        done = run(
            "receive", "--token", TOKEN, "--port", "0", "--certificate", file, "--key", file, cwd=tmp_path
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr


def test_listening_to_the_network_in_the_clear_is_warned_of(tmp_path: Path) -> None:
    """It works, for those who have a proxy in front."""
    process = subprocess.Popen(
        [TAXIMETER, "receive", "--port", "0", "--host", "0.0.0.0", "--token", TOKEN],  # noqa: S104 - what is warned of
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "--certificate" in errors


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    """With what installs it."""
    code = (
        "import sys\n"
        "sys.modules['starlette'] = None\n"
        "from taximeter.cli import main\n"
        "sys.argv = ['taximeter', 'receive', '--token', 'x']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'taximeter[web]'" in done.stderr
