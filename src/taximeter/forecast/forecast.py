"""Forecast: what calls will consume, learned from the calls that were."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import time_ns
from typing import Any, Protocol, Self, Unpack

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.event import TaskCompletionEvent
from taximeter.forecast.calibration import CalibrationRow
from taximeter.forecast.expectation import Expectation, JobExpectation
from taximeter.forecast.experience import Experience
from taximeter.forecast.input_ratio import InputRatios
from taximeter.forecast.kind import ANY, Kind
from taximeter.forecast.question import CallFields, Question
from taximeter.forecast.rates import rates_of
from taximeter.forecast.state import State, experience_of, state_of
from taximeter.foresight import Estimate
from taximeter.pricing import Catalog
from taximeter.providers.request_size import model_of, output_limit_of, request_tokens
from taximeter.report.group import Group
from taximeter.report.window import Window, instant_us
from taximeter.store import open_store
from taximeter.vocabulary import Complexity, Operation

DAY_US = 86_400_000_000
Request = bytes | Mapping[str, Any]
CountTokens = Callable[[str | None, Request], int | None]
"""Counts the tokens of a request to a model; None where it cannot."""


class Events(Protocol):
    """What has events: a `Store`, an `EventFile`."""

    def totals(self, group_by: Sequence[str], /, *, window: Window) -> list[Group]:
        """Add up the calls by dimension."""

    def events(self, window: Window, /) -> Iterable[TaskCompletionEvent]:
        """Yield the calls that started in a window, oldest first."""


class Forecast:
    """What calls will consume, by what calls of their kind have consumed.

    It keeps the last calls of each kind, and where each lay in what was expected of it at the time, in bounded memory. It
    may be asked from any thread; one at a time may teach it.

    Args:
        catalog: Today's prices; None means the compiled table.
        count_tokens: Counts the tokens of a request, such as `Tokenizer()`; None goes by its length.

    Raises:
        ConfigurationError: An argument of another kind.
    """

    def __init__(self, *, catalog: Catalog | None = None, count_tokens: CountTokens | None = None) -> None:
        if catalog is not None and not isinstance(catalog, Catalog):
            raise ConfigurationError("catalog", catalog, "a Catalog, or None for the compiled table")
        if count_tokens is not None and not callable(count_tokens):
            raise ConfigurationError("count_tokens", count_tokens, "a function of model and request, or None")
        self._catalog = catalog or Catalog.default()
        self._count_tokens = count_tokens
        self._experience = Experience()
        self._input_ratios = InputRatios()
        self._learned_until_us: int | None = None

    @classmethod
    def from_store(
        cls,
        source: "str | os.PathLike[str] | Events",
        *,
        days: int = 90,
        most_calls: int = 20_000,
        now_us: int | None = None,
        missing_ok: bool = False,
        catalog: Catalog | None = None,
        count_tokens: CountTokens | None = None,
    ) -> Self:
        """Return what the calls in a store teach, which is read through once, oldest call first.

        Args:
            source: A file of events (SQLite, NDJSON), or an open store.
            days: How far back; what is older has nothing to say.
            most_calls: How many of the newest are enough, to a whole hour; each takes about a tenth of a millisecond.
            now_us: The present, Unix time in microseconds; None asks the clock.
            missing_ok: Whether a file that is yet to be written is an empty history and no mistake.
            catalog: As in `Forecast`.
            count_tokens: As there.

        Raises:
            ConfigurationError: There is no such file, or no such number of days.
            StoreError: The file cannot be read.
        """
        if type(days) is not int or days < 1:
            raise ConfigurationError("days", days, "a whole number of at least 1")
        if type(most_calls) is not int or most_calls < 1:
            raise ConfigurationError("most_calls", most_calls, "a whole number of at least 1")
        made = cls(catalog=catalog, count_tokens=count_tokens)
        made._learned_until_us = _now(now_us) - days * DAY_US
        made._read(source, missing_ok=missing_ok, most_calls=most_calls)
        return made

    def refresh(self, source: "str | os.PathLike[str] | Events", *, missing_ok: bool = False) -> int:
        """Learn from the calls that started after those learned from before; return how many told something.

        Args:
            source: As in `from_store`.
            missing_ok: As there.

        Raises:
            ConfigurationError: There is no such file.
            StoreError: The file cannot be read.
        """
        return self._read(source, missing_ok=missing_ok)

    def _read(
        self,
        source: "str | os.PathLike[str] | Events",
        *,
        missing_ok: bool,
        most_calls: int | None = None,
    ) -> int:
        if not isinstance(source, str | os.PathLike):
            return self._learn_from(source, most_calls)
        if missing_ok and not Path(source).exists():
            return 0
        with open_store(source) as store:
            return self._learn_from(store, most_calls)

    def _learn_from(self, source: Events, most_calls: int | None) -> int:
        window = Window(None if self._learned_until_us is None else self._learned_until_us + 1)
        if most_calls is not None:
            window = _newest(source, window, most_calls)
        return sum(map(self.learn, source.events(window)))

    def learn(self, event: TaskCompletionEvent) -> bool:
        """Learn from one finished call, and return whether it told something; events come in the order of their time."""
        self._learned_until_us = max(event.started_at_us, self._learned_until_us or event.started_at_us)
        return self._experience.learn(event, self._catalog)

    def to_json(self) -> bytes:
        """Return what was learned as one line of JSON, without prices: to hand it to another process, or keep it."""
        return msgspec.json.encode(state_of(self._experience, self._input_ratios, self._learned_until_us))

    @classmethod
    def from_json(
        cls,
        data: bytes | str,
        *,
        catalog: Catalog | None = None,
        count_tokens: CountTokens | None = None,
    ) -> Self:
        """Read back what was learned; `refresh` goes on from there.

        Args:
            data: What `to_json` returned.
            catalog: As in `Forecast`.
            count_tokens: As there.

        Raises:
            ConfigurationError: The data is none of it, or of another version.
        """
        made = cls(catalog=catalog, count_tokens=count_tokens)
        try:
            state = msgspec.json.decode(data, type=State)
            made._experience, made._input_ratios = experience_of(state), InputRatios(state.input_ratios)
        except (msgspec.DecodeError, IndexError, ValueError) as error:
            raise ConfigurationError("data", data[:40], "what Forecast.to_json returned") from error
        made._learned_until_us = state.learned_until_us
        return made

    def calibration(self) -> list[CalibrationRow]:
        """Return how often forecasts held, each made from earlier calls only, by how much history they had.

        The last row is for all of them.
        """
        return self._experience.calibration()

    def expect(self, **call: Unpack[CallFields]) -> Expectation:
        """Return what a call will probably consume.

        Args:
            **call: What is known of it, see `CallFields`; `provider` is needed for the price.

        Raises:
            TypeError: Something that cannot be said of a call.
        """
        return self._question(call).expectation()

    def expect_job(self, calls: int, **call: Unpack[CallFields]) -> JobExpectation:
        """Return what many calls of one kind will probably consume together.

        Args:
            calls: How many.
            **call: What is known of each, as in `expect`.

        Raises:
            ConfigurationError: No such number of calls.
        """
        if type(calls) is not int or calls < 1:
            raise ConfigurationError("calls", calls, "a whole number of at least 1")
        return self._question(call).job(calls)

    def estimate(
        self,
        *,
        provider: str,
        model: str | None,
        operation: str,
        task_type: str,
        complexity: str,
        agent: str | None,
        request: Request | None,
        at_us: int,
    ) -> Estimate:
        """Return the middle of what is expected of a call, for an event's `estimated_*` fields; see `Foresees`."""
        taken = None if request is None else self._measured(request, model, agent)
        seen = self._experience.seen(Kind(model, operation, task_type, complexity, agent), taken)
        if not seen.samples:
            return Estimate(taken)
        typical = seen.typical.with_input(taken)
        cost = self._catalog.cost(typical.usage, provider=provider, model=model, at_us=at_us).usd_nanos
        micros = None if cost is None else round(cost * typical.price_factor / 1000)
        return Estimate(typical.input_tokens, typical.output_tokens, micros)

    def heed_input(self, estimated: int, actual: int, *, model: str | None, agent: str | None) -> None:
        """Learn what the input of a request came to that was estimated by its length; see `HeedInput`."""
        self._input_ratios.note(estimated, actual, model, agent)

    def _measured(self, request: Request, model: str | None, agent: str | None) -> int | None:
        tokens = request_tokens(request, model)
        return (
            None
            if tokens is None
            else self._input_ratios.corrected(tokens, model or model_of(request), agent)
        )

    def _question(self, call: CallFields) -> Question:
        unknown = call.keys() - CallFields.__annotations__.keys()
        if unknown or "provider" not in call:
            raise TypeError(f"expect() got {sorted(unknown)}" if unknown else "expect() needs a provider")
        request, limit = call.get("request"), call.get("max_tokens")
        model = call.get("model") or model_of(request)
        taken, basis = self._input_of(model, call.get("agent"), call.get("input_tokens"), request)
        seen = self._experience.seen(_kind_of(model, call), taken)
        if taken is None and seen.samples:
            basis = "history"
        rates = rates_of(
            self._catalog,
            provider=call["provider"],
            model=model,
            at_us=_now(call.get("at_us")),
            input_tokens=seen.typical.input_tokens if taken is None else taken,
        )
        limit = output_limit_of(request) if limit is None else limit
        return Question(call["provider"], model, taken, basis, limit, rates, seen)

    def _input_of(
        self, model: str | None, agent: str | None, given: int | None, request: Request | None
    ) -> tuple[int | None, str]:
        """Return the input tokens as far as the call itself tells them, and how it does."""
        if given is not None:
            return given, "given"
        if request is None:
            return None, "unknown"
        if self._count_tokens is not None and (counted := self._count_tokens(model, request)) is not None:
            return counted, "tokenizer"
        measured = self._measured(request, model, agent)
        return measured, "unknown" if measured is None else "length of the request"


def _kind_of(model: str | None, call: CallFields) -> Kind:
    return Kind(
        model,
        str(call.get("operation", Operation.CHAT)),
        str(call.get("task_type", ANY)),
        str(call.get("complexity", Complexity.UNKNOWN)),
        call.get("agent", ANY),
    )


def _newest(source: Events, window: Window, most_calls: int) -> Window:
    """Return the end of a window that has so many calls, or a few more: it begins with an hour."""
    passed = 0
    for group in reversed(source.totals(["hour"], window=window)):
        passed += group.totals.calls
        (hour,) = group.key
        if passed >= most_calls and hour is not None:
            return Window(max(instant_us(datetime.fromisoformat(hour)), window.since_us or 0))
    return window


def _now(now_us: int | None) -> int:
    return time_ns() // 1000 if now_us is None else now_us
