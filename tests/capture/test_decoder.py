"""Bodies are decoded for our own eyes, whatever the encoding and the chunking."""

import gzip
import zlib
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.capture.decoder import PIECE_BYTES, UndecodableError, decoder_for


def raw_deflate(data: bytes) -> bytes:
    """Return deflate without the zlib header, as some servers send it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "nothing": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip in capitals": (" GZip ", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
}


@pytest.mark.parametrize("name", ENCODINGS)
@given(data=st.binary(max_size=2000), size=st.integers(min_value=1, max_value=64))
def test_what_was_encoded_comes_back(name: str, data: bytes, size: int) -> None:
    """Any body in any chunking comes back as it was."""
    encoding, encode = ENCODINGS[name]
    encoded = encode(data)
    decode = decoder_for(encoding)
    chunks = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    assert b"".join(part for chunk in chunks for part in decode(chunk)) == data


@pytest.mark.skipif(find_spec("zstandard") is None, reason="zstandard is not installed")
def test_zstd_is_decoded_where_a_library_is() -> None:
    """Whichever library the host's HTTP client could use, we use too."""
    import zstandard  # noqa: PLC0415 - may not be installed

    encoded = zstandard.ZstdCompressor().compress(b"four score " * 20)
    decode = decoder_for("zstd")
    assert b"".join(part for byte in encoded for part in decode(bytes([byte]))) == b"four score " * 20


@pytest.mark.parametrize("encoding", ["compress", "gzip, gzip", "x-unheard-of"])
def test_unknown_encoding_is_told(encoding: str) -> None:
    """What nothing here reads is refused by name, not guessed at."""
    with pytest.raises(UndecodableError):
        decoder_for(encoding)


def test_bomb_comes_in_pieces() -> None:
    """A megabyte of compressed zeros is handed on piece by piece, and no piece is large."""
    bomb = gzip.compress(bytes(32 * 1024 * 1024))
    sizes = [len(part) for part in decoder_for("gzip")(bomb)]
    assert sum(sizes) == 32 * 1024 * 1024
    assert max(sizes) <= PIECE_BYTES
