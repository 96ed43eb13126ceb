"""A batch as the body of a request."""

import gzip
import json
import sys
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sink_doubles import batch, numbered, run_program
from taximeter.event import TaskCompletionEvent, encode_event
from taximeter.sinks.batch import batch_of
from taximeter.sinks.envelope import envelope_of


@pytest.mark.anyio
async def test_small_bodies_go_as_they_are_and_large_ones_packed() -> None:
    """Both hold the same document."""
    events = batch(*numbered(3))
    plain = await envelope_of(events, sys.maxsize)
    packed = await envelope_of(events, 0)
    assert (plain.is_gzip, packed.is_gzip) == (False, True)
    assert gzip.decompress(packed.body) == plain.body
    assert plain.key == packed.key
    assert [event["model"] for event in json.loads(plain.body)["events"]] == ["m0", "m1", "m2"]


@pytest.mark.anyio
async def test_the_same_events_are_the_same_bytes(tmp_path: Path) -> None:
    """In another process and at another time too, so that a repeated request is the same request."""
    event = TaskCompletionEvent(event_id="e", started_at_us=1, model="m", tags={"k": "x" * 2000})
    code = (
        "import anyio\n"
        "from taximeter.sinks.batch import batch_of\n"
        "from taximeter.sinks.envelope import envelope_of\n"
        f"envelope = anyio.run(envelope_of, batch_of([{encode_event(event)!r}]), 1)\n"
        "print(envelope.key, envelope.body.hex())\n"
    )
    here = await envelope_of(batch(event), 1)
    there = await anyio.to_thread.run_sync(run_program, code, tmp_path)
    assert there.split() == [here.key, here.body.hex()]


@pytest.mark.anyio
async def test_other_events_or_another_order_have_another_key() -> None:
    """A server that remembers keys must not mistake one batch for another."""
    one, two = map(encode_event, numbered(2))
    batches = [[one], [two], [one, two], [two, one], []]
    assert len({(await envelope_of(batch_of(lines), 1)).key for lines in batches}) == len(batches)


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())), st.sampled_from([0, 10**9])
)
def test_what_goes_in_comes_out(events: list[dict[str, object]], gzip_min_bytes: int) -> None:
    """Lines are joined as they are; nothing is encoded again."""
    lines = [json.dumps(event).encode() for event in events]
    envelope = anyio.run(envelope_of, batch_of(lines), gzip_min_bytes)
    body = gzip.decompress(envelope.body) if envelope.is_gzip else envelope.body
    assert json.loads(body) == {"events": events}
    assert all(line in body for line in lines)
