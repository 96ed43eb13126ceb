"""Dead letters are sent again to the sink that refused them, and what is not taken is kept."""
# ruff: noqa: ASYNC240 - a test looks at its files while nothing else runs on its loop

from pathlib import Path

import pytest

from sink_doubles import FailingSink, ListSink, RefusingSink, numbered
from taximeter.dead_letters import CLAIMED_SUFFIX, DeadLetter, DeadLetters, letters_for, read_letters
from taximeter.event import encode_event
from taximeter.policy import Policy
from taximeter.redelivery import redeliver
from taximeter.sinks.refusal import AccessDenied

pytestmark = pytest.mark.anyio

QUICK = Policy(retry_budget_s=0.05, batch_max_events=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Five letters of a sink named list and one of another."""
    lines = [encode_event(event) for event in numbered(6)]
    kept = DeadLetters(tmp_path / "dead.ndjson", 1 << 20)
    kept.keep(letters_for("list", dict.fromkeys(range(5), "invalid"), lines))
    kept.keep(letters_for("other", {5: "invalid"}, lines))
    return kept.path


def left_in(path: Path) -> list[tuple[str, str]]:
    return [(each.sink, each.reason) for each in read_letters(path) if isinstance(each, DeadLetter)]


async def test_each_sink_gets_its_own(path: Path) -> None:
    """In order; those of sinks that are not named stay."""
    sink = ListSink()
    result = await redeliver(path, {"list": sink}, QUICK)
    assert sink.models == ["m0", "m1", "m2", "m3", "m4"]
    assert (result.sent, +result.waiting) == ({"list": 5}, {"other": 1})
    assert left_in(path) == [("other", "invalid")]


async def test_nothing_left_is_no_file(path: Path) -> None:
    """Neither under its name nor aside."""
    await redeliver(path, {"list": ListSink(), "other": ListSink()}, QUICK)
    assert list(path.parent.iterdir()) == []


async def test_what_is_refused_again_stays_with_its_new_reason(path: Path) -> None:
    """The cause may have been mended only in part."""
    sink = RefusingSink({"m3": "still_wrong"})
    result = await redeliver(path, {"list": sink}, QUICK)
    assert (result.sent, result.refused) == ({"list": 4}, {"still_wrong": 1})
    assert left_in(path) == [("list", "still_wrong"), ("other", "invalid")]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), AccessDenied("401")], ids=repr)
async def test_a_sink_that_is_down_loses_nothing(path: Path, error: Exception) -> None:
    """It is not tried for longer than one budget, and everything is there the next time."""
    result = await redeliver(path, {"list": FailingSink(error=error)}, QUICK)
    assert (+result.sent, result.waiting) == ({}, {"list": 5, "other": 1})
    assert len(left_in(path)) == 6


async def test_a_call_that_was_killed_is_begun_again(path: Path) -> None:
    """What it had moved aside is sent first; what has come since waits for the next call."""
    path.rename(path.with_name(path.name + CLAIMED_SUFFIX))
    DeadLetters(path, 1 << 20).keep(letters_for("list", {0: "new"}, [encode_event(numbered(1)[0])]))
    sink = ListSink()
    assert (await redeliver(path, {"list": sink}, QUICK)).sent == {"list": 5}
    assert left_in(path) == [("list", "new"), ("other", "invalid")]


async def test_letters_that_come_meanwhile_are_not_lost(path: Path) -> None:
    """Those of a process that had the file open when it was moved, and those in a new file."""
    claimed = path.with_name(path.name + CLAIMED_SUFFIX)
    late = letters_for("list", {0: "late"}, [encode_event(numbered(9)[8])])

    class Busy(ListSink):
        async def write(self, batch: object) -> None:
            await super().write(batch)  # type: ignore[arg-type]  # it is one
            if len(self.batches) == 1:
                DeadLetters(claimed, 1 << 20).keep(late)
                DeadLetters(path, 1 << 20).keep(letters_for("list", {0: "new"}, [b"{}"]))

    sink = Busy()
    assert (await redeliver(path, {"list": sink}, QUICK)).sent == {"list": 6}
    assert sink.models[-1] == "m8"
    assert left_in(path) == [("list", "new"), ("other", "invalid")]


async def test_a_letter_that_stands_there_twice_is_sent_once(path: Path) -> None:
    """After a crash an event may have been refused twice."""
    path.write_bytes(path.read_bytes() * 2)
    sink = ListSink()
    assert (await redeliver(path, {"list": sink}, QUICK)).sent == {"list": 5}
    assert len(sink.models) == 5


async def test_lines_that_are_no_letters_stay(path: Path) -> None:
    """They are counted, and nothing unknown is deleted."""
    path.write_bytes(b"what is this\n" + path.read_bytes())
    result = await redeliver(path, {"list": ListSink(), "other": ListSink()}, QUICK)
    assert result.unreadable == 1
    assert path.read_bytes() == b"what is this\n"
