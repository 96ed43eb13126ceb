"""Salvage: what the end of a body tells that was too long to keep.

Very large bodies are vectors and pictures, and the formats that have them write usage, model and id after those.
"""

import re
from collections.abc import Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Any

_NAMES = re.compile(r'"(model|id|modelVersion|responseId|service_tier)"\s*:\s*"([^"\\]{1,200})"')
_decoder = JSONDecoder()


def salvage(tail: bytes, usage_name: str) -> Mapping[str, Any]:
    """Return the last usage object in *tail* and the names after the body's bulk; nothing where there is no usage.

    Text that a model wrote cannot be taken for a field: its quotes are escaped.

    Args:
        tail: The last bytes of a JSON body.
        usage_name: The field that holds the usage.
    """
    text = tail.decode("utf-8", "replace")
    found = list(re.finditer(rf'"{usage_name}"\s*:\s*(?=\{{)', text))
    if not found:
        return {}
    try:
        usage, _ = _decoder.raw_decode(text, found[-1].end())
    except (JSONDecodeError, RecursionError):
        return {}
    return {**dict(_NAMES.findall(text)), usage_name: usage}
