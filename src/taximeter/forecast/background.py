"""Background: a forecast that learns from a store by itself, while calls go on."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Unpack

from taximeter.alarm import warn
from taximeter.errors import TaximeterError
from taximeter.forecast.forecast import Forecast
from taximeter.foresight import Estimate, UpcomingCall
from taximeter.unforked import Unforked

REFRESH_S = 3600.0
MOST_CALLS = 5_000
"""Enough for what is asked most; the rest of the store would take the program's time."""


class BackgroundForecast:
    """What a store teaches, read with the first question and refreshed every hour, in a thread of its own.

    It may be asked from any thread. Until the store has been read it knows nothing, and nobody waits for it.

    Args:
        store: The file of events; one that is yet to be written is no mistake.
        refresh_s: After how many seconds it looks for new calls.
        clock: Returns seconds that only go forward.
    """

    def __init__(
        self, store: Path, *, refresh_s: float = REFRESH_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._refresh_s = refresh_s
        self._clock = clock
        self._forecast: Forecast | None = None
        self._turn = Unforked()
        self._due_s = 0.0
        self._pid = 0
        self._thread: threading.Thread | None = None

    def estimate(self, **call: Unpack[UpcomingCall]) -> Estimate:
        """Return what is expected of a call, nothing while the store has not been read; see `Foresees`."""
        if self._pid != os.getpid() or self._clock() >= self._due_s:
            self._begin()
        if self._forecast is None:
            return Estimate()
        return self._forecast.estimate(**call)

    def heed_input(self, estimated: int, actual: int, *, model: str | None, agent: str | None) -> None:
        """Learn what the input of a request came to; see `HeedInput`."""
        if self._forecast is not None:
            self._forecast.heed_input(estimated, actual, model=model, agent=agent)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until what is being read has been read, and return whether it has.

        Args:
            timeout_s: For how long at most; None means as long as it takes.
        """
        thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(timeout_s)
        return self._forecast is not None

    def _begin(self) -> None:
        """Start to learn; in a forked child too, where the parent's thread is not."""
        is_busy = self._thread is not None and self._thread.is_alive() and self._pid == os.getpid()
        self._pid, self._due_s = os.getpid(), self._clock() + self._refresh_s
        if not is_busy:
            self._thread = threading.Thread(target=self._learn, name="taximeter-forecast", daemon=True)
            with suppress(RuntimeError):  # the interpreter is ending
                self._thread.start()

    def _learn(self) -> None:
        try:
            with self._turn:
                if self._forecast is None:
                    self._forecast = Forecast.from_store(self._store, most_calls=MOST_CALLS, missing_ok=True)
                else:
                    self._forecast.refresh(self._store, missing_ok=True)
        except (TaximeterError, OSError) as error:
            warn(f"a forecast cannot be made from the store: {error}")
