"""Headers: of a request, as clients hold them, in text or in bytes."""

from collections.abc import Mapping
from typing import Any


def headers_in_text(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return all headers as text, their names in lower case."""
    return {name.lower(): header_text(value) for name, value in headers.items()}


def header_text(value: str | bytes) -> str:
    """Return the value of a header as text."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
