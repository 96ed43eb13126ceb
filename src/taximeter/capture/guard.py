"""Guard: keeps what goes wrong in metering away from the application."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class GivesUp(Protocol):
    """What follows a call, and can let go of it."""

    def give_up(self) -> None:
        """Follow the call no longer, and count it as lost."""


G = TypeVar("G", bound=GivesUp)
P = ParamSpec("P")


def guarded(method: Callable[Concatenate[G, P], None]) -> Callable[Concatenate[G, P], None]:
    """Let nothing out of *method*; where something goes wrong the call is given up instead."""

    @wraps(method)
    def guard(self: G, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:  # a guest's mistake is not the host's problem
            self.give_up()

    return guard
