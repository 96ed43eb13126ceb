"""Decoder: a compressed body, decompressed for our own eyes while the application reads the original."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

Decode = Callable[[bytes], Iterable[bytes]]
"""Takes the next raw bytes, gives the decoded bytes that they complete."""

PIECE_BYTES = 64 * 1024  # gzip inflates up to a thousandfold: it is read in pieces, and none is kept


class UndecodableError(Exception):
    """A content encoding that nothing installed here can read."""


def decoder_for(encoding: str) -> Decode:
    """Return the decoder of a `content-encoding`; bytes that are not encoded come back as they are.

    Args:
        encoding: The header's value; several encodings in a row are not read, no provider sends them.

    Raises:
        UndecodableError: No library for it is installed; then the application could not have asked for it.
    """
    name = encoding.strip().lower()
    if name not in _MAKERS:
        raise UndecodableError(name)
    return _MAKERS[name]()


def _plain() -> Decode:
    return lambda data: (data,)


def _gzip() -> Decode:
    return _Inflate(zlib.MAX_WBITS | 16)


def _deflate() -> Decode:
    return _Deflate()


class _Inflate:
    """Inflates piece by piece."""

    def __init__(self, window_bits: int) -> None:
        self._inflate = zlib.decompressobj(window_bits)

    def __call__(self, data: bytes) -> Iterator[bytes]:
        while piece := self._inflate.decompress(data, PIECE_BYTES):
            yield piece
            data = self._inflate.unconsumed_tail


class _Deflate:
    """Both things that servers call deflate: with the zlib header of two bytes, and without."""

    def __init__(self) -> None:
        self._head = b""
        self._inflate: _Inflate | None = None

    def __call__(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._inflate = self._head, _Inflate(_window_bits(self._head))
        yield from self._inflate(data)


def _window_bits(head: bytes) -> int:
    """Tell a zlib header (RFC 1950: method 8, the two bytes a multiple of 31) from its absence."""
    is_header = head[0] & 0x0F == 8 and int.from_bytes(head[:2]) % 31 == 0
    return zlib.MAX_WBITS if is_header else -zlib.MAX_WBITS


def _brotli() -> Decode:
    library = _first_installed("brotli", "brotlicffi")
    decompressor = library.Decompressor()
    step: Callable[[bytes], bytes] = getattr(decompressor, "process", None) or decompressor.decompress
    return lambda data: (step(data),)


def _zstandard() -> Decode:
    library = _first_installed("compression.zstd", "backports.zstd", "zstandard")
    decompressor = library.ZstdDecompressor()
    if hasattr(decompressor, "decompressobj"):  # the zstandard package
        decompressor = decompressor.decompressobj()
    step: Callable[[bytes], bytes] = decompressor.decompress
    return lambda data: (step(data),)


def _first_installed(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UndecodableError(names[0])


_MAKERS: dict[str, Callable[[], Decode]] = {
    "": _plain,
    "identity": _plain,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstandard,
}
