"""Compare recorded interactions with what is expected of them, and print a table per API.

Usage: python tools/conformance.py FILE [-v] [API ...]
"""

import argparse
import base64
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from taximeter.providers import Endpoint, Facts, endpoint_for, identify, read_response

Record = Mapping[str, Any]

_SUBSETS = (
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
_TOKENS = frozenset({"input_tokens", "output_tokens", "total_tokens", *_SUBSETS})
SCORED = (
    "model",
    "input_tokens",
    "output_tokens",
    *_SUBSETS,
    "total_tokens",
    "finish_reasons",
    "provider_response_id",
    "tool_call_count",
    "server_tool_call_count",
    "has_usage",
    "error",
    "error_type",
    "truncated",
    "partial",
    "reported_cost",
)


def load(path: Path) -> Iterator[Record]:
    """Yield the records of a file, gzip or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def body_of(record: Record) -> bytes:
    """Return the response body of a record."""
    if (encoded := record.get("response_b64")) is not None:
        return base64.b64decode(encoded)
    return (record.get("response_text") or "").encode()


def endpoint_of(record: Record) -> Endpoint | None:
    """Return what answers at the record's URL."""
    if not record["url"]:  # a websocket's frames: what was spoken is all that the recording tells
        return endpoint_for(record["api"], provider=record["provider"])
    return identify(record["method"], record["url"])


def is_inference(record: Record) -> bool:
    """Whether the record is a call that must give an event."""
    api = record["api"]
    known_not_to_be = bool(record["expected"]["extra"].get("not_inference"))
    return not known_not_to_be and not api.endswith((".other", "count_tokens", "moderations", "batches"))


def is_scored(record: Record) -> bool:
    """Whether the record has an expectation that counts."""
    return bool(record["expected"]["extra"].get("oracle") != "none")


def read(record: Record, endpoint: Endpoint) -> Facts:
    """Return the facts of a record."""
    return read_response(
        endpoint, record["request"], record["status"], record["response_headers"], body_of(record)
    )


def observed(facts: Facts) -> dict[str, Any]:
    """Return the facts in the words of the expectation."""
    usage = facts.usage
    if usage is not None and usage.input_tokens is None and usage.output_tokens is None:
        usage = None  # billed by other units
    values: dict[str, Any] = dict.fromkeys(SCORED)
    if usage is not None:
        values |= {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": (usage.input_tokens or 0) + (usage.output_tokens or 0),
            "cache_read_tokens": (usage.cache_read_tokens or 0) + (usage.cache_read_audio_tokens or 0),
            "cache_write_tokens": (usage.cache_write_5m_tokens or 0) + (usage.cache_write_1h_tokens or 0),
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_input_tokens": (usage.audio_input_tokens or 0) + (usage.cache_read_audio_tokens or 0),
            "audio_output_tokens": usage.audio_output_tokens,
        }
    return values | {
        "model": facts.model or facts.request.model,
        "finish_reasons": list(facts.finish_reasons),
        "provider_response_id": facts.response_id,
        "tool_call_count": facts.tool_call_count,
        "server_tool_call_count": facts.server_tool_call_count,
        "has_usage": usage is not None,
        "error": facts.failed,
        "error_type": facts.error_type,
        "truncated": facts.truncated,
        "partial": facts.partial,
        "reported_cost": facts.reported_cost_usd_nanos,
    }


def deviations(record: Record, facts: Facts) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which the facts differ from the expectation: what was seen, what was expected."""
    expected = record["expected"]
    seen = observed(facts)
    return {
        name: (seen[name], expected[name])
        for name in SCORED
        if not (name in _TOKENS and "no-agreed-total: list only" in expected["traps"])
        and not _agrees(name, seen[name], expected.get("accept", {}).get(name, [expected[name]]), expected)
    }


def _agrees(name: str, seen: Any, accepted: list[Any], expected: Mapping[str, Any]) -> bool:
    if name in _SUBSETS and expected["has_usage"]:
        return (seen or 0) in [value or 0 for value in accepted]
    if name == "reported_cost":
        return any(_cost_agrees(seen, value) for value in accepted)
    return bool(seen in accepted)


def _cost_agrees(nanos: int | None, value: Mapping[str, Any] | None) -> bool:
    if value is None or nanos is None:
        return value is None and nanos is None
    unit = Decimal("1e-10") if "ticks" in value["unit"] else Decimal(1)
    return abs(Decimal(str(value["value"])) * unit - Decimal(nanos).scaleb(-9)) <= Decimal("5e-10")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("apis", nargs="*", help="only these")
    parser.add_argument("-v", "--verbose", action="store_true", help="list each deviating record")
    options = parser.parse_args()
    scored: Counter[str] = Counter()
    right: Counter[str] = Counter()
    fields: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in load(options.file):
        api = record["api"]
        if (options.apis and api not in options.apis) or not is_scored(record):
            continue
        scored[api] += 1
        wrong = _wrong(record)
        right[api] += not wrong
        fields[api].update(wrong.keys())
        if wrong and options.verbose:
            print(record["id"], api, record["provider"], wrong)
    print(f"| {'api':36} | scored | right |  share | deviating fields\n|---|---|---|---|---|")
    for api in sorted(scored):
        share = right[api] / scored[api]
        print(f"| {api:36} | {scored[api]:6} | {right[api]:5} | {share:6.1%} | {dict(fields[api]) or ''}")
    print(
        f"| {'all':36} | {scored.total():6} | {right.total():5} | {right.total() / max(1, scored.total()):6.1%} |"
    )


def _wrong(record: Record) -> dict[str, Any]:
    endpoint = endpoint_of(record)
    if not is_inference(record):
        return {} if endpoint is None else {"identify": (endpoint.wire_format, None)}
    if endpoint is None:
        return {"identify": (None, record["api"])}
    return deviations(record, read(record, endpoint))


if __name__ == "__main__":
    main()
