"""Sending: a call on its way down, so that a layer below which is metered too does not count it again."""

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

_current: ContextVar["Sending | None"] = ContextVar("taximeter_sending", default=None)


class Sending:
    """A `with` block in which a request that is followed goes through the layers below.

    It holds for what the same task sends inside. A task that is begun there and goes on is on its own afterwards.
    """

    __slots__ = ("_token", "is_under_way")

    def __enter__(self) -> Self:
        self.is_under_way = True
        self._token: Token[Sending | None] = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_under_way = False
        _current.reset(self._token)


def is_followed_above() -> bool:
    """Whether a layer above follows the call that is being sent here."""
    sending = _current.get()
    return sending is not None and sending.is_under_way
