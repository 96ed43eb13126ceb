"""How long do `import taximeter`, `taximeter --help` and `taximeter run -- true` take, beside what they stand on?

Floors: a bare interpreter, `import msgspec, anyio`, and the command line's own library. Each runs in fresh processes,
interleaved, after a round that lets Python write its bytecode; what a statement adds is its time less the bare
interpreter's. Checked first: each does what it is timed for.
`help_x` is the help's time without the library's import, in bare starts, where nobody reads it on a terminal;
`help_terminal_x` the same on a terminal, with the import of what the library draws boxes and colours with counted to it;
`run_x` is the time of `taximeter run -- true`, in bare starts.
"""

import os
import platform
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from measure import ratio, tell

ROUNDS = 15
COMMAND = str(Path(sys.executable).with_name("taximeter"))


def python(statement: str) -> list[str]:
    """Return the command that runs a statement."""
    return [sys.executable, "-c", statement]


BARE, FLOOR, LIBRARY = python("pass"), python("import msgspec, anyio"), python("import typer")
DRAWING = python("import typer, typer.rich_utils")
OURS = python("import taximeter")
SURFACE = python("import taximeter; taximeter.start, taximeter.scope, taximeter.TaskCompletionEvent")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
COMMANDS = {
    "bare": BARE,
    "floor": FLOOR,
    "import": OURS,
    "surface": SURFACE,
    "library": LIBRARY,
    "drawing": DRAWING,
    "help": [COMMAND, "--help"],
    "run": [COMMAND, "run", "--", "true"],
}


def check() -> None:
    """Make sure that each does what it is timed for."""
    loaded = subprocess.check_output(python("import taximeter, sys; print(*sys.modules)"), text=True).split()
    assert "taximeter" in loaded
    assert not {"httpx", "sqlite3", "rich", "typer"} & set(loaded)
    assert b"report" in subprocess.check_output(COMMANDS["help"])
    subprocess.run(COMMANDS["run"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def milliseconds(command: list[str]) -> float:
    """Run a command once in a fresh process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    return (time.perf_counter() - start) * 1e3


def terminal_milliseconds(command: list[str]) -> float:
    """Do the same with a terminal that reads along."""
    start = time.perf_counter()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env=ENVIRONMENT | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # as Linux says that the other side is gone
            while data := os.read(ours, 1 << 16):
                shown += data
    os.close(ours)
    assert process.returncode == 0
    assert "╭".encode() in shown
    return (time.perf_counter() - start) * 1e3


def one_round() -> dict[str, float]:
    """Run each once."""
    found = {name: milliseconds(command) for name, command in COMMANDS.items()}
    return found | {"help_terminal": terminal_milliseconds(COMMANDS["help"])}


def main() -> None:
    """Answer the question."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check()
        one_round()
        rounds = [one_round() for _ in range(ROUNDS)]
        os.chdir("/")
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    added = {name: [each[name] - each["bare"] for each in rounds] for name in medians}
    bare = [each["bare"] for each in rounds]
    print(f"Python {platform.python_version()}, median of {ROUNDS} fresh processes each")
    for name, median in medians.items():
        what = " ".join(COMMANDS[name][1:]) if name in COMMANDS else "--help on a terminal"
        print(f"  {median:7.1f} ms  {median - medians['bare']:7.1f} ms added  {what}")
    tell(
        {f"{name}_ms": median for name, median in medians.items()}
        | {
            "import_x": ratio(added["import"], added["floor"]),
            "surface_x": ratio(added["surface"], added["floor"]),
            "help_x": ratio([e["help"] - e["library"] + e["bare"] for e in rounds], bare),
            "help_terminal_x": ratio([e["help_terminal"] - e["drawing"] + e["bare"] for e in rounds], bare),
            "run_x": ratio([e["run"] for e in rounds], bare),
        }
    )


if __name__ == "__main__":
    main()
