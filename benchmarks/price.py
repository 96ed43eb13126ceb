"""How long does it take to price a call whose situation was seen before?

The least that it can be: a look-up in a dict, and the sum of products of integers with one rounding. Beside it
`msgspec.json.decode` of the response body that such a call has, into builtins, which a call pays in any case. Results
are checked before anything is timed. All take turns in short rounds; ratios are taken within a round, and their median is
told.
"""

import platform
import statistics
import sys
import timeit
from collections.abc import Callable

import msgspec

from measure import interleaved, ratio, tell
from taximeter.pricing import Catalog
from taximeter.pricing.money import FEMTOS_PER_NANO
from taximeter.pricing.table import shipped_table
from taximeter.usage import Usage

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


RATES = {("openai", "gpt-5-mini"): (250 * FEMTOS_PER_NANO, 25 * FEMTOS_PER_NANO, 2000 * FEMTOS_PER_NANO)}


def least() -> int:
    """Price the call with a look-up, products and one rounding, half to even."""
    fresh, cached, out = RATES["openai", "gpt-5-mini"]
    femtos = (
        (USAGE.uncached_input_tokens or 0) * fresh
        + (USAGE.cache_read_tokens or 0) * cached
        + (USAGE.text_output_tokens or 0) * out
    )
    nanos, rest = divmod(femtos, FEMTOS_PER_NANO)
    return nanos + (rest * 2 > FEMTOS_PER_NANO or (rest * 2 == FEMTOS_PER_NANO and nanos % 2))


def ways(catalog: Catalog) -> dict[str, Callable[[], object]]:
    """Return what is asked of a catalog, by its name."""
    situation = ("openai", "gpt-5-mini", None, None, ())
    return {
        "find the rates": lambda: catalog._plan(situation, AT_US),  # noqa: SLF001 - the step alone is the question
        "price a call": lambda: catalog.cost(USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US),
        "price a call with tiers": lambda: catalog.cost(
            USAGE, provider="google", model="gemini-2.5-pro", at_us=AT_US
        ),
        "price a call in a context": lambda: catalog.cost(
            USAGE,
            provider="openai",
            model="gpt-5-mini",
            at_us=AT_US,
            service_tier="flex",
            context={"region": "eu"},
        ),
        "miss an unknown model": lambda: catalog.cost(
            USAGE, provider="openai", model="gpt-5-mine", at_us=AT_US
        ),
        "take a cost apart": lambda: catalog.breakdown(
            USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US
        ),
    }


def check(catalog: Catalog) -> None:
    """Check the price, the least way to it, and that an unknown model has none."""
    cost = catalog.cost(USAGE, provider="openai", model="gpt-5-mini", at_us=AT_US)
    assert cost.usd_nanos == least() == 2_550_400
    nowhere = catalog.cost(USAGE, provider="openai", model="gpt-5-mine", at_us=AT_US)
    assert nowhere.usd_nanos is None


def warm(catalog: Catalog) -> dict[str, float]:
    """Print and return what each way takes, beside the least and beside decoding."""
    asked = ways(catalog)
    leasts, decodes, *rest = interleaved(least, lambda: msgspec.json.decode(BODY), *asked.values())
    figures = {"least_ns": statistics.median(leasts), "decode_ns": statistics.median(decodes)}
    print(f"{'a look-up and the sum of products (least)':42} {figures['least_ns']:7.0f} ns")
    print(f"{f'decode a body of {len(BODY)} bytes':42} {figures['decode_ns']:7.0f} ns")
    for name, taken in zip(asked, rest, strict=True):
        ns, of_least, of_decode = statistics.median(taken), ratio(taken, leasts), ratio(taken, decodes)
        key = name.replace(" ", "_")
        figures |= {f"{key}_ns": ns, f"{key}_of_least_x": of_least, f"{key}_of_decode_x": of_decode}
        print(f"{name:42} {ns:7.0f} ns  {of_least:5.2f} x the least  {of_decode:5.2f} x decoding")
    return figures


def first_call_ms() -> float:
    """Return what a first price takes, with the table read for it."""
    loading = timeit.timeit(
        lambda: Catalog(shipped_table()).cost(USAGE, provider="openai", model="gpt-4o", at_us=AT_US),
        number=20,
    )
    return loading / 20 * 1e3


def main() -> None:
    """Answer the question."""
    catalog = Catalog(shipped_table())
    check(catalog)
    print(f"Python {platform.python_version()}, {sys.platform}, medians of interleaved rounds")
    figures = warm(catalog) | {"first_call_ms": first_call_ms()}
    print(f"{'read the table and price the first call':42} {figures['first_call_ms']:7.1f} ms")
    tell(figures)


if __name__ == "__main__":
    main()
