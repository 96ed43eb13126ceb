"""Owner: which process holds a lease, and whether it still lives on this machine."""

import os
import socket
from functools import lru_cache
from pathlib import Path


def owner_of_this_process() -> str:
    """Return what tells this process from all others: its machine, its number and when it was started."""
    return _owner(os.getpid())


@lru_cache(maxsize=1)
def _owner(pid: int) -> str:
    return f"{_machine()}|{pid}|{_started(pid) or ''}"


def is_gone(owner: str) -> bool:
    """Whether the process is known to have ended; of those on other machines nothing is known here."""
    machine, _, rest = owner.partition("|")
    pid, _, started = rest.partition("|")
    if machine != _machine() or not pid.isdecimal():
        return False
    if started:
        return _started(int(pid)) != started
    return not _exists(int(pid))


def _started(pid: int) -> str | None:
    """Return when a process was started, in ticks since boot; None where it has ended or nobody says (no Linux).

    Field 22 of proc_pid_stat(5); the name in brackets before may hold anything. Z is one that waits to be buried.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return what process numbers are unique in: this boot of this machine, and the container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname().replace("|", "_")
