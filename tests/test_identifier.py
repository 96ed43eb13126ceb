"""Identifiers: unique, ordered by time, in the standard shapes."""

import os
import random
import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from taximeter.identifier import new_event_id, new_span_id, new_trace_id, time_of_id_us

YEAR_3000_NS = 32_503_680_000 * 10**9


@given(st.integers(0, YEAR_3000_NS))
def test_event_ids_are_version_7_uuids_of_their_time(at_ns: int) -> None:
    """Any UUID library reads the version, the variant and the millisecond back."""
    parsed = uuid.UUID(new_event_id(at_ns))
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == at_ns // 1_000_000


@given(st.integers(0, YEAR_3000_NS), st.integers(1_000, 10**15))
def test_later_ids_sort_later(at_ns: int, gap_ns: int) -> None:
    """Ids a microsecond or more apart sort by time as plain text."""
    assert new_event_id(at_ns) < new_event_id(at_ns + gap_ns)


def test_ids_do_not_repeat_within_one_instant() -> None:
    """100,000 ids of the same nanosecond are 100,000 ids."""
    assert len({new_event_id(1) for _ in range(100_000)}) == 100_000


def test_a_host_that_seeds_its_generator_does_not_seed_ours() -> None:
    """Workers that all call random.seed(42) still draw different ids."""
    random.seed(42)
    first = new_event_id(1)
    random.seed(42)
    assert new_event_id(1) != first


def test_a_forked_child_draws_differently() -> None:
    """Parent and child continue from the same memory, but not with the same ids."""
    new_event_id(1)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, new_event_id(1).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() != new_event_id(1)


def test_trace_and_span_ids_have_the_w3c_shape() -> None:
    """32 and 16 lower-case hex digits."""
    assert re.fullmatch("[0-9a-f]{32}", new_trace_id())
    assert re.fullmatch("[0-9a-f]{16}", new_span_id())


def test_the_time_of_an_id_can_be_read_back() -> None:
    """To the millisecond; any other text has none."""
    assert time_of_id_us(new_event_id(1_700_000_000_123_456_789)) == 1_700_000_000_123_000
    for other in ("", "7", "0" * 36, "00000000-0000-4000-8000-000000000000", new_trace_id()):
        assert time_of_id_us(other) is None
