"""An unchanged program under the meter: it runs as it would have run, and what it used is known at the end."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

import taximeter
from loopback import DemoServer, environment
from taximeter.capture.run import RunResult, run
from taximeter.errors import ConfigurationError

CALL = """
import httpx, os
def call():
    url = os.environ["OLLAMA_HOST"] + "/api/chat"
    httpx.post(url, json={"model": "llama3.2", "messages": [], "stream": False}).raise_for_status()
call()
"""


def run_python(code: str, server: DemoServer, **options: object) -> RunResult:
    """Run a program of a few lines under the meter; its events go nowhere but into the tally."""
    return run_program([sys.executable, "-c", code], environment(server), **options)


def run_program(command: list[str], env: Mapping[str, str], **options: object) -> RunResult:
    """Run a command under the meter with the log as its sink, which this program does not show."""
    return run(command, ["log:DEBUG"], environment=env, **options)  # type: ignore[arg-type]  # passed on as they are


def test_calls_are_tallied(server: DemoServer) -> None:
    """The calls of the program are in the tally, and its end in a receipt that has lost nothing."""
    result = run_python(CALL + "call()", server)
    (row,) = result.tally.rows
    assert (row.provider, row.model, row.calls, row.input_tokens) == ("ollama", "llama3.2", 2, 652)
    (receipt,) = result.receipts
    assert receipt.complete
    assert (result.exit_code, result.metered_processes, result.unfinished_process_ids) == (0, 1, ())


OVER_AIOHTTP = """
import aiohttp, asyncio, os
async def main():
    async with aiohttp.ClientSession(os.environ["OLLAMA_HOST"]) as session:
        async with session.post("/api/chat", json={"model": "llama3.2", "messages": []}) as response:
            assert [line async for line in response.content][-1].endswith(b"\\n")
asyncio.run(main())
"""
OVER_REQUESTS = """
import os, requests
url = os.environ["OLLAMA_HOST"] + "/api/chat"
requests.post(url, json={"model": "llama3.2", "messages": []}).raise_for_status()
"""


@pytest.mark.parametrize("code", [OVER_AIOHTTP, OVER_REQUESTS])
def test_program_with_no_other_client_is_metered(code: str, server: DemoServer) -> None:
    """Each library that can be metered is awaited, also where it is the only one that a program imports."""
    result = run_python(code, server)
    (row,) = result.tally.rows
    assert (result.exit_code, row.provider, row.calls, row.input_tokens) == (0, "ollama", 1, 326)


def test_events_reach_the_sinks_with_run_and_service(server: DemoServer, tmp_path: Path) -> None:
    """Events go where they are told to, from wherever the program has gone to, and name run and service."""
    sink = Path(os.path.relpath(tmp_path / "events.ndjson"))
    code = f"import os\nos.chdir({str(tmp_path.parent)!r})\n{CALL}"
    result = run(
        [sys.executable, "-c", code],
        [str(sink)],
        service="demo",
        run_id="run-7",
        environment=environment(server),
    )
    (line,) = sink.read_bytes().splitlines()
    event = taximeter.decode_event(line)
    assert isinstance(event, taximeter.TaskCompletionEvent)
    assert (event.run_id, event.service, result.run_id) == ("run-7", "demo", "run-7")


def test_the_program_belongs_to_the_scope_of_its_environment(server: DemoServer, tmp_path: Path) -> None:
    """A worker that an orchestrator starts is in its trace and run, its threads as well, and knows nothing of it."""
    code = f"{CALL}\nimport threading\nt = threading.Thread(target=call)\nt.start()\nt.join()"
    with taximeter.scope(run_id="r", agent="worker") as here:
        env = {**environment(server), **here.environment()}
    run([sys.executable, "-c", code], [str(tmp_path / "events.ndjson")], environment=env)
    events = [taximeter.decode_event(line) for line in (tmp_path / "events.ndjson").read_bytes().splitlines()]
    assert len(events) == 2
    for event in events:
        assert isinstance(event, taximeter.TaskCompletionEvent)
        assert (event.run_id, event.agent, event.trace_id) == ("r", "worker", here.trace_id)


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_is_the_programs(code: int, server: DemoServer) -> None:
    """Whatever the program ends with, the run ends with."""
    assert run_python(f"raise SystemExit({code})", server).exit_code == code


WAIT_FOR_TALLY = """
import glob, json, time
folder = json.loads(os.environ["TAXIMETER_RUN"])["folder"]
while not any('"calls":1' in open(file).read() for file in glob.glob(folder + "/*.json")):
    time.sleep(0.01)
"""


def test_exit_code_of_a_killed_program(server: DemoServer) -> None:
    """A signal that ends the program is told as shells do; its calls so far are known, its receipt is missing."""
    code = CALL + WAIT_FOR_TALLY + "os.kill(os.getpid(), 9)"
    result = run_python(code, server)
    assert result.exit_code == 128 + signal.SIGKILL
    assert result.tally.total.calls == 1
    assert len(result.unfinished_process_ids) == 1
    assert result.receipts == ()


def test_exception_of_the_program_is_its_own(server: DemoServer, capfd: pytest.CaptureFixture[str]) -> None:
    """A traceback is the program's own, and the calls before it are counted."""
    result = run_python(CALL + "raise LookupError('mine')", server)
    assert result.exit_code == 1
    assert result.tally.total.calls == 1
    assert capfd.readouterr().err.splitlines()[-1] == "LookupError: mine"


def test_output_is_untouched(server: DemoServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is added to what the program writes."""
    run_python(CALL + "import sys\nprint('out')\nprint('err', file=sys.stderr)", server)
    assert capfd.readouterr() == ("out\n", "err\n")


def test_command_that_is_not_there(server: DemoServer, tmp_path: Path) -> None:
    """A missing program is told by name with the shell's code, one that cannot be run as well."""
    missing = run_program([str(tmp_path / "nothing")], environment(server))
    assert (missing.exit_code, missing.problem) == (127, f"{tmp_path / 'nothing'}: command not found")
    (tmp_path / "text").write_text("no program")
    refused = run_program([str(tmp_path / "text")], environment(server))
    assert (refused.exit_code, refused.problem) == (126, f"{tmp_path / 'text'}: Permission denied")
    with pytest.raises(ConfigurationError):
        run([])


def test_program_without_calls_is_not_loaded_down(server: DemoServer) -> None:
    """A Python program without an HTTP library never loads taximeter, and its path is what it would be."""
    code = (
        "import sys; sys.exit(any(name.startswith(('taximeter.', 'msgspec')) for name in sys.modules)"
        " or any('bootstrap' in entry for entry in sys.path))"
    )
    result = run_python(code, server)
    assert (result.exit_code, result.metered_processes) == (0, 0)


def test_other_programs_run_too(server: DemoServer) -> None:
    """A program that is no Python runs as it is."""
    result = run_program(["true"], environment(server))
    assert (result.exit_code, result.tally.total.calls, result.problem) == (0, 0, None)


STREAM = """
import httpx, os, sys
client = httpx.Client()
body = {"model": "llama3.2", "messages": [{"role": "user", "content": "(stall midway)"}]}
request = client.build_request("POST", os.environ["OLLAMA_HOST"] + "/api/chat", json=body)
chunks = client.send(request, stream=True).iter_bytes()
next(chunks)
sys.exit(5)
"""


def test_stream_open_at_the_end_is_a_call(server: DemoServer) -> None:
    """A program that ends in the middle of a stream has made a call, and it is counted."""
    result = run_python(STREAM, server)
    assert result.exit_code == 5
    assert (result.tally.total.calls, result.tally.total.cut_short_calls) == (1, 1)
    assert result.receipts[0].complete


FORKED = STREAM.replace(
    "sys.exit(5)", "if not (pid := os.fork()):\n    del chunks, client\n    sys.exit()\nos.waitpid(pid, 0)"
)


def test_stream_open_at_a_fork_is_one_call(server: DemoServer) -> None:
    """A stream belongs to the process that began it: a forked child that lets go of its copy has made no call."""
    result = run_python(FORKED, server)
    assert (result.exit_code, result.tally.total.calls) == (0, 1)


CHILDREN = {
    "subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', CALL], check=True)",
    "fork": "if not (pid := os.fork()):\n    call()\n    sys.exit()\nos.waitpid(pid, 0)",
    "multiprocessing fork": "work('fork')",
    "multiprocessing spawn": "work('spawn')",
    "multiprocessing forkserver": "work('forkserver')",
}
PROGRAM = """
import multiprocessing, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
CALL = {call!r}
{call_code}
def work(method):
    process = multiprocessing.get_context(method).Process(target=call)
    process.start()
    process.join()
    sys.exit(process.exitcode)
if __name__ == "__main__":
    call()
    {child}
"""


@pytest.mark.parametrize("kind", CHILDREN)
def test_child_processes_meter_themselves(kind: str, server: DemoServer, tmp_path: Path) -> None:
    """However a program makes a child, both count their own calls, once, and leave a receipt each."""
    program = tmp_path / "program.py"
    child = CHILDREN[kind].replace("\n", "\n    ")
    call_code = CALL.removesuffix("call()\n")
    program.write_text(PROGRAM.format(call=CALL, call_code=call_code, child=child))
    result = run_program([sys.executable, str(program)], environment(server))
    assert result.exit_code == 0
    assert result.tally.total.calls == 2
    assert len(result.receipts) == 2
    assert all(receipt.complete and receipt.tracked == 1 for receipt in result.receipts)
    assert result.unfinished_process_ids == ()


FORK = """
if not (pid := os.fork()):
    call()
    os._exit(0)
os.waitpid(pid, 0)
"""
POOL = """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(work, range(4))
"""
UNREPORTED = {
    "exit without ceremony": (FORK, 1),
    "terminated pool": (POOL, 4),
    "terminated": ("call()\nos.kill(os.getpid(), 15)", 1),
    "killed": ("call()\nos.kill(os.getpid(), 9)", 1),
}


@pytest.mark.parametrize("kind", UNREPORTED)
def test_calls_of_a_process_that_is_ended_are_missed(kind: str, server: DemoServer) -> None:
    """A process that is ended right after its calls cannot report them all, but each is counted or known to be missing."""
    child, calls = UNREPORTED[kind]
    code = CALL.removesuffix("call()\n") + "def work(_):\n    call()\n" + child
    result = run_python(code, server)
    assert result.tally.total.calls + result.missing_calls == calls
    assert result.unfinished_process_ids


def test_calls_are_tallied_soon(server: DemoServer) -> None:
    """A call is in the tally within moments, so that little is missing of a process that is killed later."""
    code = "import time\n" + CALL + WAIT_FOR_TALLY + "os.kill(os.getpid(), 9)"
    result = run_python(code, server)
    assert (result.tally.total.calls, result.missing_calls) == (1, 0)


def test_redirect_is_not_missed(server: DemoServer) -> None:
    """An answer that only sends the client elsewhere was no call, so none is missing of it."""
    code = f"""
import httpx, os
def redirect(request):
    return httpx.Response(307, headers={{"location": "/elsewhere"}})
httpx.Client(transport=httpx.MockTransport(redirect)).post("https://api.openai.com/v1/chat/completions", json={{}})
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    result = run_python(code, server)
    assert (result.missing_calls, len(result.unfinished_process_ids)) == (0, 1)


OWN_METER = """
import httpx, os, taximeter
with taximeter.start("memory:") as tracker, tracker.meter(httpx.Client()) as client:
    url = os.environ["OLLAMA_HOST"] + "/api/chat"
    client.post(url, json={"model": "llama3.2", "messages": [], "stream": False}).raise_for_status()
    assert tracker.flush().tracked == 1
"""


def test_calls_of_a_program_with_its_own_meter_are_tallied(server: DemoServer) -> None:
    """A program that meters its clients itself has its calls in the run's receipt too, once."""
    result = run_python(OWN_METER, server)
    assert (result.exit_code, result.tally.total.calls, result.receipts[0].tracked) == (0, 1, 1)


def test_environments_own_sitecustomize_runs(
    server: DemoServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the environment does at the start of Python it still does, as the module it is."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.from_site = __file__")
    env = {**environment(server), "PYTHONPATH": str(tmp_path)}
    code = "import sys, sitecustomize\nprint(sys.from_site == sitecustomize.__file__)"
    assert run_program([sys.executable, "-c", code + CALL], env).tally.total.calls == 1
    assert capfd.readouterr().out == "True\n"


def test_trouble_of_ours_is_one_line(server: DemoServer, capfd: pytest.CaptureFixture[str]) -> None:
    """A sink that cannot work costs the program one line on stderr and nothing else."""
    command = [sys.executable, "-c", CALL + "print('done')"]
    result = run(command, ["gopher://nowhere"], environment=environment(server))
    captured = capfd.readouterr()
    assert (result.exit_code, captured.out) == (0, "done\n")
    (line,) = captured.err.splitlines()
    assert line.startswith("taximeter: this process is not metered: ConfigurationError")


PARENT = """
import signal, sys
from taximeter.capture.run import run
signal.signal(signal.{name}, signal.SIG_DFL)  # a shell that starts the tests in its background has SIGINT ignored
child = "import signal, sys; signal.signal(signal.{name}, lambda *_: sys.exit(7)); print('ready', flush=True); signal.pause()"
sys.exit(run([sys.executable, "-c", child], ["log:DEBUG"]).exit_code)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_signals_are_handed_on(name: str) -> None:
    """A signal sent to the run reaches the program, and the run ends as the program does."""
    with subprocess.Popen([sys.executable, "-c", PARENT.format(name=name)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.send_signal(getattr(signal, name))
        assert parent.wait(timeout=10) == 7


def test_result_is_plain_data(server: DemoServer) -> None:
    """A result can be written down as JSON."""
    result = run_program(["true"], environment(server))
    assert msgspec.json.decode(msgspec.json.encode(result))["exit_code"] == 0


COUNTING = """
import signal, sys
count = 0
def interrupt(*_):
    global count
    count += 1
    print("interrupted", flush=True)
def end(*_):
    sys.exit(100 + count)
signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    signal.pause()
"""
ON_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from taximeter.capture.run import run
sys.exit(run([sys.executable, "-c", {code!r}], ["log:DEBUG"]).exit_code)
"""


def read_until(terminal: int, word: bytes) -> None:
    """Read what is written on a terminal up to a word."""
    text = b""
    while word not in text:
        text += os.read(terminal, 1000)


def test_ctrl_c_reaches_the_program_once() -> None:
    """On a terminal the program has Ctrl-C from the terminal already, so the run does not send it again."""
    terminal, inside = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL.format(code=COUNTING)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as parent:
        read_until(terminal, b"ready")
        os.write(terminal, b"\x03")
        read_until(terminal, b"interrupted")
        parent.send_signal(signal.SIGTERM)  # handed on after whatever else there was to hand on
        assert parent.wait(timeout=10) == 101
    os.close(terminal)
    os.close(inside)
