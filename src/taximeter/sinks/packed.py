"""Packed: identifiers as the bytes that they spell, which is half of their text."""


def packed_hex(text: str) -> bytes | str:
    """Return the bytes of hexadecimal digits; any other text stays as it is, so that it comes back the same."""
    try:
        packed = bytes.fromhex(text)
    except ValueError:
        return text
    return packed if packed.hex() == text else text


def packed_id(text: str) -> bytes | str:
    """Return an event's id as it lies in its row: the 16 bytes of a UUID as it is usually written, or the text."""
    if len(text) != 36 or not text[8] == text[13] == text[18] == text[23] == "-":
        return text
    packed = packed_hex(text.replace("-", ""))
    return packed if isinstance(packed, bytes) and len(packed) == 16 else text
