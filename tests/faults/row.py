"""Row: one line of the table of faults, and how the table is printed."""

from typing import Any

import msgspec

COLUMNS = (
    "fault",
    "rounds",
    "tracked",
    "delivered",
    "lost",
    "duplicates",
    "invented",
    "altered",
    "conserved",
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one fault."""

    fault: str
    rounds: int
    tracked: int
    """Events whose `track_task_completion` had returned True."""
    delivered: int
    lost: int
    """At the level that the row promises."""
    duplicates: int
    invented: int
    altered: int
    is_conserved: bool
    guard: str = ""
    """What would be missed if it were taken away."""
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.duplicates or self.invented or self.altered) and self.is_conserved


def print_table(rows: list[Row]) -> None:
    """Print the rows, and below them which guard each fault would miss."""
    lines: list[tuple[Any, ...]] = [COLUMNS]
    for row in rows:
        fault, *counts, conserved, _guard, _note = msgspec.structs.astuple(row)
        lines.append((fault, *(f"{count:,}" for count in counts), "exact" if conserved else "BROKEN"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line, note in zip(lines, ["", *(row.note for row in rows)], strict=True):
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        print("  ".join([*cells, note]).rstrip())
    print()
    for row in rows:
        print(f"{row.fault.ljust(widths[0])}  without {row.guard} it would not hold")
