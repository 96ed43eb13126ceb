"""Endpoint: where a call goes, as far as its URL tells."""

import msgspec

from taximeter.vocabulary import Operation


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What answers at a URL.

    `model` is the one that the URL names, None where the request body does. `region` is a part of the host or path
    that providers price by, such as `us-east-1`.
    """

    provider: str
    wire_format: str
    operation: Operation
    model: str | None = None
    region: str | None = None
    api_version: str | None = None
