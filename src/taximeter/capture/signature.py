"""Signature: which requests must not be changed, and how servers answer to a change that they did not expect."""

import re
from collections.abc import Mapping

REFUSALS = frozenset({400, 401, 403, 404, 413, 415, 422})
"""How servers and gateways answer to what they did not expect: a field, a length, a body that is not the one signed."""

_SIGNED = re.compile("sha256|digest|signature|hmac|content-md5")


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a header, its name in lower case, looks like a signature over the body, which must not change then."""
    return (
        _SIGNED.search(",".join(headers)) is not None or "aws4-" in headers.get("authorization", "").lower()
    )
