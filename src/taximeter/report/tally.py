"""Tally: totals per provider and model, kept while calls come in and small enough to hand to another process."""

from collections.abc import Iterator
from typing import Self

import msgspec

from taximeter.event import Event, TaskCompletionEvent
from taximeter.report.totals import Totals


class TallyRow(Totals, kw_only=True):
    """The totals of one model of one provider; a model of None means that nobody named one."""

    provider: str
    model: str | None = None


class Tally(msgspec.Struct):
    """What was consumed so far, by provider and model. Not locked: one thread adds, or the caller takes turns."""

    rows: list[TallyRow] = []

    def add(self, event: Event) -> None:
        """Count one finished call in; events of other kinds are no calls and pass."""
        if isinstance(event, TaskCompletionEvent):
            self._row(event.provider, event.requested_model if event.model is None else event.model).add(
                event
            )

    def merge(self, other: "Tally") -> None:
        """Count in what another process or thread has tallied."""
        for row in other.rows:
            self._row(row.provider, row.model).merge(row)

    def _row(self, provider: str, model: str | None) -> TallyRow:
        for (
            row
        ) in self.rows:  # a program calls a handful of models: a list is quick and goes into JSON as it is
            if row.model == model and row.provider == provider:
                return row
        row = TallyRow(provider=provider, model=model)
        self.rows.append(row)
        return row

    def __iter__(self) -> Iterator[TallyRow]:
        return iter(
            sorted(
                self.rows, key=lambda row: (-row.cost_usd_nanos, -row.calls, row.provider, row.model or "")
            )
        )

    @property
    def total(self) -> Totals:
        """All rows together."""
        total = Totals()
        for row in self.rows:
            total.merge(row)
        return total

    def to_json(self) -> bytes:
        """Return the tally as one line of JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a tally back.

        Raises:
            msgspec.DecodeError: The data is no tally.
        """
        return msgspec.json.decode(data, type=cls)
