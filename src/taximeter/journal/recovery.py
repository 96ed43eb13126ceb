"""Recovery: shows what a journal holds, and puts aside what cannot be read, without deleting anything."""

import os

import msgspec

from taximeter.dead_letters import CLAIMED_SUFFIX, FILE_NAME, DeadLetter, read_letters
from taximeter.journal.cursor import SUFFIX, decode_cursor
from taximeter.journal.folder import CARRIER_LOCK, QUARANTINE, RESERVE, Folder
from taximeter.journal.frame import Kind, scan
from taximeter.journal.segment import SegmentName, is_live
from taximeter.journal.tidying import EXPIRED_SUFFIX
from taximeter.journal.writer import SPACE_LOCK

_OURS = {CARRIER_LOCK, SPACE_LOCK, RESERVE, QUARANTINE, FILE_NAME, FILE_NAME + CLAIMED_SUFFIX}


class SegmentState(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment holds."""

    name: str
    size_bytes: int
    events: int
    first: int | None
    """The number of its first event; None when it has none."""
    last: int | None
    damage: tuple[tuple[int, int], ...] = ()
    """Where bytes are that are no frame: start and end."""
    is_live: bool = False
    """Whether its writer may still append; what is incomplete at its end is no damage then."""
    is_readable: bool = True

    @property
    def damaged_bytes(self) -> int:
        """Bytes that are no frame."""
        return sum(end - start for start, end in self.damage)


class FolderState(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds."""

    segments: tuple[SegmentState, ...]
    damaged_cursors: tuple[str, ...]
    quarantined: tuple[str, ...]
    dead_letters: int
    """Events that sinks have refused, kept in a file of their own."""
    unknown: tuple[str, ...]
    """Names that are not the journal's; it never touches them."""

    @property
    def is_sound(self) -> bool:
        """Whether everything can be read."""
        return not self.damaged_cursors and all(s.is_readable and not s.damage for s in self.segments)


def verify(folder: Folder) -> FolderState:
    """Read every byte of a journal and say what is there; changes nothing."""
    names = folder.names()
    return FolderState(
        segments=tuple(_segment_state(folder, name) for name in names if SegmentName.parse(name)),
        damaged_cursors=tuple(name for name in names if name.endswith(SUFFIX) and _is_damaged(folder, name)),
        quarantined=tuple(quarantined(folder)),
        dead_letters=sum(_letters(folder, name) for name in (FILE_NAME, FILE_NAME + CLAIMED_SUFFIX)),
        unknown=tuple(name for name in names if not is_ours(name)),
    )


def recover(folder: Folder) -> FolderState:
    """Cut the damaged ends of segments that nobody writes, set damaged cursors aside, and return the state found.

    What is cut is kept in the quarantine. Damage between frames stays where it is, because cursors point behind it;
    readers step over it. Only the holder of the carrier's lock may do this.

    Raises:
        OSError: Something could not be kept, and was therefore not cut.
    """
    state = verify(folder)
    for segment in state.segments:
        if segment.damage and not segment.is_live and segment.damage[-1][1] == segment.size_bytes:
            _cut(folder, segment.name, segment.damage[-1][0])
    for name in state.damaged_cursors:
        folder.set_aside(name)
    return state


def is_ours(name: str) -> bool:
    """Whether a name in the folder is one that a journal makes."""
    plain = name.removesuffix(".new").removesuffix(EXPIRED_SUFFIX)
    return plain in _OURS or plain.endswith(SUFFIX) or SegmentName.parse(name) is not None


def quarantined(folder: Folder) -> list[str]:
    """Return the names of what has been set aside."""
    try:
        descriptor = os.open(
            QUARANTINE, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.descriptor
        )
    except OSError:
        return []
    try:
        return sorted(os.listdir(descriptor))  # noqa: PTH208 - pathlib has no descriptors
    finally:
        os.close(descriptor)


def _letters(folder: Folder, name: str) -> int:
    try:
        return sum(isinstance(letter, DeadLetter) for letter in read_letters(folder.path / name))
    except OSError:
        return 0


def _segment_state(folder: Folder, name: str) -> SegmentState:
    try:
        descriptor = folder.open(name, os.O_RDONLY)
    except OSError:
        return SegmentState(name=name, size_bytes=0, events=0, first=None, last=None, is_readable=False)
    with os.fdopen(descriptor, "rb") as file:
        live = is_live(descriptor)
        data = file.read()
    found = scan(data, whole=not live, max_frames=len(data))
    numbers = [frame.sequence for frame in found.frames if frame.kind is Kind.EVENT]
    return SegmentState(
        name=name,
        size_bytes=len(data),
        events=len(numbers),
        first=numbers[0] if numbers else None,
        last=numbers[-1] if numbers else None,
        damage=tuple(found.damage),
        is_live=live,
    )


def _is_damaged(folder: Folder, name: str) -> bool:
    try:
        return decode_cursor(folder.read(name)) is None
    except OSError:
        return True


def _cut(folder: Folder, name: str, start: int) -> None:
    """Keep the end of the segment in the quarantine, then take it off."""
    data = folder.read(name)
    end = f"{name}@{start}"
    folder.replace(end, data[start:], sync=True)
    folder.set_aside(end)
    descriptor = folder.open(name, os.O_RDWR)
    try:
        os.ftruncate(descriptor, start)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
