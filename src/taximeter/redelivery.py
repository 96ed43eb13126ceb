"""Redelivery: sends dead letters again, once whatever made a sink refuse them has been mended."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import anyio
import msgspec

from taximeter.courier import Courier, couriers_to
from taximeter.dead_letters import CLAIMED_SUFFIX, DeadLetter, letters_for, put_back, read_letters
from taximeter.delivery import Delivery
from taximeter.policy import Policy
from taximeter.sinks.batch import batch_of
from taximeter.sinks.protocol import Sink


class Redelivery(msgspec.Struct):
    """What became of the letters; what was not sent is in the file again."""

    sent: Counter[str] = msgspec.field(default_factory=Counter)
    """By sink."""
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """Refused once more, by reason."""
    waiting: Counter[str] = msgspec.field(default_factory=Counter)
    """For sinks that were not named or that could not be reached, by sink."""
    unreadable: int = 0
    """Lines that are no letters."""


async def redeliver(path: Path, sinks: Mapping[str, Sink], policy: Policy) -> Redelivery:
    """Send the letters of a file to those of the sinks that refused them.

    The file is moved aside first, so that a process may go on adding letters; should this one be killed, the next call
    begins again with all of them, which adds nothing to what a sink has.

    Args:
        path: The file of dead letters.
        sinks: By the names that receipts use.
        policy: The bounds.

    Raises:
        OSError: The file is not there or cannot be moved, or what is left could not be written back; then nothing is lost.
    """
    claimed = _claimed(path)
    couriers = couriers_to(sinks, policy, is_patient=False, dead_letters=None)
    result, seen = Redelivery(), 0
    # A process that had the file open when it was moved may have added to it since.
    while found := [*read_letters(claimed)][seen:]:
        seen += len(found)
        left = await _send(found, {courier.name: courier for courier in couriers}, policy, result)
        put_back(path, left)
    claimed.unlink()
    return result


def _claimed(path: Path) -> Path:
    """Move the file aside, unless an earlier call has and did not come to its end."""
    claimed = path.with_name(path.name + CLAIMED_SUFFIX)
    if not claimed.exists():
        path.rename(claimed)
    return claimed


async def _send(
    found: list[DeadLetter | bytes], couriers: Mapping[str, Courier], policy: Policy, result: Redelivery
) -> list[DeadLetter | bytes]:
    """Send what can be sent, count it, and return what is left."""
    left: list[DeadLetter | bytes] = [each for each in found if isinstance(each, bytes)]
    result.unreadable += len(left)
    letters = [each for each in found if isinstance(each, DeadLetter)]
    for sink in dict.fromkeys(letter.sink for letter in letters):
        # After a crash a letter may be there twice.
        mine = [*{bytes(letter.event): letter for letter in letters if letter.sink == sink}.values()]
        while mine and sink in couriers:
            batch, mine = mine[: policy.batch_max_events], mine[policy.batch_max_events :]
            unsent, again = await _send_batch(batch, couriers[sink], policy.retry_budget_s)
            result.sent[sink] += len(batch) - len(unsent) - len(again)
            result.refused.update(letter.reason for letter in again)
            left += again
            if unsent:
                mine = unsent + mine
                break
        result.waiting[sink] += len(mine)
        left += mine
    return left


async def _send_batch(
    letters: list[DeadLetter], courier: Courier, timeout_s: float
) -> tuple[list[DeadLetter], list[DeadLetter]]:
    """Return the letters that could not be sent, and those that were refused again, with the new reason."""
    lines = [bytes(letter.event) for letter in letters]
    delivery = Delivery(batch_of(lines))
    with anyio.move_on_after(timeout_s):  # where access is denied a courier has all the time of the world
        await courier.write(delivery)
    return [letters[place] for place in delivery.left], letters_for(courier.name, delivery.refused, lines)
