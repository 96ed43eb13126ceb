"""Whatever a sink answers, in whatever order: every event is in exactly one count, and only the poison is refused."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from journal_samples import line, lines, writer_in
from taximeter.courier import Courier
from taximeter.dead_letters import DeadLetter, DeadLetters, read_letters
from taximeter.journal.carrier import Carrier, Load
from taximeter.journal.folder import Folder
from taximeter.journal.ledger import read_ledger
from taximeter.lane import Lane
from taximeter.sinks.batch import Batch, batch_of
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, TryLater

ANSWERS = ["take", "fail", "later", "hang", "deny", "refuse", "refuse some", "take and fail", "kill"]


class ScriptedSink:
    """Answers by the script, and then truthfully: it has no place for poison, and takes all else once."""

    name = "scripted"

    def __init__(self, script: list[str], poison: set[bytes]) -> None:
        self.script = script
        self.poison = poison
        self.store: list[bytes] = []
        self.life: anyio.CancelScope

    async def write(self, batch: Batch) -> None:
        """Give the next answer."""
        answer = self.script.pop(0) if self.script else "refuse"
        if answer == "fail":
            raise OSError(5, "Input/output error")
        if answer == "later":
            raise TryLater(retry_after_s=3)
        if answer == "deny":
            raise AccessDenied
        if answer == "kill":
            self.life.cancel()
        if answer in {"hang", "kill"}:
            await anyio.sleep_forever()
        self._take(batch, whole=answer == "refuse")
        if answer == "take and fail":
            raise OSError(104, "Connection reset by peer")
        if refused := {n: "poison" for n, each in enumerate(batch.lines) if each in self.poison}:
            raise EventsRefused(refused)

    def _take(self, batch: Batch, *, whole: bool) -> None:
        if whole and self.poison & set(batch.lines):
            raise BatchRefused("poison")
        known = {*self.store, *self.poison}
        self.store += [each for each in batch.lines if each not in known]

    async def aclose(self) -> None:
        """Do nothing."""


def letters_in(path: Path) -> Iterator[bytes]:
    if path.exists():
        for letter in read_letters(path):
            assert isinstance(letter, DeadLetter)
            yield bytes(letter.event)


def run(main: object) -> None:
    """Run on a clock that jumps to the next deadline whenever everybody waits."""
    clock = MockClock(autojump_threshold=0)
    anyio.run(main, backend="trio", backend_options={"clock": clock})  # type: ignore[arg-type]  # a coroutine function


scripts = st.lists(st.sampled_from(ANSWERS), max_size=30)
poisons = st.sets(st.integers(0, 39)).map(lambda numbers: {line(n) for n in numbers})
COUNT = 40


@settings(max_examples=60, deadline=None)
@given(scripts, poisons, st.integers(1, 20))
def test_a_lane_conserves_events(script: list[str], poison: set[bytes], batch_size: int) -> None:
    """In memory: delivered, refused or given up; what is refused is the poison, once, and the order holds."""
    with tempfile.TemporaryDirectory() as root:
        letters = DeadLetters(Path(root, "dead.ndjson"), 1 << 20)
        sink = ScriptedSink([answer for answer in script if answer != "kill"], poison)
        courier = Courier(sink, sink.name, retry_budget_s=30, dead_letters=letters)
        lane = Lane(courier, max_bytes=1 << 20, max_events=1000, ledger=threading.RLock())
        for start in range(0, COUNT, batch_size):
            lane.offer(batch_of(lines(min(batch_size, COUNT - start), start)))
        lane.finish()

        async def main() -> None:
            await lane.run(lambda: None)

        run(main)
        receipt, dead = lane.receipt(0), [*letters_in(letters.path)]
    assert receipt.delivered + sum(receipt.dropped.values()) == COUNT
    assert (receipt.pending, lane.held_bytes) == (0, 0)
    assert sink.store == sorted(sink.store, key=lines(COUNT).index)
    assert len(dead) == len(set(dead)) == receipt.dropped.get("poison", 0)
    assert set(dead) <= poison
    assert receipt.delivered <= len(sink.store)
    if set(receipt.dropped) <= {"poison"}:  # nothing was given up
        assert sink.store == [each for each in lines(COUNT) if each not in poison]
        assert set(dead) == poison


@settings(max_examples=25, deadline=None)
@given(scripts, poisons, st.integers(1, 20))
def test_a_journal_loses_nothing(script: list[str], poison: set[bytes], batch_size: int) -> None:
    """Whatever is answered and however often the carrier is killed, all but the poison arrives and the ledger is exact."""
    root = Path(tempfile.mkdtemp())
    folder = Folder(root / "journal")
    try:
        writer = writer_in(folder, segment_bytes=500)
        for n in range(COUNT):
            writer.append([line(n)])
        writer.close()
        sink = ScriptedSink(script, poison)
        letters = DeadLetters(folder.path / "dead-letters.ndjson", 1 << 20)
        while True:
            run(lambda: carry(folder, sink, letters, batch_size))
            ledger = read_ledger(folder, [sink.name])[sink.name]
            assert ledger.tracked == ledger.delivered + ledger.pending + sum(ledger.dropped.values()) == COUNT
            if not ledger.pending:
                break
        assert sorted(sink.store) == sorted(each for each in lines(COUNT) if each not in poison)
        assert sink.store == sorted(sink.store, key=lines(COUNT).index)
        assert ledger.dropped == ({"poison": len(poison)} if poison else {})
        assert set(letters_in(letters.path)) == poison
    finally:
        folder.close()
        shutil.rmtree(root)


async def carry(folder: Folder, sink: ScriptedSink, letters: DeadLetters, batch_size: int) -> None:
    """Carry until all is delivered or the carrier is killed."""
    courier = Courier(sink, sink.name, retry_budget_s=30, is_patient=True, dead_letters=letters)
    load = Load(batch_max_events=batch_size, batch_max_age_s=0.0)
    carrier = Carrier(folder, [courier], load, ledger=threading.RLock())
    carrier.finish()
    with anyio.CancelScope() as sink.life:
        await carrier.run()
