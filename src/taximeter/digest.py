"""Digest: what stands for a text that is not kept."""

from hashlib import sha256
from typing import Any

import msgspec


def digest_of(value: Any) -> str | None:
    """Return the SHA-256 of *value* in hex, None for None.

    A text counts as its UTF-8, anything else as its JSON with sorted keys. Short texts can be guessed from it.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    elif not isinstance(value, bytes | bytearray | memoryview):
        value = msgspec.json.encode(value, order="deterministic", enc_hook=str)
    return sha256(value).hexdigest()
