"""Tracker: queue, flusher and sinks put together, and their life: start, flush, close, fork, exit."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack
from weakref import WeakMethod, WeakSet, ref

import anyio
import anyio.to_thread

from taximeter.dead_letters import file_for
from taximeter.declaration import declared_hosts
from taximeter.ending import GRACE_S, Ending
from taximeter.errors import ConfigurationError
from taximeter.event import Event
from taximeter.flusher import Flusher
from taximeter.fork import fork_mark
from taximeter.journal.options import JournalOptions, journal_options
from taximeter.policy import Limits, Policy, policy_from
from taximeter.privacy import CONTENT_LIMIT, METADATA_ONLY, Privacy, Redact, privacy_from
from taximeter.queue import Queue
from taximeter.receipt import Receipt
from taximeter.scrubber import Scrubber, scrubber_for
from taximeter.sinks.protocol import Sink
from taximeter.sinks.table import name_sinks, sink_for

if TYPE_CHECKING:
    from taximeter.budget import Budget, Budgets
    from taximeter.budget.gate import Gate
    from taximeter.builder import EventBuilder
    from taximeter.calls import call
    from taximeter.foresight import Foresees
    from taximeter.health import Health
    from taximeter.inference import Infer
    from taximeter.journal.ledger import SinkLedger
    from taximeter.pricing import Catalog

ClientT = TypeVar("ClientT")
StreamT = TypeVar("StreamT")
Listen = Callable[[Event], object]
"""Hears of events as they are tracked."""

DEFAULT_SINK = "usage.db"
CLOSED = "closed"

# The flusher needs a moment after its deadline to count what it gives up and to close the sinks.
_LONGEST_REASON = 100
_scrubber = Scrubber()


def start(
    *sinks: "str | os.PathLike[str] | Sink",
    catalog: "Catalog | None" = None,
    infer: "Infer | None" = None,
    service: str | None = None,
    forecast: "Foresees | bool | None" = None,
    hosts: Mapping[str, str] | None = None,
    journal: "str | os.PathLike[str] | None" = None,
    sync: str = "journaled",
    write_through: bool = False,
    carry: bool = True,
    dead_letters: "str | os.PathLike[str] | None" = None,
    scrub: "bool | Sequence[str]" = True,
    prices: "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None" = None,
    privacy: str = "metadata",
    redact: "Redact | str | None" = None,
    content_limit: int = CONTENT_LIMIT,
    budgets: "Budgets | Sequence[Budget | Mapping[str, Any]] | None" = None,
    budget_file: "str | os.PathLike[str] | None" = None,
    **limits: Unpack[Limits],
) -> "Tracker":
    """Return a tracker that delivers to these sinks. Nothing is opened and no thread runs before the first event.

    Args:
        sinks: Paths (`usage.db`, `events.ndjson`), addresses (`sqlite:///data/usage.db`, `https://host/path`, `log:INFO`) or
            objects with the methods of `Sink`; none means `usage.db`.
        catalog: Prices for `tracker.events`; None means the compiled table.
        infer: Rules for the task type of calls nobody named; None means `infer_task_type`.
        service: The name of this program, written into events; None leaves it open.
        forecast: What fills `estimated_*` fields that nobody states, such as `taximeter.forecast.Forecast.from_store(...)`;
            True learns from the SQLite sink, in the background from the first call on and again every hour; None and
            False leave them open.
        hosts: Who answers at hosts of your own, for metered clients: {"llm.example.com": "openai"}. None leaves it to
            the address.
        journal: A folder of their own for events on their way, which the processes of a service may share: what is
            there outlives the process and waits for sinks that are down. None keeps them in memory.
        sync: How safe events are in the journal within 50 ms: `accepted` (after `batch_max_age_s` instead),
            `journaled` (they outlive the process), `durable` (and a power cut).
        write_through: Whether that is so before `track_task_completion` returns, for some microseconds of its time.
        carry: Whether this process takes the journal's events to the sinks; False leaves it to `taximeter drain`.
        dead_letters: A file for the events that a sink refuses for good, each with the reason; None means one in the
            journal's folder, or none without a journal: then they are only counted.
        scrub: What is taken out of texts as a secret: the usual shapes of keys and passwords; regular expressions for more
            of your own, of which a group named `value` is what goes; False for nothing.
        prices: TOML files of prices of your own, laid over the catalog, the strongest last; see `taximeter.prices`. None
            for none.
        privacy: How much of a call is kept: `none` (counters, cost, model, provider, times, outcome), `metadata` (and who,
            why and which), `full` (and what was asked and answered, as events of their own).
        redact: A function that is shown each event in the background, before it is stored, and returns the event to store,
            or None to drop it; or its dotted name. An event for which it fails is dropped and never stored.
        content_limit: How many characters of a prompt, and of an answer, `full` keeps.
        budgets: What calls may cost: `Budget` values or tables of their fields, or `Budgets` with options of their own.
            Metered calls are asked about before they are sent, and raise `BudgetExceeded` where a hard limit would be
            passed. None means that there is no limit.
        budget_file: Where reservations are kept; None means beside the SQLite sink (`usage.db.budgets`).
        limits: The fields of `Policy`, such as `max_events=100_000` or `close_timeout_s=5.0`.

    Raises:
        ConfigurationError: A sink or an option cannot work; names the key, the value and what is allowed. Also where
            gevent or eventlet have put greenlets in the place of threads.
    """
    made = [sink_for(sink) for sink in sinks or (DEFAULT_SINK,)]
    kept = journal_options(journal, sync, write_through=write_through, carry=carry)
    scrubber = scrubber_for(scrub)
    discretion = privacy_from(privacy, redact, content_limit)
    if redact is not None and write_through:
        allowed = "None with write_through=True: it would run in your own threads"
        raise ConfigurationError("redact", redact, allowed)
    return Tracker(
        made,
        policy_from(limits),
        catalog=_priced(catalog, prices),
        infer=infer,
        service=service,
        forecast=_forecast_for(forecast, made),
        hosts=hosts,
        journal=kept,
        dead_letters=file_for(dead_letters),
        scrubber=scrubber,
        privacy=discretion,
        budgets=_budgets_for(budgets, budget_file, made),
    )


class Tracker:
    """Takes events from anywhere and delivers them in the background; made by `start`.

    Every method may be called from any thread and from under any event loop. It is a context manager, plain and
    async, that closes at the end; a tracker left open is closed when the program ends.
    """

    def __init__(
        self,
        sinks: "list[Sink]",
        policy: Policy,
        *,
        catalog: "Catalog | None" = None,
        infer: "Infer | None" = None,
        service: str | None = None,
        forecast: "Foresees | None" = None,
        hosts: Mapping[str, str] | None = None,
        journal: JournalOptions | None = None,
        dead_letters: Path | None = None,
        scrubber: Scrubber | None = None,
        privacy: Privacy = METADATA_ONLY,
        budgets: "Budgets | None" = None,
    ) -> None:
        _check_options(catalog, infer, service)
        _check_forecast(forecast)
        _check_threads()
        self._sinks = name_sinks(sinks)
        self._policy = policy
        self._catalog = catalog
        self._infer = infer
        self._service = service
        self._forecast = forecast
        self.hosts = declared_hosts(hosts)
        self._journal = journal
        self._dead_letters = dead_letters
        self._scrubber = scrubber
        self.privacy = privacy
        """What of events is kept."""
        self._budgets = budgets
        self._limits: list[Budgets] = [] if budgets is None else [budgets]
        self._closed = False
        self._is_child = False
        self._listeners: list[Listen] = []
        self._begin()
        _trackers.add(self)
        _newest_first.insert(0, ref(self, _newest_first.remove))
        if self._flusher.journal is not None and self._flusher.journal.has_backlog:
            self._close_with_worker()
            self._flusher.start()  # what another process left is delivered even if nothing is tracked

    def _begin(self) -> None:
        """Start from nothing, at construction and again in every forked child."""
        self._pid = os.getpid()
        self._mark = fork_mark()
        self._queue = Queue(self._policy.max_events, self._mark, _weakly(self._reconsider))
        self._flusher = Flusher(
            self._queue,
            self._sinks,
            self._policy,
            self._journal,
            dead_letters=self._dead_letters,
            scrubber=self._scrubber,
            privacy=self.privacy,
        )
        timeout_s = self._policy.close_timeout_s
        self._ending = Ending(self, self._queue, self._flusher, self._mark, timeout_s)
        self._admit: Callable[[Event], bool] = self._queue.offer
        if self._journal is not None and self._journal.write_through:
            self._admit = _weakly(self._write_through)
        self._choose_way()
        self._count = self._queue.losses.add
        self._is_closed_with_worker = False
        if self._closed:
            self._flusher.ended.set()

    def _choose_way(self) -> None:
        """Settle where events go that are tracked from now on."""
        admit = _diversions[-1] if _diversions and not self._closed else self._admit
        self._offer: Callable[[Event], bool] = _heard(admit, self._listeners) if self._listeners else admit

    @cached_property
    def events(self) -> "EventBuilder":
        """Makes events out of what providers answer."""
        from taximeter.builder import EventBuilder  # noqa: PLC0415 - the price table loads when it is wanted

        return EventBuilder(
            catalog=self._catalog, infer=self._infer, service=self._service, forecast=self._forecast
        )

    @cached_property
    def allowance(self) -> "Gate | None":
        """Whom metered clients ask before a call is sent; None without budgets."""
        if not self._limits:
            return None
        from taximeter.budget.gate import Gate  # noqa: PLC0415 - budgets stand on top of this module

        find = ref(self)
        return Gate(self._limits, lambda: getattr(find(), "events", None))

    @property
    def budgets(self) -> "Budgets | None":
        """What calls may cost; None without budgets."""
        return self._budgets

    def limit(self, budgets: "Sequence[Budget | Mapping[str, Any]]", file: "str | os.PathLike[str]") -> None:
        """Hold calls to these budgets too, before any is made; what others allow, they may still refuse.

        Args:
            budgets: As of `start`. They know the calls that are made with their file, and nothing of the sinks.
            file: Where their reservations are kept, a file of its own.

        Raises:
            ConfigurationError: They cannot work.
        """
        from taximeter.budget import Budgets  # noqa: PLC0415 - budgets stand on top of this module

        self._limits.insert(0, Budgets(None, budgets, file=file))
        self.__dict__.pop("allowance", None)

    @property
    def is_closed(self) -> bool:
        """Whether `close` has been called: events are refused."""
        return self._closed

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where events go, in the order given."""
        return tuple(self._sinks.values())

    def track_task_completion(self, event: Event) -> bool:
        """Hand the event over and return whether it was accepted; about 0.1 µs.

        Never raises, blocks or waits for a lock, so it may be called in a signal handler or a `__del__` too. What is
        not accepted is counted by reason, see `receipt`. With `write_through` the event is in the journal when this
        returns True, which takes a write to a file, and another thread's write before it.
        """
        return self._offer(event)

    def listen(self, listener: Listen) -> Callable[[], None]:
        """Call *listener* with every event that is tracked from now on, in the thread that tracks it.

        It has to be quick and must not block, as `track_task_completion` does not; what it raises is passed over.

        Returns:
            A function that ends this.

        Raises:
            ConfigurationError: Something that cannot be called with an event.
        """
        if not callable(listener):
            raise ConfigurationError("listener", listener, "something that can be called with an event")
        self._listeners.append(listener)
        self._choose_way()
        return partial(self._listeners.remove, listener)

    def ledger(self) -> "dict[str, SinkLedger]":
        """Return what became of every event of the journal's folder, of all its processes, by sink.

        It is read from the disk and as exact as that; events not journaled yet are not in it. Empty without a journal.

        Raises:
            OSError: The journal cannot be read.
        """
        from taximeter.journal.ledger import read_ledger_at  # noqa: PLC0415 - file locks are not on every system

        if self._journal is None or not self._journal.path.is_dir():
            return {}
        return read_ledger_at(self._journal.path, self._sinks)

    def count_loss(self, reason: str, n: int = 1) -> None:
        """Count *n* calls of which no event could be made; a reason is a word, what else it holds is made harmless."""
        self._notice_fork()
        self._count(_word(reason), n)

    def meter(self, client: ClientT, *, invisible_usage: bool = True) -> ClientT:
        """Meter every call of the client, of any SDK on httpx or httpx2, and return the same client.

        Args:
            client: An SDK's client, or one of httpx or httpx2.
            invisible_usage: Ask for a stream's usage where the provider counts only for those who ask, and take the
                extra chunk out again; False sends every request as it is.

        Raises:
            ConfigurationError: No HTTP client was found inside.
        """
        from taximeter.capture import meter  # noqa: PLC0415 - capture stands on top of this module

        return meter(client, self, invisible_usage=invisible_usage)

    def wrap_stream(self, stream: StreamT, **options: Any) -> StreamT:
        """Meter a stream of a client that we cannot see: the same items, the same iteration, one event.

        Args:
            stream: Any iterator, plain or async, of a provider's chunks.
            options: See `taximeter.streams.wrap_stream`: `provider`, `model`, `request`, fields of the event and more.

        Raises:
            ConfigurationError: Something that is no stream, or an option that cannot work.
        """
        from taximeter.streams import wrap_stream  # noqa: PLC0415 - as above

        return wrap_stream(stream, self, **options)

    def call(self, **options: Any) -> "call":
        """Meter whatever call is made in a block; see `taximeter.call`.

        Raises:
            ConfigurationError: A field that neither scope nor event has.
        """
        from taximeter.calls import call  # noqa: PLC0415 - as above

        return call(tracker=self, **options)

    def receipt(self) -> Receipt:
        """Return what has become of the events so far, without waiting."""
        self._notice_fork()
        return self._flusher.receipt()

    def health(self) -> "Health":
        """Return what is wrong with the delivery at the moment, without waiting; `health().ok` is what to alert on."""
        self._notice_fork()
        return self._flusher.health()

    def flush(self, timeout_s: float | None = None) -> Receipt:
        """Wait until all events so far are delivered or dropped everywhere, and return the counts.

        Args:
            timeout_s: When to return at the latest, whatever is still pending; None means `close_timeout_s`.
        """
        self._notice_fork()
        if self._flusher.receipt().tracked and not self._flusher.is_current_thread and self._flusher.start():
            self._flusher.flush().wait(self._seconds(timeout_s))
        return self._flusher.receipt()

    def close(self, timeout_s: float | None = None) -> Receipt:
        """Deliver what waits, close the sinks and return the counts; later events are refused as `closed`.

        Args:
            timeout_s: When to give up what is not delivered (`close_timeout`); None means `close_timeout_s`.
        """
        self._notice_fork()
        self._ending.cancel()
        if not self._closed:
            self._closed = True
            self._choose_way()
            self._queue.shut()
            self._stop(self._seconds(timeout_s))
            for budgets in self._limits:
                budgets.close()
        if not self._flusher.is_current_thread:
            self._flusher.wait_for_end(self._seconds(timeout_s) + GRACE_S)
        return self._flusher.receipt()

    async def aflush(self, timeout_s: float | None = None) -> Receipt:
        """`flush` for coroutines: the event loop runs on meanwhile."""
        return await anyio.to_thread.run_sync(partial(self.flush, timeout_s), abandon_on_cancel=True)

    async def aclose(self, timeout_s: float | None = None) -> Receipt:
        """`close` for coroutines: the event loop runs on meanwhile, and a cancellation waits for the close."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(partial(self.close, timeout_s))
        return self.receipt()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _reconsider(self, event: Any) -> bool:
        """Decide about an event that the queue did not take: not started, closed, or a forked child."""
        self._notice_fork()
        if self._closed:
            self._count(CLOSED)
            return False
        self._close_with_worker()
        self._flusher.start()
        return self._queue.admit(event)

    def _write_through(self, event: Any) -> bool:
        """Journal the event in the caller's thread."""
        if self._closed or not self._mark[0] or not self._flusher.is_running:
            return self._write_through_anew(event)
        return self._journal_now(event)

    def _write_through_anew(self, event: Any) -> bool:
        self._notice_fork()
        if self._closed:
            self._count(CLOSED)
            return False
        self._close_with_worker()
        self._flusher.start()
        return self._journal_now(event)

    def _journal_now(self, event: Any) -> bool:
        lost = self._flusher.write_through(event)
        if lost == "":
            return self._queue.offer(event)
        if lost is not None:
            self._count(lost)
        return lost is None

    def _close_with_worker(self) -> None:
        """See to it that a worker of `multiprocessing` closes: it ends without `atexit`, after its own finalizers."""
        if self._is_closed_with_worker:
            return
        self._is_closed_with_worker = True
        process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
        if process and util and process.parent_process() is not None:
            util.Finalize(None, self._ending, exitpriority=-100)

    def _notice_fork(self) -> None:
        """In a forked child let the parent's queue, counts and files alone and begin anew."""
        if not self._mark[0] or self._pid != os.getpid():
            for sink in self._sinks.values():
                forget = getattr(sink, "forget", None)
                if forget is not None:
                    forget()
            if self._flusher.journal is not None:
                self._flusher.journal.forget()
            self._is_child = True
            self._ending.cancel()
            self._begin()

    def _stop(self, timeout_s: float) -> None:
        if self._flusher.has_had_events or self._owns_open_sinks() or self._has_backlog():
            self._flusher.stop(timeout_s)
        else:
            self._flusher.ended.set()

    def _owns_open_sinks(self) -> bool:
        """Whether there is something to close that is not our parent's."""
        return not self._is_child and any(getattr(sink, "is_open", True) for sink in self.sinks)

    def _has_backlog(self) -> bool:
        """Whether a journal holds events that this process may deliver."""
        journal = self._flusher.journal
        return not self._is_child and journal is not None and journal.has_backlog

    def _seconds(self, timeout_s: float | None) -> float:
        return self._policy.close_timeout_s if timeout_s is None else max(timeout_s, 0.0)


def _weakly(method: Callable[[Event], bool]) -> Callable[[Event], bool]:
    """Return a function that calls the method while its object lives, and does not keep it alive."""
    find = WeakMethod(method)

    def call(event: Event) -> bool:
        found = find()
        return found is not None and found(event)

    return call


def _heard(admit: Callable[[Event], bool], listeners: list[Listen]) -> Callable[[Event], bool]:
    def offer(event: Event) -> bool:
        for listener in tuple(listeners):
            with suppress(Exception):  # who listens must not cost anyone the event
                listener(event)
        return admit(event)

    return offer


def _budgets_for(budgets: Any, file: Any, sinks: list[Sink]) -> "Budgets | None":
    """Return the budgets over the first store among the sinks.

    Raises:
        ConfigurationError: They cannot work, or there is neither a store nor a file.
    """
    if budgets is None:
        if file is not None:
            raise ConfigurationError("budget_file", file, "given together with budgets")
        return None
    from taximeter.budget import Budgets  # noqa: PLC0415 - budgets stand on top of this module

    if isinstance(budgets, Budgets):
        return budgets
    store = _store_among(sinks)
    if store is None and file is None:
        raise ConfigurationError("budgets", budgets, "given with a SQLite sink, or with budget_file")
    return Budgets(store, budgets, file=file)


def _store_among(sinks: list[Sink]) -> Path | None:
    return next((vars(sink)["path"] for sink in sinks if type(sink).__name__ == "SqliteSink"), None)


def _forecast_for(forecast: "Foresees | bool | None", sinks: list[Sink]) -> "Foresees | None":
    """Return what foresees calls, from the first store among the sinks where it is to learn by itself.

    Raises:
        ConfigurationError: There is no store.
    """
    if forecast is None or forecast is False:
        return None
    if forecast is not True:
        return forecast
    if (store := _store_among(sinks)) is None:
        raise ConfigurationError("forecast", True, "given with a SQLite sink to learn from")
    from taximeter.forecast import BackgroundForecast  # noqa: PLC0415 - forecasts stand on top of this module

    return BackgroundForecast(store)


def _check_options(catalog: Any, infer: Any, service: Any) -> None:
    if catalog is not None:
        from taximeter.pricing import Catalog  # noqa: PLC0415 - whoever has one has loaded it

        if not isinstance(catalog, Catalog):
            raise ConfigurationError("catalog", catalog, "a Catalog, or None for the compiled table")
    if infer is not None and not callable(infer):
        raise ConfigurationError(
            "infer", infer, "a function from a CallContext to a task type, or None for the built-in rules"
        )
    if service is not None and not isinstance(service, str):
        raise ConfigurationError("service", service, "a name, or None")


def _priced(catalog: Any, prices: Any) -> "Catalog | None":
    """Return the catalog with the prices of these files over it; None means the compiled table."""
    if prices is None:
        return catalog  # type: ignore[no-any-return]  # checked with the other options
    from taximeter.prices import catalog_with  # noqa: PLC0415 - the price table loads when it is wanted

    return catalog_with(prices, catalog)


def _check_forecast(forecast: Any) -> None:
    if forecast is not None and not callable(getattr(forecast, "estimate", None)):
        raise ConfigurationError("forecast", forecast, "a taximeter.forecast.Forecast, or None")


def _word(reason: str) -> str:
    """Return a reason fit for a journal and a log: short, in one line, without secrets."""
    text = _scrubber.text(str(reason))
    return (text if text.isprintable() else ascii(text))[:_LONGEST_REASON]


def _check_threads() -> None:
    """Refuse greenlets in the place of threads: a fork would copy ours, which then delivers the parent's events too."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and gevent.is_module_patched("_thread"):
        raise ConfigurationError("threads", "gevent", "the system's: monkey.patch_all(thread=False)")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        raise ConfigurationError("threads", "eventlet", "the system's: eventlet.monkey_patch(thread=False)")


def newest_tracker() -> Tracker | None:
    """Return the tracker that was made last of those that are open and in use; None where there is none."""
    found = (made() for made in list(_newest_first))
    return next((tracker for tracker in found if tracker is not None and not tracker.is_closed), None)


@contextmanager
def diverted(take: Callable[[Event], bool]) -> Iterator[None]:
    """Hand the events of all trackers of this process to *take* instead of their sinks, for a while; for tests."""
    _diversions.append(take)
    _choose_ways()
    try:
        yield
    finally:
        _diversions.remove(take)
        _choose_ways()


def _choose_ways() -> None:
    for tracker in list(_trackers):
        tracker._choose_way()  # noqa: SLF001 - the same module


_diversions: list[Callable[[Event], bool]] = []
_trackers: "WeakSet[Tracker]" = WeakSet()
_newest_first: list[ref[Tracker]] = []


def _begin_in_child() -> None:
    for tracker in list(_trackers):
        tracker._notice_fork()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_in_child)
