"""What taximeter survives, counted: `PYTHONPATH=tests python -m faults` prints the table.

The rows that make disks need root, those that stop at a system call need strace; where these are missing, the row is
named and left out.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic

import msgspec

from faults.damage import flipped_bits
from faults.disk import broken_disk, full_disk, read_only_disk, space_that_comes_back
from faults.forking import forked_under_load
from faults.killing import (
    killed_at_system_calls,
    killed_while_carrying,
    killed_while_tracking,
    power_cuts,
)
from faults.row import Row, print_table
from faults.soak import soak


class Fault(msgspec.Struct, frozen=True):
    """How a row is made, and how many of its rounds one of `--rounds` stands for."""

    make: Callable[[Path, int], Row]
    share: float = 1.0
    needs_root: bool = False
    needs: str | None = None
    """A program."""

    @property
    def missing(self) -> str | None:
        """What it needs and is not here; None when it can be made."""
        if self.needs_root and os.geteuid() != 0:
            return "root"
        return self.needs if self.needs and shutil.which(self.needs) is None else None


def _served(name: str) -> Callable[[Path, int], Row]:
    """Return a row of the servers' kind; what these stand on takes longer to load than other rows take."""

    def make(folder: Path, rounds: int) -> Row:
        row: Row = getattr(import_module("faults.server"), name)(folder, rounds)
        return row

    return make


FAULTS: dict[str, Fault] = {
    "write_through": Fault(lambda folder, rounds: killed_while_tracking(folder, rounds, write_through=True)),
    "default": Fault(
        lambda folder, rounds: killed_while_tracking(folder, rounds, write_through=False), 1 / 5
    ),
    "carrier": Fault(killed_while_carrying, 1 / 2),
    "syscall": Fault(killed_at_system_calls, 1 / 5, needs="strace"),
    "forks": Fault(forked_under_load, 1 / 5),
    "flipped": Fault(flipped_bits, 1 / 5),
    "full": Fault(full_disk, 1 / 50, needs_root=True),
    "space": Fault(space_that_comes_back, 1 / 50, needs_root=True),
    "read-only": Fault(read_only_disk, 1 / 50, needs_root=True),
    "broken": Fault(broken_disk, 1 / 10, needs="strace"),
    "power": Fault(power_cuts, 1 / 10, needs_root=True),
    "silent": Fault(_served("silent_server"), 1 / 2),
    "failing": Fault(_served("failing_server"), 1 / 2),
    "cut": Fault(_served("cut_connection"), 1 / 2),
    "refused": Fault(_served("refused_events"), 1 / 2),
    "soak": Fault(lambda folder, rounds: soak(folder, 1000 * rounds)),
}

FULL_ROUNDS = {"soak": 10_000}


def run_fault(name: str, rounds: int) -> Row:
    """Run one fault in a folder of its own, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="taximeter-faults-"))
    fault = FAULTS[name]
    try:
        return fault.make(folder, max(int(rounds * fault.share), 1))
    finally:
        subprocess.run(["umount", "-q", folder / "disk"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Print the table; return 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of kill -9; other faults take their share")
    parser.add_argument(
        "--full", action="store_true", help="500 rounds, and ten million events of soak: an hour"
    )
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args(arguments)
    rows = []
    for name in options.fault or FAULTS:
        if missing := FAULTS[name].missing:
            print(f"{name} is left out: it needs {missing}", file=sys.stderr)
            continue
        began = monotonic()
        rows.append(run_fault(name, FULL_ROUNDS.get(name, 500) if options.full else options.rounds))
        print(f"{name}: {monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    if options.json:
        print(msgspec.json.encode(rows).decode())
    else:
        print_table(rows)
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
