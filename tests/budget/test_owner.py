"""Who holds a lease, and whether they live."""

import subprocess
import sys

from taximeter.budget.owner import is_gone, owner_of_this_process

CODE = "from taximeter.budget.owner import owner_of_this_process as o; print(o()); input()"


def test_a_process_is_gone_when_it_has_ended() -> None:
    """Also before its parent has taken note, and when another has its number."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        assert not is_gone(owner)
        process.kill()
        process.stdout.read()  # it has let go of everything, and nobody has waited for it
        assert is_gone(owner) or process.wait() != 0
    assert is_gone(owner)
    machine, pid, _ = owner_of_this_process().split("|")
    assert is_gone(f"{machine}|{pid}|1")


def test_nothing_is_said_of_other_machines() -> None:
    """Their processes are known by the time alone."""
    assert not is_gone(owner_of_this_process())
    assert not is_gone("elsewhere|1|1")
    assert not is_gone("nonsense")
