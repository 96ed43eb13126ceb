"""Courier: brings batches to one sink, with retries, and understands what the sink says when it does not take them."""

from collections.abc import Mapping
from contextlib import suppress
from math import inf
from pathlib import Path

import anyio
import anyio.lowlevel

from taximeter.breaker import Breaker, State
from taximeter.dead_letters import DeadLetters, letters_for
from taximeter.delivery import REFUSED, Delivery
from taximeter.errors import UnreadableEventError
from taximeter.policy import Policy
from taximeter.receipt import SinkReceipt
from taximeter.sinks.protocol import Sink
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, PartTaken, TryLater

FAILED = "sink_failed"
TIMED_OUT = "sink_timeout"
UNREADABLE = "unreadable"
UNKEPT = "_unkept"
"""The end of a reason where a refused event is not among the dead letters either."""

_LONGEST_DETAIL = 100
_LONGEST_NOTE_S = 1.0
_AFTER_FAILED_NOTE_S = 30.0
_MOST_REASONS = 30


class Courier:
    """Tries to settle one delivery after another, never faster than the sink's breaker allows.

    Args:
        sink: Where the batches go.
        name: How receipts call it.
        retry_budget_s: Time for all attempts of one batch together; waiting for access is not counted.
        is_patient: Whether a batch is offered again after its budget, so that the sink may ask for longer waits.
        dead_letters: Where refused events are kept; None keeps none.
    """

    def __init__(
        self,
        sink: Sink,
        name: str,
        *,
        retry_budget_s: float,
        is_patient: bool = False,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self.sink = sink
        self.name = name
        self.failed_attempts = 0
        """Attempts that failed; those in a row that are denied are one."""
        self.last_error: str | None = None
        # Whoever gives a batch up when its budget is over should have tried again before.
        self._breaker = (
            Breaker()
            if is_patient
            else Breaker(longest_open_wait_s=retry_budget_s / 2, longest_asked_s=retry_budget_s * 0.9)
        )
        self._retry_budget_s = retry_budget_s
        self._dead_letters = dead_letters
        self._reasons: set[str] = set()
        self._hurried: anyio.Event | None = None
        self._told: dict[str, int] = {}
        self._note_at = 0.0

    @property
    def state(self) -> State:
        """How the sink stands."""
        return self._breaker.state

    def receipt(
        self, *, delivered: int = 0, pending: int = 0, dropped: Mapping[str, int] | None = None
    ) -> SinkReceipt:
        """Return these counts with what is known of the attempts."""
        return SinkReceipt(
            delivered=delivered,
            pending=pending,
            dropped=dict(dropped or {}),
            failed_attempts=self.failed_attempts,
            last_error=self.last_error,
            breaker=self.state.value,
        )

    def hurry(self) -> None:
        """Try now, if the sink has not asked us to wait: the end is near."""
        self._breaker.hurry()
        if self._hurried is not None:
            self._hurried.set()

    async def write(self, delivery: Delivery, /) -> str | None:
        """Try until the delivery is settled (None) or the budget is used up (the reason); it can be continued then."""
        reason = None
        while not delivery.is_settled and not reason:
            if self.state is State.DENIED:
                await self._pause()
            reason = await self._write_within_budget(delivery)
        return reason

    async def note_losses(self, source: str, lost: Mapping[str, int], *, at_last: bool = False) -> None:
        """Tell the sink how many events have not come to it, if it keeps such counts; what fails is told again later.

        Args:
            source: Who has lost them.
            lost: By reason, since the source began.
            at_last: Whether to try even while the sink takes nothing.
        """
        note = getattr(self.sink, "note_losses", None)
        if note is None or lost == self._told:
            return
        now = anyio.current_time()
        if not at_last and (self.state is not State.CLOSED or now < self._note_at):
            return
        self._note_at = now + _AFTER_FAILED_NOTE_S  # or each batch would wait for a place that hangs
        with anyio.move_on_after(_LONGEST_NOTE_S), suppress(Exception):
            await note(source, lost)
            self._told = dict(lost)
            self._note_at = now

    async def _write_within_budget(self, delivery: Delivery) -> str | None:
        reason = FAILED
        with anyio.move_on_after(self._retry_budget_s):
            await self._pause()
            reason = TIMED_OUT  # unless the attempt ends in time
            while not await self._attempt(delivery):
                reason = FAILED
                await anyio.lowlevel.checkpoint()  # a sink that awaits nothing must not keep us here
                await self._pause()
                reason = TIMED_OUT
            return None
        if reason is TIMED_OUT:
            self._fail("timeout")
        return reason

    async def _pause(self) -> None:
        while wait_s := self._breaker.wait_s(anyio.current_time()):
            self._hurried = anyio.Event()
            with anyio.move_on_after(wait_s):
                await self._hurried.wait()

    async def _attempt(self, delivery: Delivery) -> bool:
        """Write the next piece; return whether there is nothing more to be done now, or not within this budget."""
        self._breaker.begin()
        has_budget_anew = False
        try:
            await self.sink.write(delivery.piece)
        except BaseException as error:  # even SystemExit out of a sink is the sink's failure, not our end
            if (
                isinstance(error, anyio.get_cancelled_exc_class())
                and anyio.current_effective_deadline() == -inf
            ):
                raise  # by us: the budget or the close; any other cancellation is the sink's own doing
            self._understand(error, delivery)
            has_budget_anew = isinstance(error, PartTaken) and error.count > 0
        else:
            delivery.take()
            self._breaker.succeed()
        return delivery.is_settled or has_budget_anew or self.state is State.DENIED

    def _understand(self, error: BaseException, delivery: Delivery) -> None:
        """Do what the sink asks for by what it raised."""
        match error:
            case EventsRefused():
                self._bury(delivery, delivery.take(error.by_index))
            case BatchRefused():
                self._bury(delivery, delivery.split(error.reason))
            case UnreadableEventError():
                self._bury(delivery, delivery.split(UNREADABLE))
            case PartTaken():
                if error.count > 0:
                    self._bury(delivery, delivery.take_first(error.count, error.refused))
                if error.cause is not None and not delivery.is_settled:
                    self._understand(error.cause, delivery)
                elif error.count <= 0:
                    self._fail(describe(error))
            case AccessDenied():
                self.failed_attempts += self.state is not State.DENIED
                self.last_error = describe(error)
                self._breaker.deny(anyio.current_time())
            case TryLater():
                self._fail(describe(error), error.retry_after_s)
            case _:
                self._fail(describe(error))

    def _fail(self, what: str, asked_s: float | None = None) -> None:
        self.failed_attempts += 1
        self.last_error = what
        self._breaker.fail(anyio.current_time(), asked_s)

    def _bury(self, delivery: Delivery, refused: dict[int, str]) -> None:
        """Keep the refused events among the dead letters; the reason says so where that is not possible."""
        self._breaker.succeed()
        refused = {place: self._known(reason) for place, reason in refused.items()}
        delivery.refused |= refused
        if self._dead_letters is not None and refused:
            kept = self._dead_letters.keep(letters_for(self.name, refused, delivery.batch.lines))
            delivery.refused |= {place: reason + UNKEPT for place, reason in [*refused.items()][kept:]}

    def _known(self, reason: str) -> str:
        """Return the reason, or a general one when there are too many to count apart."""
        if len(self._reasons) < _MOST_REASONS:
            self._reasons.add(reason)
        return reason if reason in self._reasons else REFUSED


def couriers_to(
    sinks: Mapping[str, Sink], policy: Policy, *, is_patient: bool, dead_letters: Path | None
) -> list[Courier]:
    """Return a courier for each sink; *dead_letters* is the file that they share, None keeps none."""
    kept = None if dead_letters is None else DeadLetters(dead_letters, policy.dead_letters_max_bytes)
    return [
        Courier(sink, name, retry_budget_s=policy.retry_budget_s, is_patient=is_patient, dead_letters=kept)
        for name, sink in sinks.items()
    ]


def describe(error: BaseException) -> str:
    """Name the error by its kind and the system's own words; its message could quote an event or a credential."""
    kind = type(error).__name__
    if isinstance(error, TryLater | AccessDenied):  # what a sink says through these is meant to be shown
        detail: str | None = "".join(filter(str.isprintable, str(error)))[:_LONGEST_DETAIL]
    elif isinstance(error, OSError):
        detail = error.strerror
    else:
        detail = getattr(error, "sqlite_errorname", None)
    return f"{kind}: {detail}" if detail else kind
