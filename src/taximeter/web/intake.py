"""Intake: the body of a request to rows in a store, and to the result that is answered."""

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import anyio
import msgspec

from taximeter.encoding import check_line
from taximeter.event import EVENT_TYPES
from taximeter.http_contract import (
    INVALID,
    MAX_ID_LENGTH,
    MISSING_ID,
    TOO_LARGE,
    UNKNOWN_TYPE,
    BatchResult,
    LossesNoted,
    LossReport,
    Problem,
    Rejection,
)
from taximeter.policy import MEBIBYTE
from taximeter.sinks.batch import batch_of
from taximeter.sinks.sqlite import SqliteSink

T = TypeVar("T")

BODY_MAX_BYTES = 8 * MEBIBYTE
"""What a body may hold, as it comes and unpacked; a sink's batches are half as large at most."""

_GZIP_FORMAT = 31
_EVENT_MAX_BYTES = MEBIBYTE
_KINDS = {str(kind.__struct_config__.tag) for kind in EVENT_TYPES}


class RefusedError(Exception):
    """A request that is refused as a whole."""

    def __init__(self, status: HTTPStatus, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = Problem(error, detail)


class _Body(msgspec.Struct):
    events: list[msgspec.Raw]


class _Identity(msgspec.Struct):
    event_id: str = ""
    type: str = ""


_read_body = msgspec.json.Decoder(_Body).decode
_read_losses = msgspec.json.Decoder(LossReport).decode
_read_identity = msgspec.json.Decoder(_Identity).decode


class Intake:
    """Stores batches in a SQLite file, one after the other, each in one transaction.

    Args:
        store: Writes the file.
    """

    def __init__(self, store: SqliteSink) -> None:
        self._store = store
        self._turn = anyio.CapacityLimiter(1)

    async def take(self, body: bytes, *, is_gzip: bool) -> BatchResult:
        """Store what can be stored, in a thread, and return the result once it is committed.

        Raises:
            RefusedError: Nothing of the body can be read.
            Exception: The store failed; nothing of the batch is in it.
        """
        return await anyio.to_thread.run_sync(partial(self._take, body, is_gzip=is_gzip), limiter=self._turn)

    async def note(self, body: bytes, *, is_gzip: bool) -> LossesNoted:
        """Store how many events a source has lost, in a thread.

        Raises:
            RefusedError: The body tells no such thing.
            Exception: The store failed.
        """
        return await anyio.to_thread.run_sync(partial(self._note, body, is_gzip=is_gzip), limiter=self._turn)

    async def aclose(self) -> None:
        """Close the store."""
        await anyio.to_thread.run_sync(anyio.run, self._store.aclose, limiter=self._turn)

    def _take(self, body: bytes, *, is_gzip: bool) -> BatchResult:
        raws = _read(_read_body, body, "not_a_batch", is_gzip=is_gzip).events
        rejected = {each.index: each for each in _rejections(raws)}
        lines = [bytes(raw) for index, raw in enumerate(raws) if index not in rejected]
        stored = anyio.run(self._store.insert, batch_of(lines)) if lines else 0
        return BatchResult(accepted=stored, duplicates=len(lines) - stored, rejected=tuple(rejected.values()))

    def _note(self, body: bytes, *, is_gzip: bool) -> LossesNoted:
        report = _read(_read_losses, body, "no_losses", is_gzip=is_gzip)
        anyio.run(self._store.note_losses, report.source, report.lost)
        return LossesNoted(sum(report.lost.values()))


def _unpacked(body: bytes) -> bytes:
    """Unpack a gzip body, to its largest size at most."""
    unpacker = zlib.decompressobj(wbits=_GZIP_FORMAT)
    try:
        data = unpacker.decompress(body, BODY_MAX_BYTES + 1)
    except zlib.error:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "not_gzip", "The body is not what its encoding says."
        ) from None
    if len(data) > BODY_MAX_BYTES:
        raise too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, "not_gzip", "The body is cut off, or goes on after its end."
        )
    return data


def too_large() -> RefusedError:
    """Return the refusal of a body that is too large, packed or unpacked."""
    detail = f"A body may have {BODY_MAX_BYTES} bytes, as it comes and unpacked."
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, detail)


def _read(read: Callable[[bytes], T], body: bytes, otherwise: str, *, is_gzip: bool) -> T:
    """Return what a body holds; *otherwise* is the word for one that is JSON of another shape."""
    try:
        body = _unpacked(body) if is_gzip else body
        body.decode()  # all of it: what is passed over while reading is stored as it stands
        return read(body)
    except msgspec.ValidationError as error:  # says where, and quotes nothing
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, otherwise, str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "not_json", str(error)) from error


def _rejections(raws: list[msgspec.Raw]) -> Iterator[Rejection]:
    for index, raw in enumerate(raws):
        reason, event_id = _fault(raw)
        if reason is not None:
            yield Rejection(index, reason, event_id)


def _fault(raw: msgspec.Raw) -> tuple[str | None, str | None]:
    """Return why an event cannot be stored, None when it can, and its id where it has one that can be repeated."""
    try:
        identity = _read_identity(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return INVALID, None
    if not 0 < len(identity.event_id) <= MAX_ID_LENGTH:
        return MISSING_ID, None
    if len(bytes(raw)) > _EVENT_MAX_BYTES:
        return TOO_LARGE, identity.event_id
    if identity.type not in _KINDS:
        return UNKNOWN_TYPE, identity.event_id
    try:
        check_line(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return INVALID, identity.event_id
    return None, identity.event_id
