"""How long from a response's bytes to its event, beside only decoding the same bytes?

Whole bodies of 2 kB (a text or tool calls, per format): reading, price and event against `msgspec.json.decode` of the
body into builtins, in the same run. A text decodes fastest, so its ratio is the worst; every body is shown. Streams: one more chunk of text, which tells nothing new, in nanoseconds and as a ratio to decoding the chunk.
The price alone: a warm lookup and cost, beside one dict lookup with the sum of four products.
Every result is checked before anything is timed.
"""

import json
import platform
import statistics
from functools import partial
from pathlib import Path

import msgspec

from measure import interleaved, ratio, tell
from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent
from taximeter.pricing import Catalog
from taximeter.providers import Endpoint, Reading, identify
from taximeter.usage import Usage
from taximeter.vocabulary import CostStatus

TEXT = "The meter runs from the first word to the last, and the fare is the sum of what was counted. "
AT_US = 1_767_225_600_000_000

BODIES = Path(__file__).parent / "bodies"
"""Answers of 2 kB as the providers document them: one long text, or several tool calls with little text."""

MODELS = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-sonnet-4-20250514-v1%3A0"
SYSTEM = "You plan rides through the town."
MESSAGES = [{"role": "user", "content": TEXT}]
WHOLE: dict[str, tuple[str, dict[str, object]]] = {
    "openai.chat": (
        "POST https://api.openai.com/v1/chat/completions",
        {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": SYSTEM}, *MESSAGES]},
    ),
    "anthropic.messages": (
        "POST https://api.anthropic.com/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 999, "system": SYSTEM, "messages": MESSAGES},
    ),
    "gemini.generate": (
        f"POST {MODELS}:generateContent",
        {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": [{"parts": [{"text": TEXT}]}]},
    ),
    "openai.responses": (
        "POST https://api.openai.com/v1/responses",
        {"model": "gpt-5-mini", "instructions": SYSTEM, "input": TEXT},
    ),
    "bedrock.converse": (
        f"POST {BEDROCK}/converse",
        {"system": [{"text": SYSTEM}], "messages": [{"role": "user", "content": [{"text": TEXT}]}]},
    ),
    "ollama.chat": (
        "POST http://127.0.0.1:11434/api/chat",
        {"model": "llama3.2:3b", "messages": [{"role": "system", "content": SYSTEM}, *MESSAGES]},
    ),
}
"""Where each format answers, and a short request."""

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [{"index": 0, "delta": {"content": " fare"}, "logprobs": None, "finish_reason": None}],
    "usage": None,
}
ANTHROPIC_CHUNK = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": " fare"},
}
GEMINI_CHUNK = {"candidates": [{"content": {"parts": [{"text": " fare"}], "role": "model"}, "index": 0}]}
OLLAMA_CHUNK = {
    "model": "llama3.2:3b",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": " fare"},
    "done": False,
}


def sse(document: object, event: str = "") -> bytes:
    """Frame a document as a server-sent event."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


CHUNKS = {
    "POST https://api.openai.com/v1/chat/completions": sse(CHUNK),
    "POST https://api.anthropic.com/v1/messages": sse(ANTHROPIC_CHUNK, "content_block_delta"),
    "POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent": sse(
        GEMINI_CHUNK
    ),
    "POST http://127.0.0.1:11434/api/chat": json.dumps(OLLAMA_CHUNK).encode() + b"\n",
}


def endpoint_of(target: str) -> Endpoint:
    """Return what answers there."""
    endpoint = identify(*target.split(" ", 1))
    assert endpoint is not None, target
    return endpoint


def whole_bodies(events: EventBuilder) -> dict[str, float]:
    """Return and print the time of a whole response per format and kind: the answer alone, and with its request."""
    figures: dict[str, float] = {}
    for path in sorted(BODIES.glob("*.json")):
        target, asked = WHOLE[path.stem.rpartition(".")[0]]
        endpoint, request = endpoint_of(target), json.dumps(asked).encode()
        body = json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode()

        def to_event(
            request: bytes | None, endpoint: Endpoint = endpoint, body: bytes = body
        ) -> TaskCompletionEvent:
            reading = Reading(endpoint, request)
            reading.respond(200, {"content-type": "application/json"})
            reading.feed(body)
            return events.from_facts(reading.finish(), started_at_us=AT_US)

        event = to_event(request)
        found = (event.actual_input_tokens, event.actual_output_tokens, event.cost_status)
        assert found[:2] == (1200, 340), (path, found)
        assert event.cost_status in {CostStatus.PRICED, CostStatus.FREE}, (path, found)
        floor, alone, ours = interleaved(
            partial(msgspec.json.decode, body), partial(to_event, None), partial(to_event, request)
        )
        key = path.stem.replace(".", "_")
        figures |= {
            f"{key}_decode_us": statistics.median(floor) / 1e3,
            f"{key}_x": ratio(alone, floor),
            f"{key}_with_request_x": ratio(ours, floor),
        }
        print(
            f"  {path.stem:26} {len(body):5} bytes  decode {figures[f'{key}_decode_us']:5.2f} us"
            f"  to event {statistics.median(alone) / 1e3:6.2f} us {figures[f'{key}_x']:5.2f} x"
            f"  with its request {figures[f'{key}_with_request_x']:5.2f} x"
        )
    return figures


def chunks() -> dict[str, float]:
    """Return and print the time of one more chunk per format."""
    figures: dict[str, float] = {}
    for target, chunk in CHUNKS.items():
        reading = Reading(endpoint_of(target), b'{"model":"m","stream":true}')
        reading.respond(
            200, {"content-type": "text/event-stream" if chunk[:1] != b"{" else "application/x-ndjson"}
        )
        reading.feed(chunk)
        assert reading.has_output, target
        assert not reading.complete, target
        document = chunk[chunk.index(b"{") :].strip()
        floor, ours = interleaved(
            lambda document=document: msgspec.json.decode(document),  # type: ignore[misc]  # bound now
            lambda reading=reading, chunk=chunk: reading.feed(chunk),  # type: ignore[misc]  # bound now
        )
        key = f"{reading.endpoint.wire_format.replace('.', '_')}_chunk"
        figures |= {f"{key}_ns": statistics.median(ours), f"{key}_x": ratio(ours, floor)}
        print(
            f"  {reading.endpoint.wire_format:20} {len(chunk):5} bytes  decode {statistics.median(floor):6.0f} ns"
            f"  feed {figures[f'{key}_ns']:6.0f} ns  {figures[f'{key}_x']:5.2f} x"
        )
    return figures


def price() -> dict[str, float]:
    """Return and print the time of a warm price."""
    catalog = Catalog.default()
    usage = Usage(uncached_input_tokens=176, cache_read_tokens=1024, text_output_tokens=340)

    def cost() -> int | None:
        return catalog.cost(usage, provider="openai", model="gpt-4o-mini", at_us=AT_US).usd_nanos

    assert cost() == 176 * 150 + 1024 * 75 + 340 * 600
    rates = {("openai", "gpt-4o-mini"): (150, 75, 600)}

    def floor_cost() -> int:
        fresh, cached, out = rates["openai", "gpt-4o-mini"]
        return (
            (usage.uncached_input_tokens or 0) * fresh
            + (usage.cache_read_tokens or 0) * cached
            + (usage.text_output_tokens or 0) * out
        )

    assert floor_cost() == cost()
    floor, ours = interleaved(floor_cost, cost)
    figures = {"price_ns": statistics.median(ours), "price_x": ratio(ours, floor)}
    print(
        f"  dict and products {statistics.median(floor):6.0f} ns  catalog.cost {figures['price_ns']:6.0f} ns"
    )
    return figures


def main() -> None:
    """Answer the questions."""
    print(f"Python {platform.python_version()}, msgspec {msgspec.__version__}, medians of interleaved rounds")
    print("whole body of 2 kB, bytes to event")
    figures = whole_bodies(EventBuilder())
    print("one more streamed chunk without usage")
    figures |= chunks()
    print("price, warm")
    figures |= price()
    tell(figures)


if __name__ == "__main__":
    main()
