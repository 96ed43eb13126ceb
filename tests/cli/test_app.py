"""The command line as a whole."""

import signal
import subprocess
import sys

import pytest

from console_script import TAXIMETER, environment, run
from taximeter.version import __version__

COMMANDS = ("run", "report", "replay", "schema")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_is_printed() -> None:
    """`--version` says which one is installed."""
    assert run("--version").stdout == f"taximeter {__version__}\n"


def test_help_lists_the_commands() -> None:
    """Without arguments the help is shown; asking for it is no mistake, forgetting the command is one."""
    asked, forgotten = run("--help"), run()
    assert all(command in asked.stdout for command in COMMANDS)
    assert (asked.returncode, forgotten.returncode) == (0, 2)
    assert "report" in forgotten.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """Every command has help, plain in a pipe."""
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"taximeter {command}" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_unknown_command_is_one_line() -> None:
    """No usage essay, and the code for wrong usage."""
    done = run("reprot")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "No such command 'reprot'" in done.stderr


def test_help_loads_nothing_it_does_not_need() -> None:
    """Prices, parsers, databases and HTTP stay unloaded until a command wants them, and Rich for a pipe."""
    heavy = {
        "rich",
        "sqlite3",
        "httpx",
        "anyio",
        "aiofiles",
        "taximeter.pricing",
        "taximeter.providers",
        "taximeter.store",
    }
    code = f"""
import sys
from taximeter.cli.app import run_app
run_app(["--version"])
print(sorted(set(sys.modules) & {heavy!r}))
run_app(["--help"])
print(sorted(set(sys.modules) & {heavy!r}))
"""
    lines = python(code).stdout.splitlines()
    assert lines[1] == lines[-1] == "[]"


def test_without_its_extra_the_command_says_what_to_install() -> None:
    """One line that can be copied, and the code for wrong usage."""
    done = python("import sys; sys.modules['typer'] = None; from taximeter.cli import main; main()")
    assert done.stderr == "taximeter: the command line is an extra: pip install 'taximeter[cli]'\n"
    assert done.returncode == 2


def test_ctrl_c_ends_a_command_without_a_traceback() -> None:
    """An interrupt is an answer, not an accident."""
    with subprocess.Popen(
        [TAXIMETER, "replay", "-", "--ndjson"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("not a recording\n")
        process.stdin.flush()
        process.stderr.readline()  # it has begun
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 130
