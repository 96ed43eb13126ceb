"""Cursor: how far one sink has come in the journal, and what became of every event up to there."""

import os
from contextlib import suppress
from hashlib import sha256
from urllib.parse import quote, unquote

import msgspec

from taximeter.journal.folder import NOT_OURS, Folder
from taximeter.journal.frame import Kind, frame, scan
from taximeter.journal.segment import new_writer_name

SUFFIX = ".cursor"

_LONGEST_NAME = 150


class Position(msgspec.Struct, frozen=True):
    """A place in one writer's segments."""

    segment: int = 0
    """The segment's number; 0 before the first."""
    offset: int = 0
    """Bytes of it that are behind us."""
    sequence: int | None = None
    """The number of the next event; None where no frame has told it yet."""


class Account(msgspec.Struct):
    """What became, at this sink, of one writer's events up to the position."""

    position: Position = msgspec.field(default_factory=Position)
    recorded: int = 0
    """Events passed; always `delivered` and `dropped` together."""
    delivered: int = 0
    dropped: dict[str, int] = {}
    """Given up here, by reason; damaged ones included."""
    refused: dict[str, int] = {}
    """What the writer's process never took in, by reason, as it last said."""
    done_at_us: int | None = None
    """When the writer was found to have ended with all its segments delivered."""


class Cursor(msgspec.Struct):
    """One sink's way through all segments of a folder. Position and counts are saved together, or not at all."""

    sink: str
    began: str = msgspec.field(default_factory=new_writer_name)
    """When, as writers are named: of a later writer this sink has to get everything."""
    accounts: dict[str, Account] = {}
    """By writer."""
    past: Account = msgspec.field(default_factory=Account)
    """All writers that have ended, together."""
    damaged: list[str] = []
    """Segments with unreadable parts, to be set aside instead of deleted."""
    moved_at_us: int = 0
    """When events were last delivered; 0 before the first."""
    breaker: str = "closed"
    """How the sink stood when the carrier last saw a change, see `SinkReceipt.breaker`."""
    last_error: str | None = None
    """What its last failure was then."""

    def account(self, writer: str) -> Account:
        """Return the account of a writer; it is kept once it is changed by `put`."""
        return self.accounts.get(writer) or self._new_account(writer)

    def put(self, writer: str, account: Account) -> None:
        """Keep the account of a writer."""
        self.accounts[writer] = account

    def _new_account(self, writer: str) -> Account:
        """Begin with number 0 for a writer that came later; the first segments of others may have been deleted."""
        return Account(position=Position(sequence=0 if writer > self.began else None))

    def total(self) -> Account:
        """Return all accounts in one."""
        total = Account()
        for account in (self.past, *self.accounts.values()):
            add(total, account)
        return total

    def fold(self, writer: str) -> None:
        """Move the account of a writer that has ended into the past."""
        add(self.past, self.accounts.pop(writer))


def add(total: Account, account: Account) -> None:
    """Add the counts of one account to another."""
    total.recorded += account.recorded
    total.delivered += account.delivered
    for mine, theirs in ((total.dropped, account.dropped), (total.refused, account.refused)):
        for reason, n in theirs.items():
            mine[reason] = mine.get(reason, 0) + n


def load_cursor(folder: Folder, sink: str) -> Cursor:
    """Return the cursor of a sink, or a new one that begins with all that is there.

    An unreadable cursor is set aside: the sink then gets again what it may have, which adds nothing there.
    """
    name = file_name(sink)
    try:
        data = folder.read(name)
    except FileNotFoundError:
        return Cursor(sink)
    except OSError as error:
        if error.errno not in NOT_OURS:
            raise
        data = b""
    cursor = decode_cursor(data)
    if cursor is None:
        folder.set_aside(name)
        return Cursor(sink)
    return cursor


def peek_cursor(folder: Folder, sink: str) -> Cursor:
    """Return the cursor of a sink as another process may have saved it, without mending anything."""
    try:
        return decode_cursor(folder.read(file_name(sink))) or Cursor(sink)
    except FileNotFoundError:
        return Cursor(sink)


def save_cursor(folder: Folder, cursor: Cursor, *, sync: bool = False) -> None:
    """Put the cursor in the place of the one on disk.

    Raises:
        OSError: It could not be written; the one on disk is as it was.
    """
    folder.replace(file_name(cursor.sink), frame(Kind.CURSOR, 0, msgspec.json.encode(cursor)), sync=sync)


def decode_cursor(data: bytes) -> Cursor | None:
    """Return the cursor that a file holds; None when it is damaged."""
    found = scan(data, whole=True, max_frames=1)
    if not found.frames or found.damage or found.frames[0].kind is not Kind.CURSOR:
        return None
    try:
        return msgspec.json.decode(found.frames[0].payload, type=Cursor)
    except msgspec.DecodeError:
        return None


def sinks_of(folder: Folder) -> list[str]:
    """Return the names of the sinks that have a cursor here."""
    sinks = []
    for name in folder.names():
        if name.endswith(SUFFIX):
            with suppress(OSError):
                cursor = decode_cursor(folder.read(name))
                sinks.append(cursor.sink if cursor else unquote(name.removesuffix(SUFFIX)))
    return sinks


def file_name(sink: str) -> str:
    """Return the name of a sink's cursor file; nothing in a sink's name can lead out of the folder."""
    safe = quote(sink, safe="").replace(".", "%2E") if sink.startswith(".") else quote(sink, safe="")
    if len(safe) > _LONGEST_NAME:
        safe = f"{safe[:80]}%{sha256(sink.encode()).hexdigest()[:32]}"
    return os.fspath(safe + SUFFIX)
