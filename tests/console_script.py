"""The installed console script, run the way a shell does."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TAXIMETER = str(Path(sys.executable).with_name("taximeter"))
_STEERING = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}


def environment(**more: str) -> dict[str, str]:
    """Return the environment without what steers the output of terminal programs."""
    kept = {name: value for name, value in os.environ.items() if name not in _STEERING}
    return {**kept, "PYTHONWARNINGS": "error", **more}


def run(
    *arguments: object, cwd: Path | None = None, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with pipes in the place of a terminal; take both outputs and the exit code."""
    return subprocess.run(
        [TAXIMETER, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        env=environment() if env is None else env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_on_terminal(*arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command with a terminal of its own, and return all that it showed."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [TAXIMETER, *map(str, arguments)],
        cwd=cwd,
        env=environment(TERM="xterm-256color", COLUMNS="100") if env is None else env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b"".join(_read_until_hangup(ours))
        assert process.wait(timeout=60) == 0
    os.close(ours)
    return shown.decode()


@contextmanager
def interactive(*arguments: object, cwd: Path | None = None) -> Iterator["Interactive"]:
    """Run a command that does not end by itself on a terminal of its own; it is killed where a test leaves it behind."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [TAXIMETER, *map(str, arguments)],
        cwd=cwd,
        env=environment(TERM="xterm-256color", COLUMNS="100", LINES="24"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            yield Interactive(process, ours)
        finally:
            process.kill()
            os.close(ours)


class Interactive:
    """A command that somebody watches."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._shown = b""

    def wait_for(self, text: str) -> str:
        """Return all that was shown up to a text, and forget it."""
        while text.encode() not in self._shown:
            ready, _, _ = select.select([self._terminal], [], [], 30)
            assert ready, f"no {text!r} in {self._shown!r}"
            self._shown += os.read(self._terminal, 65_536)
        before, _, self._shown = self._shown.partition(text.encode())
        return before.decode(errors="replace") + text

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code and what was shown from then on."""
        self._process.send_signal(signal.SIGINT)
        rest = self._shown + b"".join(_read_until_hangup(self._terminal))
        return self._process.wait(timeout=30), rest.decode(errors="replace")


def _read_until_hangup(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # Linux says "input/output error" once the other side has hung up
            return
        if not data:
            return
        yield data
