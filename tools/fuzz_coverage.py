"""Throw bytes at every wire format and framing, led by coverage: `python tools/fuzz_coverage.py [folder] [libFuzzer options]`.

Needs `pip install atheris`. A night's run: `python tools/fuzz_coverage.py findings -max_total_time=28800`; a quick one:
`python tools/fuzz_coverage.py -runs=1000000`. The samples of tests/fixtures/wire are what it starts from. It stops at the first
input that raises, even where a guard keeps it from the caller, that counts below zero, that gives another answer when
the body comes in pieces, or whose price is negative; libFuzzer writes that input to a file.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["taximeter"]):
    from taximeter import framing
    from taximeter.builder import EventBuilder
    from taximeter.providers import Facts, Reading, endpoint_for
    from taximeter.providers.directory import FORMATS
    from taximeter.usage import COUNTERS

SAMPLES = Path(__file__).parent.parent / "tests" / "fixtures" / "wire"
NAMES = sorted(FORMATS)
KINDS = (
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "",
)
STATUSES = (200, 400, 429, 500)
PREFIX_BYTES = 4  # format, content type, status, and the length of the pieces
FRAMINGS = (
    framing.AwsEventStream,
    framing.BinaryBody,
    framing.JsonArray,
    framing.JsonLines,
    framing.ServerSentEvents,
    framing.WholeBody,
)
AT_US = 1_767_225_600_000_000
EVENTS = EventBuilder()


def try_input(data: bytes) -> None:
    """Read *data* in every way that its first bytes choose."""
    if len(data) <= PREFIX_BYTES:
        return
    name = NAMES[data[0] % len(NAMES)]
    kind = KINDS[data[1] % len(KINDS)]
    status = STATUSES[data[2] % len(STATUSES)]
    size = data[3] + 1
    body = data[PREFIX_BYTES:]
    for frames in FRAMINGS:
        frame(frames(), body, size)
    whole = read(name, kind, status, body, len(body))
    pieces = read(name, kind, status, body, size)
    check(whole)
    if whole != pieces:
        raise AssertionError(f"{name}: pieces of {size} bytes give another answer")


def frame(frames: framing.Framing, body: bytes, size: int) -> None:
    """Cut a body into documents; nothing may be raised here, where no guard stands around it."""
    for start in range(0, len(body), size):
        for _ in frames.feed(body[start : start + size]):
            pass
    for _ in frames.finish():
        pass


def read(name: str, kind: str, status: int, body: bytes, size: int) -> Facts:
    """Return the facts of a body that comes in pieces."""
    reading = Reading(endpoint_for(name, provider="openai"), body)
    reading.respond(status, {"content-type": kind})
    for start in range(0, len(body), size):
        reading.feed(body[start : start + size])
    facts = reading.finish()
    if reading.fault is not None:
        raise reading.fault
    return facts


def check(facts: Facts) -> None:
    """Make the event and look at its counts and its price."""
    event = EVENTS.from_facts(facts, started_at_us=AT_US)
    counts = [getattr(event, counter) for counter in COUNTERS]
    counts += [event.actual_cost_usd_nanos, event.tool_call_count, *(event.billable_units or {}).values()]
    if any(count is not None and count < 0 for count in counts):
        raise AssertionError(f"below zero: {event}")


def seeds(folder: Path) -> None:
    """Write the samples, each with the prefix that chooses its own format."""
    for sample in SAMPLES.iterdir():
        index = next((i for i, name in enumerate(NAMES) if sample.name.startswith(name)), 0)
        kind = {".sse": 1, ".ndjson": 2}.get(sample.suffix, 0)
        (folder / sample.name).write_bytes(bytes([index, kind, 0, 63]) + sample.read_bytes())


def main() -> None:
    """Fuzz until told to stop."""
    with tempfile.TemporaryDirectory() as folder:
        seeds(Path(folder))
        atheris.Setup([*sys.argv, folder], try_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
