"""A process notices that it is a child, whoever made it."""

import sys
from pathlib import Path

import pytest

from sink_doubles import run_program
from taximeter.fork import fork_mark


def test_the_process_that_made_a_mark_reads_one() -> None:
    """Here it is 1."""
    assert fork_mark()[0] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wipes pages")
def test_a_child_of_a_c_library_reads_zero(tmp_path: Path) -> None:
    """fork() called below Python runs no hook of Python and is noticed all the same."""
    out = run_program(
        "import ctypes, os\n"
        "from taximeter.fork import fork_mark\n"
        "mark = fork_mark()\n"
        "child = ctypes.CDLL(None).fork()\n"
        "if not child: os._exit(mark[0])\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), mark[0])\n",
        tmp_path,
    )
    assert out.split() == ["0", "1"]
