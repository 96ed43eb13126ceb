"""What no fork may cut in two is whole in the child."""

import sys
from pathlib import Path

import pytest

from sink_doubles import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def test_a_fork_waits_for_the_other_thread(tmp_path: Path) -> None:
    """The child is made when the thread inside has come out, so that it finds both halves of the work done."""
    out = run_program(
        "import os, threading\n"
        "from taximeter.unforked import Unforked\n"
        "unforked, half, done = Unforked(), threading.Event(), []\n"
        "def work():\n"
        "    with unforked:\n"
        "        done.append('first half')\n"
        "        half.set()\n"
        "        threading.Event().wait(0.05)\n"
        "        done.append('second half')\n"
        "threading.Thread(target=work).start()\n"
        "half.wait()\n"
        "child = os.fork()\n"
        "if not child: os._exit(len(done))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
        tmp_path,
    )
    assert out.split() == ["2"]


def test_a_child_may_enter(tmp_path: Path) -> None:
    """Neither the wait of the fork nor the thread that forked from within keeps a child out."""
    out = run_program(
        "import os\n"
        "from taximeter.unforked import Unforked\n"
        "unforked = Unforked()\n"
        "with unforked:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        with unforked: os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), unforked.wait(0.0))\n",
        tmp_path,
    )
    assert out.split() == ["7", "True"]
