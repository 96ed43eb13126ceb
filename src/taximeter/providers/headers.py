"""Headers: what a response says before its body."""

from collections.abc import Mapping
from functools import lru_cache


def lower_cased(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with their names in lower case."""
    return {str(name).lower(): str(value) for name, value in headers.items()}


def media_type(headers: Mapping[str, str]) -> str:
    """Return the content type in lower case and without its parameters, empty where there is none.

    Most mappings have it under one of the first two spellings, or do not mind the spelling at all.
    """
    value = headers.get("content-type") or headers.get("Content-Type")
    if value is None:
        value = lower_cased(headers).get("content-type")
    return _without_parameters(str(value)) if value is not None else ""


@lru_cache(maxsize=64)
def _without_parameters(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
