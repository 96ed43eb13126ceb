"""Throw damaged responses at every parser and framing, and report what raised or counted below zero.

Usage: python tools/fuzz.py [--inputs 1000000] [--seed 0]. The samples are those of the tests; an input is one of them
with bytes, numbers, words or whole pieces changed, read as its own or as another format, in random chunks.

`tools/fuzz_coverage.py` lets coverage lead the search, which takes atheris and a night; this one takes a minute.
"""

import argparse
import re
import sys
from pathlib import Path
from random import Random
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from taximeter.providers import FORMATS, Facts, Reading, endpoint_for
from wire_samples import SAMPLES, Sample, pieces

_NAMES = sorted(FORMATS)
_NUMBER = re.compile(rb"-?\d+")
_ODD = (
    b"-1",
    b"0",
    b"1e999",
    b"-0.5",
    b"9" * 25,
    b"null",
    b"true",
    b'"7"',
    b'""',
    b"[]",
    b"{}",
    b"[[{}]]",
    b"\xff",
    b"",
)


def damaged(body: bytes, random: Random) -> bytes:
    """Return *body* with one to four pieces of it changed."""
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(body))
        span = random.choice((0, 1, 1, 3, 20, 200))
        way = random.randrange(6)
        if way == 0:
            body = body[:at]
        elif way == 1:
            body = body[:at] + bytes(random.choices(range(256), k=span)) + body[at + span :]
        elif way == 2:
            body = body[:at] + body[at + span :]
        elif way == 3:
            body = body[: at + span] + body[at:]
        elif way == 4 and (numbers := list(_NUMBER.finditer(body))):
            start, end = random.choice(numbers).span()
            body = body[:start] + random.choice(_ODD) + body[end:]
        else:
            other = random.choice(SAMPLES).body
            body = body[:at] + other[random.randint(0, len(other)) :]
    return body


def read(wire_format: str, sample: Sample, body: bytes, random: Random) -> Reading:
    """Read *body* in random chunks."""
    reading = Reading(endpoint_for(wire_format, provider=sample.provider), body)
    reading.respond(random.choice((200, 200, 200, 400, 529)), sample.headers if random.random() < 0.8 else {})
    for part in pieces(body, random.choices(range(10_000), k=random.choice((0, 0, 1, 8)))):
        reading.feed(part)
    reading.finish(whole=random.random() < 0.8)
    return reading


def lowest_count(facts: Facts) -> int:
    """Return the smallest number in any usage of the facts."""
    usages = [facts.usage] if facts.usage is not None else []
    usages += [usage for _, usage in facts.charges]
    values = [getattr(usage, name) for usage in usages for name in usage.__struct_fields__]
    values += [count for usage in usages for count in (usage.units or {}).values()]
    return min((value for value in values if isinstance(value, int)), default=0)


def main() -> int:
    """Run and report; the exit code is the number of bad inputs, at most 100."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = Random(options.seed)  # noqa: S311 - chance, not secrets
    bad, started = 0, perf_counter()
    for number in range(options.inputs):
        sample = random.choice(SAMPLES)
        wire_format = sample.wire_format if random.random() < 0.8 else random.choice(_NAMES)
        body = damaged(sample.body, random)
        reading = read(wire_format, sample, body, random)
        if reading.fault is not None or lowest_count(reading.finish()) < 0:
            bad += 1
            print(f"input {number} ({wire_format}): {reading.fault!r}\n{body!r}")
    seconds = perf_counter() - started
    print(f"{options.inputs} inputs in {seconds:.0f} s, {bad} bad")
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
