"""Envelope: a batch as the body of an HTTP request, the same bytes whenever it is made."""

import zlib
from hashlib import sha256

import anyio
import anyio.lowlevel
import msgspec

from taximeter.sinks.batch import Batch

_PIECE_BYTES = 1 << 18
_LEVEL = 3  # takes the time of level 1 for events, and packs better
_GZIP_FORMAT = (
    31  # zlib's number for a gzip frame of the largest window; it writes no time and no name into it
)


class Envelope(msgspec.Struct, frozen=True, eq=False):
    """A body and what its headers say."""

    body: bytes
    is_gzip: bool
    key: str
    """A name for the content: the same for the same events in the same order."""


async def envelope_of(batch: Batch, gzip_min_bytes: int) -> Envelope:
    """Join the lines, which are JSON already, into `{"events": [...]}`, and compress it where that is worth it.

    Args:
        batch: The events.
        gzip_min_bytes: Bodies below this size stay as they are.
    """
    body = b'{"events":[' + b",".join(batch.lines) + b"]}"
    key = sha256(body).hexdigest()
    if len(body) < gzip_min_bytes:
        return Envelope(body, is_gzip=False, key=key)
    return Envelope(await _compressed(body), is_gzip=True, key=key)


async def _compressed(body: bytes) -> bytes:
    """Compress piece by piece: zlib lets go of the GIL, and the other sinks of the thread get their turn."""
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP_FORMAT)
    view = memoryview(body)
    packed = []
    for start in range(0, len(body), _PIECE_BYTES):
        packed.append(packer.compress(view[start : start + _PIECE_BYTES]))
        await anyio.lowlevel.checkpoint()
    packed.append(packer.flush())
    return b"".join(packed)
