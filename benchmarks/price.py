"""How long does it take to price a call whose situation was seen before?

Floor: `msgspec.json.decode` of the response body that such a call has, into builtins. Results are checked before
anything is timed; each figure is the best of nine rounds, so that other work on the machine counts least.
"""

import platform
import sys
import timeit
from collections.abc import Callable

import msgspec
from measure import tell

from taximeter.pricing import Catalog
from taximeter.pricing.table import shipped_table
from taximeter.usage import Usage

CALLS = 20_000
AT_US = 1_767_225_600_000_000
USAGE = Usage(
    uncached_input_tokens=904, cache_read_tokens=4096, text_output_tokens=1111, reasoning_tokens=640
)
BODY = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a" * 1700}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 5000,
            "completion_tokens": 1111,
            "total_tokens": 6111,
            "prompt_tokens_details": {"cached_tokens": 4096},
            "completion_tokens_details": {"reasoning_tokens": 640},
        },
    }
)


def nanoseconds(work: Callable[[], object]) -> float:
    """Return the best time of one call."""
    return min(timeit.repeat(work, number=CALLS, repeat=9)) / CALLS * 1e9


def main() -> None:
    """Print times and ratios."""
    catalog = Catalog(shipped_table())
    situation = ("openai", "gpt-5-mini", None, None, ())
    cost = catalog.cost(USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US)
    assert cost.usd_nanos == 2_550_400
    nowhere = catalog.cost(USAGE, provider="openai", model="gpt-5-mine", at_us=AT_US)
    assert nowhere.usd_nanos is None
    floor = nanoseconds(lambda: msgspec.json.decode(BODY))
    print(f"Python {platform.python_version()}, {sys.platform}, {CALLS:,} calls a round, best of 9")
    print(f"{'decode a body of ' + str(len(BODY)) + ' bytes (floor)':42} {floor:7.0f} ns")
    figures = {"floor_ns": floor}
    for name, work in (
        ("find the rates", lambda: catalog._plan(situation, AT_US)),  # noqa: SLF001 - the step alone is the question
        ("price a call", lambda: catalog.cost(USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US)),
        (
            "price a call with tiers",
            lambda: catalog.cost(USAGE, provider="google", model="gemini-2.5-pro", at_us=AT_US),
        ),
        (
            "price a call in a context",
            lambda: catalog.cost(
                USAGE,
                provider="openai",
                model="gpt-5-mini",
                at_us=AT_US,
                service_tier="flex",
                context={"region": "eu"},
            ),
        ),
        (
            "miss an unknown model",
            lambda: catalog.cost(USAGE, provider="openai", model="gpt-5-mine", at_us=AT_US),
        ),
        (
            "take a cost apart",
            lambda: catalog.breakdown(USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US),
        ),
    ):
        taken = nanoseconds(work)
        figures |= {f"{name.replace(' ', '_')}_ns": taken, f"{name.replace(' ', '_')}_x": taken / floor}
        print(f"{name:42} {taken:7.0f} ns  {taken / floor:5.2f} x floor")
    loading = timeit.timeit(
        lambda: Catalog(shipped_table()).cost(USAGE, provider="openai", model="gpt-4o", at_us=AT_US),
        number=20,
    )
    print(f"{'read the table and price the first call':42} {loading / 20 * 1000:7.1f} ms")
    tell(figures | {"first_call_ms": loading / 20 * 1000})


if __name__ == "__main__":
    main()
