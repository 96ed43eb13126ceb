"""The folder: private, no link followed, replaced all at once, one holder of a lock."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from journal_samples import descriptors
from taximeter.errors import ConfigurationError
from taximeter.journal.folder import RESERVE, Folder, Lock, held


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "journal")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private_whatever_the_umask(tmp_path: Path) -> None:
    """The folder has mode 0700 and its files 0600."""
    before = os.umask(0)
    try:
        folder = Folder(tmp_path / "journal")
        folder.replace("a", b"1", sync=False)
    finally:
        os.umask(before)
    assert mode(folder.path) == 0o700
    assert {mode(path) for path in folder.path.iterdir()} == {0o600}


def test_an_empty_folder_becomes_private(tmp_path: Path) -> None:
    """One made beforehand by a deployment script can be used."""
    path = tmp_path / "journal"
    path.mkdir(0o755)
    Folder(path).close()
    assert mode(path) == 0o700


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    """Nobody's folder is closed to others behind their back."""
    (tmp_path / "things").mkdir(0o755)
    (tmp_path / "things" / "theirs").touch()
    with pytest.raises(ConfigurationError, match="0700"):
        Folder(tmp_path / "things")


@pytest.mark.parametrize("kind", ["link", "file", "fifo", "no parent"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    """A link is not followed, and nothing is made where the parent is missing."""
    path = tmp_path / "journal"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(0o700)
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        path.touch()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = tmp_path / "missing" / "journal"
    before = descriptors()
    with pytest.raises(ConfigurationError, match="journal"):
        Folder(path)
    assert descriptors() == before


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "folder"])
def test_planted_files_are_not_opened(folder: Folder, tmp_path: Path, kind: str) -> None:
    """Neither a link nor a pipe nor a file with a second name is written to or waited for."""
    planted, victim = folder.path / "a", tmp_path / "victim"
    victim.write_bytes(b"precious")
    if kind == "link":
        planted.symlink_to(victim)
    elif kind == "hard link":
        planted.hardlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(planted)
    else:
        planted.mkdir()
    before = descriptors()
    with pytest.raises(OSError, match="a"):
        folder.open("a", os.O_WRONLY | os.O_CREAT)
    assert descriptors() == before
    assert victim.read_bytes() == b"precious"


def test_a_file_open_to_others_is_closed_to_them(folder: Folder) -> None:
    """A restored copy with loose modes is mended."""
    (folder.path / "a").write_bytes(b"1")
    (folder.path / "a").chmod(0o644)
    assert folder.read("a") == b"1"
    assert mode(folder.path / "a") == 0o600


def test_the_folder_is_reached_by_its_descriptor(folder: Folder, tmp_path: Path) -> None:
    """Another folder put in its place gets nothing."""
    folder.path.rename(tmp_path / "moved")
    folder.path.mkdir()
    folder.replace("a", b"1", sync=True)
    assert (tmp_path / "moved" / "a").read_bytes() == b"1"
    assert list(folder.path.iterdir()) == []


def test_threads_that_list_at_once_all_see_everything(folder: Folder) -> None:
    """A listing that missed a segment would let a full journal grow, or a carrier pass over what is there."""
    for n in range(20):
        (folder.path / f"file-{n}").touch()
    everything = folder.names()
    with ThreadPoolExecutor(4) as pool:
        listings = pool.map(lambda _: [folder.names() for _ in range(250)], range(4))
        assert all(names == everything for listing in listings for names in listing)


def test_a_replacement_that_fails_leaves_the_old_file(folder: Folder) -> None:
    """There is no moment without a whole file."""
    folder.replace("a", b"old", sync=False)
    folder.unlink(RESERVE)
    (folder.path / "a.new").mkdir()  # the new one cannot be made
    with pytest.raises(OSError, match=r"a\.new"):
        folder.replace("a", b"new", sync=False)
    assert folder.read("a") == b"old"


def test_what_is_set_aside_never_replaces_another(folder: Folder) -> None:
    """Two files of one name both stay in the quarantine."""
    for content in (b"1", b"2"):
        folder.replace("a", content, sync=False)
        folder.set_aside("a")
    kept = sorted((folder.path / "quarantine").iterdir())
    assert [path.read_bytes() for path in kept] == [b"1", b"2"]
    assert mode(folder.path / "quarantine") == 0o700


def test_one_holds_a_lock(folder: Folder) -> None:
    """Even in one process, and the next one gets it afterwards."""
    one, other = Lock(folder, "x.lock"), Lock(folder, "x.lock")
    with held(one) as ours:
        assert ours
        assert not other.acquire()
    assert other.acquire()
    assert not one.is_held


def test_a_lock_ends_with_its_process(folder: Folder) -> None:
    """Killed or not, and whatever process gets its number next."""
    code = (
        "import os, signal, sys\n"
        "from taximeter.journal.folder import Folder, Lock\n"
        "lock = Lock(Folder(sys.argv[1]), 'x.lock')\n"
        "print(lock.acquire(), flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not Lock(folder, "x.lock").acquire()
        process.kill()
        process.wait()
    assert Lock(folder, "x.lock").acquire()


def test_closing_twice_closes_nothing_else(folder: Folder) -> None:
    """A descriptor's number may belong to somebody else by then."""
    folder.close()
    other = os.open("/dev/null", os.O_RDONLY)
    folder.close()
    os.fstat(other)
    os.close(other)


def test_the_reserve_makes_room(folder: Folder) -> None:
    """When a file cannot be replaced, the reserve is given up for it, once."""
    folder.keep_reserve()
    (folder.path / "a.new").mkdir()
    with pytest.raises(OSError, match=r"a\.new"):
        folder.replace("a", b"1", sync=False)
    assert not folder.has(RESERVE)
