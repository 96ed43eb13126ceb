"""Address: what answers a request, as its URL and, where that is silent, its signature tell."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from taximeter.capture.header import header_text
from taximeter.providers import Endpoint, identify

# AWS Signature Version 4 names region and service (docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html,
# 2026-11); it does so too behind a VPC endpoint, a gateway or a host of one's own, which the URL alone does not tell.
_SCOPE = re.compile(r"\bCredential=[^/,]+/\d{8}/([a-z0-9-]+)/bedrock/aws4_request")


def endpoint_at(
    method: str, url: str, headers: Mapping[str, Any], hosts: Mapping[str, str] | None = None
) -> Endpoint | None:
    """Return what answers, None when the request is no inference.

    Args:
        method: The HTTP method.
        url: The full URL.
        headers: The request's headers, in any case; values may be bytes.
        hosts: Who answers at hosts that the user has declared; None where there are none.
    """
    endpoint = identify(method, url, declared=hosts)
    if endpoint is None and "/model/" in url and (scope := _SCOPE.search(_authorization(headers))):
        signed = identify(method, url, declared={urlsplit(url).hostname or "": "bedrock"})
        return signed and msgspec.structs.replace(signed, region=signed.region or scope[1])
    return endpoint


def _authorization(headers: Mapping[str, Any]) -> str:
    return header_text(headers.get("authorization") or b"")
