"""Aims: what has to be shown, each as a bound on a figure of an answer."""

from typing import NamedTuple


class Aim(NamedTuple):
    """A bound on one figure: at most, or at least where `is_least`."""

    what: str
    question: str
    figure: str
    bound: float
    unit: str = "x"
    is_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether the figure is within its bound."""
        return value >= self.bound if self.is_least else value <= self.bound

    @property
    def text(self) -> str:
        """The bound for people."""
        return f"{'>=' if self.is_least else '<='} {self.bound:g} {self.unit}"


AIMS = (
    Aim("`track` flat out, x a length check and an append", "hot_path", "track_x", 2),
    Aim("`track` paced, p99, x the floor's p99", "hot_path", "paced_p99_x", 2),
    Aim("`build` and `track`, OpenAI, x the bare struct", "build_event", "openai_chat_x", 8),
    Aim("`build` and `track`, Anthropic, x the bare struct", "build_event", "anthropic_messages_x", 8),
    Aim(
        "the same, of OpenTelemetry's span with the same content (processor)",
        "peers",
        "taximeter_of_span_x",
        0.1,
    ),
    Aim("the same, by the clock", "peers", "taximeter_of_span_clock_x", 0.1),
    Aim("dropped of 100,000 flat out, all sinks", "pipeline", "dropped", 0, "events"),
    Aim("NDJSON through the journal, of encode and write", "pipeline", "journal_ndjson_share", 60, "%", True),
    Aim(
        "SQLite through the pipeline, events a second, of bare `executemany`",
        "pipeline",
        "sqlite_of_executemany_share",
        70,
        "%",
        True,
    ),
    Aim(
        "SQLite, the writer alone, of bare `executemany` (processor time)",
        "store",
        "write_share",
        0.7,
        "x",
        True,
    ),
    Aim("loop lag added, p99, 2,000/s, asyncio", "loop_lag", "asyncio_2000_added_p99_ms", 0.3, "ms"),
    Aim("loop lag added, p99, 2,000/s, uvloop", "loop_lag", "uvloop_2000_added_p99_ms", 0.3, "ms"),
    Aim("loop lag added, p99, 20,000/s, asyncio", "loop_lag", "asyncio_20000_added_p99_ms", 0.5, "ms"),
    Aim("loop lag added, p99, 20,000/s, uvloop", "loop_lag", "uvloop_20000_added_p99_ms", 0.5, "ms"),
    Aim("loop lag added, p99, while a backlog is carried", "loop_lag", "backlog_added_p99_ms", 1.5, "ms"),
    Aim("not delivered of 2,000/s", "peers", "taximeter_build_paced_lost", 0, "events"),
    Aim(
        "caller blocked longest in 8 s of 2,000/s, beyond the floor's longest (in ten minutes: "
        "[docs](../docs/explanation/performance.md#ten-minutes-of-load))",
        "hot_path",
        "paced_added_longest_ms",
        1,
        "ms",
    ),
    Aim("memory grown from 200,000 to 1,000,000 events", "memory", "grown_mib", 1, "MiB"),
    Aim(
        "memory in an outage, beyond the bound of waiting bytes", "memory", "outage_over_bound_mib", 16, "MiB"
    ),
    Aim("`import taximeter`, x `import msgspec, anyio`", "start_up", "import_x", 1.5),
    Aim("`taximeter --help` piped, x bare Python and the CLI library", "start_up", "help_x", 4),
    Aim(
        "the same in a terminal, what the library draws with counted to it", "start_up", "help_terminal_x", 4
    ),
)
