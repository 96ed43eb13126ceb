"""Digests stand for what is not kept."""

from hashlib import sha256
from typing import Any

import pytest

from taximeter.digest import digest_of


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("é", "é".encode()),
        (b"x", b"x"),
        (bytearray(b"x"), b"x"),
        ([{"b": 1, "a": "t"}], b'[{"a":"t","b":1}]'),
        ("\ud800", b"\xed\xa0\x80"),
    ],
    ids=repr,
)
def test_a_digest_is_the_sha_256(value: Any, data: bytes) -> None:
    """Of the text's UTF-8, of the bytes, of the JSON with sorted keys; so equal prompts have equal digests."""
    assert digest_of(value) == sha256(data).hexdigest()


def test_nothing_has_no_digest() -> None:
    """None is not known, which is not the same as empty."""
    assert digest_of(None) is None
    assert digest_of("") is not None
