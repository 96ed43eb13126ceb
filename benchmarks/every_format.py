"""How long from the bytes of an answer to the tracked event, in each wire format?

The samples of `tests/fixtures/wire`, small answers as the providers document them, one whole and one streamed for each format
that has both: read, priced, given a scope and tracked into a sink that keeps nothing. The floor decodes each document of
the same body into builtins, its framing taken off beforehand. The samples are small, so what comes once a call weighs most;
`response_to_event.py` has bodies of 2 kB. Every event is checked before anything is timed.
"""

import platform
import statistics
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from measure import Nowhere, interleaved, ratio, tell

sys.path.append(str(Path(__file__).parent.parent / "tests"))

import taximeter
from taximeter.event import TaskCompletionEvent
from taximeter.framing import choose_framing
from taximeter.providers import Reading, endpoint_for
from taximeter.providers.directory import FORMATS
from taximeter.tracker import Tracker, start
from wire_samples import SAMPLES, Sample, documents

ROUNDS = 15
WITHOUT_USAGE = {"openai.assistants_runs.json", "anthropic.complete.json"}


def chosen() -> dict[str, Sample]:
    """Return the first answered sample of each format and way of sending."""
    found: dict[str, Sample] = {}
    for sample in SAMPLES:
        if sample.status == 200 and ".error" not in sample.name and ".throttled" not in sample.name:
            way = "" if sample.headers.get("content-type") == "application/json" else "_streamed"
            found.setdefault(f"{sample.wire_format.replace('.', '_')}{way}", sample)
    return found


def builtins_of(sample: Sample) -> Callable[[], object]:
    """Return what decodes the documents of a body."""
    default = FORMATS[sample.wire_format].answer.framing
    framing = choose_framing(sample.body[:64], sample.headers.get("content-type", ""), default)
    parts = []
    for _, document in documents(framing, [sample.body]):
        with suppress(msgspec.DecodeError):  # an end mark
            msgspec.json.decode(document)
            parts.append(document)
    assert parts, sample.name
    return lambda: [msgspec.json.decode(part) for part in parts]


def builder_of(tracker: Tracker, sample: Sample) -> Callable[[], TaskCompletionEvent]:
    """Return what reads a body and builds its event."""
    endpoint = endpoint_for(sample.wire_format, provider=sample.provider, model="m")
    body, headers, events = sample.body, sample.headers, tracker.events

    def event() -> TaskCompletionEvent:
        reading = Reading(endpoint, None)
        reading.respond(200, headers)
        reading.feed(body)
        return events.from_facts(reading.finish(), task_duration_ms=812.5)

    return event


def main() -> None:
    """Answer the question."""
    print(
        f"Python {platform.python_version()}, medians of {ROUNDS} interleaved rounds, bytes to tracked event"
    )
    figures: dict[str, float] = {}
    with start(Nowhere(), max_events=10_000_000) as tracker, taximeter.scope(agent="dispatcher", user="u-17"):
        for name, sample in chosen().items():
            build = builder_of(tracker, sample)
            event = build()
            assert (event.wire_format, event.agent) == (sample.wire_format, "dispatcher"), sample.name
            assert (event.usage_status == "reported") != (sample.name in WITHOUT_USAGE), sample.name
            floor, ours = interleaved(
                builtins_of(sample),
                lambda build=build: tracker.track_task_completion(build()),  # type: ignore[misc]  # bound now
                rounds=ROUNDS,
            )
            figures |= {f"{name}_us": statistics.median(ours) / 1e3, f"{name}_x": ratio(ours, floor)}
            print(
                f"  {name:32} {len(sample.body):5} bytes  decode {statistics.median(floor) / 1e3:6.2f} us"
                f"  to tracked event {figures[f'{name}_us']:6.2f} us  {figures[f'{name}_x']:5.2f} x"
            )
    tell(figures)


if __name__ == "__main__":
    main()
