"""`taximeter run`."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from console_script import TAXIMETER, environment, run, run_on_terminal
from recording_samples import CHAT_ANSWER
from taximeter.store import open_store

PROGRAM = f"""
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = {json.dumps(CHAT_ANSWER)!r}.encode() if self.path.endswith("completions") else b"{{}}"
        self.send_response(int(self.headers.get("wanted", 200)))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()

import httpx
with httpx.Client(base_url=f"http://127.0.0.1:{{server.server_port}}", trust_env=False) as client:
    for wanted in ("200", "200", "429"):
        client.post("/v1/chat/completions", json={{"model": "gpt-4o"}}, headers={{"wanted": wanted}})
server.shutdown()
server.server_close()
print("the program's own words")
print("and its complaints", file=sys.stderr)
sys.exit(5)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def python(script: str | Path) -> list[str]:
    return [str(Path(TAXIMETER).with_name("python")), str(script)]


def test_a_run_ends_with_a_receipt(program: Path, tmp_path: Path) -> None:
    """Calls, failures, tokens, money and where events went stand on stderr; stdout and exit code are the program's."""
    done = run("run", "--", *python(program), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, "the program's own words\n")
    lines = done.stderr.splitlines()
    assert lines[0] == "and its complaints"
    assert lines[1].startswith("taximeter  3 calls, 1 failed, 3,000 tokens in, 600 out")
    (row,) = [line.split() for line in lines if "gpt-4o-2024-08-06" in line]
    assert row[2:7] == ["3", "1", "3,000", "1,200", "600"]
    assert "usage.db: 3 events written" in lines
    assert "\x1b" not in done.stderr
    with open_store(tmp_path / "usage.db") as store:
        assert [group.totals.calls for group in store.totals()] == [3]


def test_events_go_where_they_are_told_to(program: Path, tmp_path: Path) -> None:
    """Several sinks may be named; the default one is then not made. A service name is written into the events."""
    run("run", "--to", "a.ndjson", "--to", "b.db", "--service", "shop", *python(program), cwd=tmp_path)
    assert not (tmp_path / "usage.db").exists()
    for name in ("a.ndjson", "b.db"):
        with open_store(tmp_path / name) as store:
            assert {event.service for event in store.events()} == {"shop"}


def test_the_receipt_can_be_kept_as_json(program: Path, tmp_path: Path) -> None:
    """`--receipt` writes integers for programs, `--quiet` keeps stderr to the program."""
    done = run("run", "--quiet", "--receipt", "receipt.json", *python(program), cwd=tmp_path)
    assert done.stderr == "and its complaints\n"
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert (receipt["exit_code"], receipt["total"]["calls"], receipt["total"]["failed_calls"]) == (5, 3, 1)
    assert receipt["models"][0]["model"] == "gpt-4o-2024-08-06"
    assert receipt["delivery"]["sinks"]["usage.db"]["delivered"] == 3


def test_on_a_terminal_the_receipt_is_coloured(tmp_path: Path) -> None:
    """People get colours."""
    assert "\x1b[1mtaximeter" in run_on_terminal("run", "--", *python("-V"), cwd=tmp_path)


def test_a_program_without_calls_says_so(tmp_path: Path) -> None:
    """Nothing to meter is no error, and leaves nothing behind."""
    done = run("run", "--", "sh", "-c", "cat; exit 3", cwd=tmp_path, stdin="passed through")
    assert (done.returncode, done.stdout) == (3, "passed through")
    headline, reason = done.stderr.splitlines()
    assert headline == "taximeter  no LLM calls seen"
    assert reason.startswith("no metered process was seen: ")
    assert list(tmp_path.iterdir()) == []


def test_options_behind_the_command_are_its_own(tmp_path: Path) -> None:
    """Only what stands before the command is read here, with or without the two dashes."""
    for dashes in ([], ["--"]):
        done = run("run", "-q", *dashes, "echo", "--quiet", "--to", "--", "-h", cwd=tmp_path)
        assert done.stdout == "--quiet --to -- -h\n"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "Missing argument"),
        (["--to", "gopher://x", "true"], 2, "sink='gopher://x': must be"),
        (["--colour", "true"], 2, "No such option: --colour"),
        (["--", "no-such-program"], 127, "no-such-program: command not found"),
        (["--", "/"], 126, "/: "),
        (["--receipt", "/no/such/folder/x.json", "echo"], 2, "receipt='/no/such/folder/x.json': must be"),
        (["--receipt", "/", "echo"], 2, "receipt='/': must be"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    arguments: list[str], code: int, complaint: str, tmp_path: Path
) -> None:
    """One line on stderr, and the codes that shells use."""
    done = run("run", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert complaint in done.stderr


def test_calls_of_a_killed_process_are_missed_aloud(tmp_path: Path) -> None:
    """A process that began a call and was killed is told of, and nobody claims that there were no calls."""
    (tmp_path / "killed.py").write_text(KILLED_AT_ITS_CALL)
    done = run("run", "--receipt", "receipt.json", *python(tmp_path / "killed.py"), cwd=tmp_path)
    assert done.stderr.splitlines() == [
        "taximeter  1 call began and was not reported",
        "1 process left no receipt (killed, or still running): 1 call not counted here",
    ]
    assert json.loads((tmp_path / "receipt.json").read_text())["missing_calls"] == 1


KILLED_AT_ITS_CALL = """
import os, httpx
def answer(request):
    os.kill(os.getpid(), 9)
httpx.Client(transport=httpx.MockTransport(answer)).post("https://api.openai.com/v1/embeddings", json={})
"""


def test_a_program_that_was_killed_is_told_by_its_code(tmp_path: Path) -> None:
    """A signal is 128 + its number, as in a shell."""
    assert run("run", "-q", "--", "sh", "-c", "kill -9 $$", cwd=tmp_path).returncode == 128 + signal.SIGKILL


# A shell that starts the tests in its background has SIGINT ignored, and sh cannot trap what was ignored at its start.
INTERRUPTIBLY = [
    str(Path(TAXIMETER).with_name("python")),
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
TRAP = "trap 'echo interrupted; exit 9' INT; echo ready; read x"


def test_ctrl_c_reaches_the_program_and_the_receipt_is_still_printed(tmp_path: Path) -> None:
    """An interrupt ends the program, not its receipt."""
    with subprocess.Popen(
        [*INTERRUPTIBLY, TAXIMETER, "run", "--", "sh", "-c", TRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
        assert process.stderr.read().startswith("taximeter  no LLM calls seen")
        assert process.wait(timeout=30) == 9


def test_a_closed_stderr_does_not_change_the_exit_code(tmp_path: Path) -> None:
    """The receipt is for people; a program's result never depends on it."""
    done = subprocess.run(
        ["sh", "-c", f"{TAXIMETER} run -- sh -c 'exit 4' 2>&-"], cwd=tmp_path, env=environment(), check=False
    )
    assert done.returncode == 4
