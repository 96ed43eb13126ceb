"""How long from a response's bytes to its event, beside only decoding the same bytes?

Whole bodies of 2 kB: reading, price and event against `msgspec.json.decode` of the body into builtins, in the same
run. Streams: one more chunk of text, which tells nothing new, in nanoseconds and as a ratio to decoding the chunk.
The price alone: a warm lookup and cost, beside one dict lookup with the sum of four products.
Every result is checked before anything is timed.
"""

import gc
import json
import platform
import statistics
import timeit
from collections.abc import Callable

import msgspec

from taximeter.builder import EventBuilder
from taximeter.pricing import Catalog
from taximeter.providers import Endpoint, Reading, identify
from taximeter.usage import Usage

ROUNDS = 9
TEXT = "The meter runs from the first word to the last, and the fare is the sum of what was counted. "
AT_US = 1_767_225_600_000_000

WHOLE = {
    "POST https://api.openai.com/v1/chat/completions": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": TEXT * 17}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 1200,
            "completion_tokens": 340,
            "total_tokens": 1540,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
    },
    "POST https://api.anthropic.com/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": TEXT * 18}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 176,
            "cache_read_input_tokens": 1024,
            "cache_creation_input_tokens": 0,
            "output_tokens": 340,
            "service_tier": "standard",
        },
    },
    "POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent": {
        "candidates": [
            {"content": {"parts": [{"text": TEXT * 18}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 1200,
            "candidatesTokenCount": 340,
            "totalTokenCount": 1540,
            "cachedContentTokenCount": 1024,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    },
    "POST http://127.0.0.1:11434/api/chat": {
        "model": "llama3.2:3b",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": TEXT * 18},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1200,
        "eval_count": 340,
        "eval_duration": 1,
    },
}
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


def nanoseconds(*functions: Callable[[], object]) -> list[float]:
    """Return the median time of each function, their rounds interleaved."""
    timers = [timeit.Timer(function) for function in functions]
    counts = [max(1, int(0.02 / max(timer.timeit(20) / 20, 1e-9))) for timer in timers]
    rounds: list[list[float]] = [[] for _ in timers]
    gc.disable()
    for _ in range(ROUNDS):
        for timer, count, times in zip(timers, counts, rounds, strict=True):
            times.append(timer.timeit(count) / count * 1e9)
    gc.enable()
    return [statistics.median(times) for times in rounds]


def whole_bodies(events: EventBuilder) -> None:
    """Print the time of a whole response per format."""
    for target, document in WHOLE.items():
        body = json.dumps(document, separators=(",", ":")).encode()
        endpoint = endpoint_of(target)

        def to_event(body: bytes = body, endpoint: Endpoint = endpoint) -> object:
            reading = Reading(endpoint, b'{"model":"m"}')
            reading.respond(200, {"content-type": "application/json"})
            reading.feed(body)
            return events.from_facts(reading.finish(), started_at_us=AT_US)

        event = to_event()
        found = (event.actual_input_tokens, event.actual_output_tokens)  # type: ignore[attr-defined]  # an event
        assert found == (1200, 340), (target, found)
        floor, ours = nanoseconds(lambda body=body: msgspec.json.decode(body), to_event)  # type: ignore[misc]  # bound now
        print(
            f"  {endpoint.wire_format:20} {len(body):5} bytes  decode {floor / 1000:6.2f} us"
            f"  to event {ours / 1000:6.2f} us  {ours / floor:5.2f} x"
        )


def chunks() -> None:
    """Print the time of one more chunk per format."""
    for target, chunk in CHUNKS.items():
        reading = Reading(endpoint_of(target), b'{"model":"m","stream":true}')
        reading.respond(
            200, {"content-type": "text/event-stream" if chunk[:1] != b"{" else "application/x-ndjson"}
        )
        reading.feed(chunk)
        assert reading.has_output, target
        assert not reading.complete, target
        document = chunk[chunk.index(b"{") :].strip()
        floor, ours = nanoseconds(
            lambda document=document: msgspec.json.decode(document),  # type: ignore[misc]  # bound now
            lambda reading=reading, chunk=chunk: reading.feed(chunk),  # type: ignore[misc]
        )
        print(
            f"  {reading.endpoint.wire_format:20} {len(chunk):5} bytes  decode {floor:6.0f} ns"
            f"  feed {ours:6.0f} ns  {ours / floor:5.2f} x"
        )


def price() -> None:
    """Print the time of a warm price."""
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
    floor, ours = nanoseconds(floor_cost, cost)
    print(f"  dict and products {floor:6.0f} ns  catalog.cost {ours:6.0f} ns  {ours / floor:5.2f} x")


def main() -> None:
    """Answer the questions."""
    print(f"Python {platform.python_version()}, msgspec {msgspec.__version__}, median of {ROUNDS} rounds")
    print("whole body of 2 kB, bytes to event")
    whole_bodies(EventBuilder())
    print("one more streamed chunk without usage")
    chunks()
    print("price, warm")
    price()


if __name__ == "__main__":
    main()
