"""Refusal: what a sink raises to say why it did not take a batch, and what is to become of it."""

from collections.abc import Mapping


class TryLater(Exception):  # noqa: N818 - it names what is to be done, as do its neighbours
    """The sink is busy or down; the same batch is tried again.

    Args:
        detail: Shown in receipts and warnings, so it quotes no event and no credential.
        retry_after_s: How long the sink asked us to wait; None when it did not say.
    """

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class BatchRefused(Exception):  # noqa: N818 - as above
    """The sink will never take this batch as it is: it is tried again in halves, down to the event that is at fault.

    Args:
        reason: Why, in one word, such as `too_large`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class EventsRefused(Exception):  # noqa: N818 - as above
    """The sink has taken the batch but for some events, and will never take those.

    Args:
        by_index: Why, in one word, by the event's place in the batch.
    """

    def __init__(self, by_index: Mapping[int, str]) -> None:
        super().__init__(f"{len(by_index)} events refused")
        self.by_index = dict(by_index)


class PartTaken(Exception):  # noqa: N818 - as above
    """The sink has taken the first events of the batch; the others are offered again, with a time of their own.

    Args:
        count: How many events are settled.
        refused: Why, in one word, by the event's place in the batch, for those of them that it will never take.
        cause: What kept it from the next one, which is understood as if it had been raised; None for nothing.
    """

    def __init__(
        self, count: int, refused: Mapping[int, str] | None = None, cause: Exception | None = None
    ) -> None:
        super().__init__(f"{count} events taken")
        self.count = count
        self.refused = dict(refused or {})
        self.cause = cause


class AccessDenied(Exception):  # noqa: N818 - as above
    """The sink does not let us in: its batches are kept, and tried again now and then, until somebody mends the credentials.

    Its message is shown in receipts and warnings, so it quotes no credential.
    """
