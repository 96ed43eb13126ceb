"""Alerts: somebody is told when a budget has been spent to a part, or to the end."""

import subprocess
from collections.abc import Callable
from functools import partial
from time import monotonic

import msgspec

from taximeter.alarm import warn
from taximeter.budget.definition import Alarm
from taximeter.budget.state import BudgetState
from taximeter.budget.worker import Worker

_MOST = 100
_WEBHOOK_S = 5.0
_COMMAND_S = 10.0


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was passed: the highest, where several were at once."""

    percent: int
    state: BudgetState

    @property
    def text(self) -> str:
        """What happened, in one line, with when the limit is reached at the present rate."""
        return self.state.describe()

    def to_json(self) -> bytes:
        """Return what webhooks get as their body and commands as their input."""
        return msgspec.json.encode(
            {"threshold_percent": self.percent, "text": self.text, **self.state.as_json()}
        )


class Alerts:
    """Sends alerts in threads of its own, each within some seconds; what cannot be sent is warned of.

    Callbacks and the log are told in one of them, so that no webhook that hangs keeps them waiting.

    Args:
        on_alert: Is called with every alert; None for nobody.
    """

    def __init__(self, on_alert: Callable[[Alert], object] | None = None) -> None:
        self._on_alert = on_alert
        self._workers = Worker(self._tell, most=_MOST), Worker(self._send, most=_MOST)

    def send(self, alert: Alert) -> None:
        """Send an alert in a moment."""
        alarms = alert.state.budget.alerts
        is_told = self._on_alert is not None or "log" in alarms
        is_sent = any(alarm != "log" for alarm in alarms)
        for worker, has_work in zip(self._workers, (is_told, is_sent), strict=True):
            if has_work:
                worker.start()
                worker.put(alert)

    def close(self) -> None:
        """Wait for what is on its way, some seconds at most."""
        deadline = monotonic() + _WEBHOOK_S
        for worker in self._workers:
            worker.close(max(deadline - monotonic(), 0.0))

    def _tell(self, alert: Alert) -> None:
        if "log" in alert.state.budget.alerts:
            warn(alert.text)
        if self._on_alert is not None:
            self._attempt("callback", partial(self._on_alert, alert))

    def _send(self, alert: Alert) -> None:
        for alarm in alert.state.budget.alerts:
            if alarm == "log":
                continue
            where = alarm if isinstance(alarm, str) else alarm[0]
            self._attempt(where, partial(_raise_alarm, alarm, alert))

    def _attempt(self, where: str, deliver: Callable[[], object]) -> None:
        try:
            deliver()
        except Exception as error:  # the next one is told all the same
            warn(f"an alert could not be sent ({where.partition('?')[0]}): {type(error).__name__}")


def _raise_alarm(alarm: Alarm, alert: Alert) -> None:
    if isinstance(alarm, str):
        _post(alarm, alert.to_json())
    else:
        subprocess.run(alarm, input=alert.to_json(), timeout=_COMMAND_S, check=True, capture_output=True)  # noqa: S603 - the user's own command, and no shell


def _post(url: str, body: bytes) -> None:
    import httpx  # noqa: PLC0415 - loads when it is wanted

    headers = {"content-type": "application/json"}
    httpx.post(url, content=body, headers=headers, timeout=_WEBHOOK_S).raise_for_status()
