"""The journal against a list: whatever is done to it, the same events come out, and what does not is counted."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journal_samples import ListWay, carry_all, event_offsets, line, segment_paths, writer_in
from taximeter.journal.folder import Folder
from taximeter.journal.ledger import read_ledger
from taximeter.journal.recovery import recover
from taximeter.journal.segment import SegmentName, segments_of
from taximeter.journal.writer import Writer


class Journal(RuleBasedStateMachine):
    """Two writers, two sinks, one folder; the model is a set of numbers for each sink."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folder = Folder(self.root / "journal")
        self.writers = [self._writer(), self._writer()]
        self.next = 0
        self.written: set[int] = set()
        self.damaged: dict[str, set[int]] = {"a": set(), "b": set()}
        self.ways = {name: ListWay(name) for name in ("a", "b")}
        for way in self.ways.values():  # their cursors begin now
            carry_all(self.folder, way)
        self.writers[0].append([self._new()])
        self.deliver("a")
        self.deliver("b")

    def _writer(self) -> Writer:
        return writer_in(self.folder, segment_bytes=1000)

    def _new(self) -> bytes:
        self.next += 1
        self.written.add(self.next)
        return line(self.next)

    def got(self, sink: str) -> set[int]:
        """The numbers that came to a sink."""
        return {int(each.split(b":")[1].split(b",")[0]) for each in self.ways[sink].lines}

    @rule(writer=st.integers(0, 1), count=st.integers(1, 12))
    def emit(self, writer: int, count: int) -> None:
        """Write some events at once."""
        self.writers[writer].append([self._new() for _ in range(count)])

    @rule(writer=st.integers(0, 1), refused=st.integers(0, 5))
    def refuse(self, writer: int, refused: int) -> None:
        """Tell of losses, the newest count in the place of the last."""
        self.writers[writer].note_losses({"queue_full": refused})

    @rule(writer=st.integers(0, 1), torn=st.integers(0, 15))
    def kill(self, writer: int, torn: int) -> None:
        """The kernel takes the lock; a write may have been torn, of an event nobody was told is written."""
        self.writers[writer].forget()
        name = self.writers[writer].name
        mine = [path for path in segment_paths(self.folder.path) if path.name.startswith(name)]
        if mine and torn:
            with mine[-1].open("ab") as file:
                file.write(b"\xffTX\x01\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"[:torn])
        self.writers[writer] = self._writer()

    @rule(sink=st.sampled_from("ab"))
    def deliver(self, sink: str) -> None:
        """Carry to one sink."""
        carry_all(self.folder, self.ways[sink])

    @rule()
    def deliver_everywhere(self) -> None:
        """Carry to both."""
        carry_all(self.folder, *self.ways.values())

    @rule()
    def recover_in_between(self) -> None:
        """Mend what can be mended."""
        recover(self.folder)

    @precondition(lambda self: self.pending_segments())
    @rule(data=st.data())
    def corrupt(self, data: st.DataObject) -> None:
        """One event that is not the last its writer will ever tell of."""
        path = data.draw(st.sampled_from(self.pending_segments()))
        content = bytearray(path.read_bytes())
        offsets = event_offsets(bytes(content))[:-1]
        if not offsets:
            return
        start, end = data.draw(st.sampled_from(offsets))
        number = int(bytes(content[start:end]).split(b'"n":')[1].split(b",")[0])
        content[data.draw(st.integers(start, end - 1))] ^= 1 << data.draw(st.integers(0, 7))
        with path.open("r+b") as file:
            file.write(content)
        for sink, damaged in self.damaged.items():
            if number not in self.got(sink):
                damaged.add(number)

    def pending_segments(self) -> list[Path]:
        """The segments that another one follows."""
        names = [
            SegmentName(writer, number)
            for writer, numbers in segments_of(self.folder).items()
            for number in numbers[:-1]
        ]
        return [self.folder.path / str(name) for name in names]

    @invariant()
    def the_ledger_is_conserved(self) -> None:
        """Every event is in exactly one count, and the counts are the model's."""
        for sink, ledger in read_ledger(self.folder).items():
            assert ledger.is_conserved
            refused = ledger.dropped.get("queue_full", 0)
            assert ledger.tracked == len(self.written) + refused
            assert ledger.delivered == len(self.got(sink))
            assert ledger.dropped.get("journal_damaged", 0) == len(self.damaged[sink])

    def teardown(self) -> None:
        """Deliver all, and compare with the list."""
        carry_all(self.folder, *self.ways.values())
        for sink, way in self.ways.items():
            assert len(way.lines) == len(set(way.lines)), "duplicates without a crash"
            assert set(way.lines) <= {line(n) for n in self.written}, "altered or invented"
            assert self.got(sink) == self.written - self.damaged[sink]
        for writer in self.writers:
            writer.forget()
        self.folder.close()
        shutil.rmtree(self.root)


TestJournal = Journal.TestCase
TestJournal.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, phases=[Phase.reuse, Phase.generate]
)
