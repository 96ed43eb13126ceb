"""Layout: how events lie in a SQLite file, compact in tables and readable in views.

A call's row has what is its own. What many calls share is a row of `profiles`, the form of their usage objects one of
`usage_shapes`, and identifiers are bytes. The view `events` puts it all together again, one column for each field.
`rollups` adds up each quarter of an hour: every zone's offset is a whole number of those, so that any zone's days can be
made of them. `day_rollups` adds up each UTC day, for questions that cut no days.
"""

from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from taximeter.event import CallStartedEvent, TaskCompletionEvent
from taximeter.sinks.usage_text import joined_usage

LAYOUT_VERSION = 3
"""Grows with every change of tables and indexes; `migration` has the step from each version to the next."""

QUARTER_US = 15 * 60 * 1_000_000
QUARTERS = 96
DAY_US = QUARTERS * QUARTER_US

PROFILE_FIELDS = (
    "schema_version",
    "operation",
    "provider",
    "wire_format",
    "model",
    "requested_model",
    "service_tier",
    "streaming",
    "outcome",
    "finish_reasons",
    "error_type",
    "error_status",
    "error_retryable",
    "usage_status",
    "cost_status",
    "cost_source",
    "price_version",
    "price_id",
    "price_context",
    "task_type",
    "complexity",
    "harness",
    "service",
    "agent",
)
"""Fields that have few values, which come together again and again."""
GROUP_FIELDS = (
    "provider",
    "model",
    "operation",
    "wire_format",
    "task_type",
    "complexity",
    "harness",
    "service",
    "agent",
)
"""Fields that rollups keep apart; `model` is the requested one where the answer named none."""
HEX_FIELDS = ("trace_id", "span_id", "parent_span_id")
"""Fields of hexadecimal digits, kept as bytes."""
OWN_FIELDS = tuple(
    name
    for name in TaskCompletionEvent.__struct_fields__
    if name not in (*PROFILE_FIELDS, *HEX_FIELDS, "event_id", "raw_usage")
)
"""Fields that lie in the call's row as they are."""


def _members(kind: Any) -> set[Any]:
    return set(get_args(kind)) if get_origin(kind) in (Union, UnionType) else {kind}


def is_json(kind: Any) -> bool:
    """Whether a field's value can be a tuple, a mapping or a struct, which are kept as JSON text."""
    origins = {get_origin(member) or member for member in _members(kind)}
    return any(issubclass(origin, tuple | dict | msgspec.Struct) for origin in origins)


def _affinity(kind: Any) -> str:
    members = _members(kind)
    if members & {int, bool}:
        return "INTEGER"
    return "REAL" if float in members else "TEXT"


FIELD_TYPES: dict[str, Any] = {
    field.name: field.type for field in msgspec.structs.fields(TaskCompletionEvent)
}
JSON_FIELDS = tuple(name for name in OWN_FIELDS if is_json(FIELD_TYPES[name]))
PLAIN_FIELDS = tuple(name for name in OWN_FIELDS if name not in JSON_FIELDS)
_CALL_TYPES: dict[str, Any] = {"type": str} | {
    field.name: field.type for field in msgspec.structs.fields(CallStartedEvent)
}


def _columns(names: tuple[str, ...], types: dict[str, Any]) -> dict[str, str]:
    return {name: f"{name} {_affinity(types[name])}" for name in names}


class Table(msgspec.Struct, frozen=True, eq=False):
    """A table of the layout."""

    name: str
    definitions: dict[str, str]
    """Each column as it stands in CREATE TABLE, by its name."""
    constraint: str = ""
    """What follows the columns."""
    suffix: str = ""
    """What follows the closing bracket."""

    @property
    def create(self) -> str:
        """The statement that makes the table."""
        parts = [*self.definitions.values(), *filter(None, [self.constraint])]
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({', '.join(parts)}){self.suffix}"

    @property
    def insert(self) -> str:
        """The statement that adds a row unless there is one with its key."""
        names, marks = ", ".join(self.definitions), ", ".join("?" * len(self.definitions))
        return f"INSERT INTO {self.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


EVENT_ROWS = Table(
    "event_rows",
    {
        "profile_id": "profile_id INTEGER NOT NULL",
        "usage_shape_id": "usage_shape_id INTEGER",
        "usage_values": "usage_values TEXT",
        "event_id": "event_id BLOB PRIMARY KEY NOT NULL",
    }
    | {name: f"{name} BLOB" for name in HEX_FIELDS}
    | _columns(PLAIN_FIELDS + JSON_FIELDS, FIELD_TYPES),
)
CALL_EVENTS = Table(
    "call_events",
    _columns(tuple(_CALL_TYPES), _CALL_TYPES) | {"event_id": "event_id TEXT PRIMARY KEY NOT NULL"},
)
_KEY = {"key": "key TEXT UNIQUE NOT NULL"}
GROUPS = Table(
    "groups", {"group_id": "group_id INTEGER PRIMARY KEY"} | _KEY | _columns(GROUP_FIELDS, FIELD_TYPES)
)
PROFILES = Table(
    "profiles",
    {"profile_id": "profile_id INTEGER PRIMARY KEY"}
    | _KEY
    | {"group_id": "group_id INTEGER NOT NULL"}
    | _columns(PROFILE_FIELDS, FIELD_TYPES),
)
USAGE_SHAPES = Table("usage_shapes", {"usage_shape_id": "usage_shape_id INTEGER PRIMARY KEY"} | _KEY)

_REFUSED = "error_status >= 400 AND actual_input_tokens IS NULL AND actual_output_tokens IS NULL"
_NANOS = "COALESCE(actual_cost_usd_nanos, actual_cost_usd_micros * 1000)"
SUMS: dict[str, str] = {
    "calls": "1",
    "failed_calls": "outcome IN ('failure', 'timeout')",
    "cut_short_calls": "outcome IN ('partial', 'cancelled')",
    "input_tokens": "actual_input_tokens",
    "output_tokens": "actual_output_tokens",
    "cache_read_tokens": "COALESCE(cache_read_tokens, 0) + COALESCE(cache_read_audio_tokens, 0)",
    "reasoning_tokens": "reasoning_tokens",
    "cost_usd_nanos": _NANOS,
    "unpriced_calls": f"{_NANOS} IS NULL AND NOT COALESCE({_REFUSED}, 0)",
    "estimated_calls": f"{_NANOS} IS NOT NULL AND "
    "(cost_status = 'partial' OR usage_status IN ('partial', 'estimated'))",
    "unmetered_calls": "actual_input_tokens IS NULL AND actual_output_tokens IS NULL "
    f"AND COALESCE(billable_units, '{{}}') IN ('{{}}', 'null') AND NOT COALESCE({_REFUSED}, 0)",
}
"""What each field of `report.totals.Totals` sums up, said in SQL; a test holds it against `Totals.add`."""
LACKS_PRICE = f"CASE WHEN {_NANOS} IS NULL THEN NOT COALESCE({_REFUSED}, 0) ELSE cost_status = 'partial' END"
_AT = "CAST(started_at_us AS INTEGER)"
QUARTER = f"({_AT} - (({_AT} % {QUARTER_US}) + {QUARTER_US}) % {QUARTER_US}) / {QUARTER_US}"
"""The quarter of an hour of a call, counted from 1970, also for times before it."""


def _sums_by(name: str, unit: str) -> Table:
    return Table(
        name,
        {unit: f"{unit} INTEGER", "group_id": "group_id INTEGER"}
        | {name: f"{name} INTEGER NOT NULL" for name in SUMS},
        f"PRIMARY KEY ({unit}, group_id)",
        " WITHOUT ROWID",
    )


ROLLUPS = _sums_by("rollups", "quarter")
DAY_ROLLUPS = _sums_by("day_rollups", "day")
PRUNED_SUMS = _sums_by("pruned_sums", "quarter")
"""What calls add up to that were taken out of the store and are counted still; part of the rollups."""
TABLES = (EVENT_ROWS, PROFILES, GROUPS, USAGE_SHAPES, ROLLUPS, DAY_ROLLUPS, PRUNED_SUMS, CALL_EVENTS)


def sums_of_rows(condition: str, summand: str = "{}") -> str:
    """Return the query for what the rows that meet a condition add up to, by quarter of an hour and group."""
    sums = ", ".join(f"COALESCE(SUM({summand.format(sum_)}), 0) AS {name}" for name, sum_ in SUMS.items())
    return (
        f"SELECT {QUARTER} AS quarter, group_id, {sums} "  # noqa: S608 - our own names
        f"FROM event_rows JOIN profiles USING (profile_id) WHERE {condition} GROUP BY 1, 2"
    )


def merge_sums(table: Table, unit: str, source: str = "fresh_sums") -> str:
    """Return the statement that adds sums of quarters to those of a table, by its unit of time."""
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    added = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
    return (
        f"INSERT INTO {table.name} SELECT {unit}, group_id, {sums} FROM {source} WHERE true GROUP BY 1, 2 "  # noqa: S608 - our own names
        f"ON CONFLICT DO UPDATE SET {added}"
    )


DAY_OF_QUARTER = f"(quarter - ((quarter % {QUARTERS}) + {QUARTERS}) % {QUARTERS}) / {QUARTERS}"
FRESH_SUMS = f"CREATE TEMP TABLE IF NOT EXISTS fresh_sums (quarter, group_id, {', '.join(SUMS)})"
"""What a batch adds to the rollups, made once a connection."""
_AFTER = "event_rows.rowid > :after"
ADD_UP = f"INSERT INTO fresh_sums {sums_of_rows(_AFTER)}"
"""Adds the rows after one up, into `fresh_sums`; fails where a sum leaves 64 bits."""
ADD_UP_BOUNDED = f"INSERT INTO fresh_sums {sums_of_rows(_AFTER, 'MIN({}, :most)')}"
"""The same with each number cut to `most`, which takes longer."""
ROLL_UP = (
    merge_sums(ROLLUPS, "quarter"),
    merge_sums(DAY_ROLLUPS, DAY_OF_QUARTER),
    "DELETE FROM fresh_sums",
)
"""Adds `fresh_sums` to the rollups, and empties it."""
FILL_DAYS = merge_sums(DAY_ROLLUPS, DAY_OF_QUARTER, "rollups")
"""Adds the sums of all quarters to those of the days."""

INDEXES = (
    # Statistics read the times of calls from here alone, which is quicker than from the rows
    (
        "CREATE INDEX IF NOT EXISTS event_rows_by_time "
        "ON event_rows (started_at_us, profile_id, task_duration_ms, time_to_first_token_ms)"
    ),
    "CREATE INDEX IF NOT EXISTS event_rows_by_profile ON event_rows (profile_id, started_at_us)",
    "CREATE INDEX IF NOT EXISTS event_rows_by_user ON event_rows (user, started_at_us) WHERE user IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS event_rows_by_run ON event_rows (run_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS call_events_by_run ON call_events (run_id) WHERE run_id IS NOT NULL",
)


def uuid_text(column: str) -> str:
    """Return the SQL that reads an id back."""
    digits = f"lower(hex({column}))"
    parts = " || '-' || ".join(
        f"substr({digits}, {at}, {n})" for at, n in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    )
    return f"CASE typeof({column}) WHEN 'blob' THEN {parts} ELSE {column} END"


def _hex(column: str) -> str:
    return f"CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE {column} END"


def _read(name: str) -> str:
    """Return the SQL that reads a field back."""
    if name == "event_id":
        return f"{uuid_text('event_id')} AS event_id"
    if name == "raw_usage":
        return f"{joined_usage('usage_shapes.key', 'usage_values')} AS raw_usage"
    return f"{_hex(name)} AS {name}" if name in HEX_FIELDS else name


_DIMENSIONS = (
    "provider, COALESCE(model, requested_model) AS model, task_type, agent, user, session, run_id, service"
)
_UTC = "strftime('%Y-%m-%d %H:%M:%f', started_at_us / 1e6, 'unixepoch')"
VIEWS: dict[str, str] = {
    "events": f"SELECT {', '.join(map(_read, TaskCompletionEvent.__struct_fields__))}, "  # noqa: S608 - our own names
    "event_rows.rowid AS position FROM event_rows JOIN profiles USING (profile_id) "
    "LEFT JOIN usage_shapes USING (usage_shape_id)",
    "calls": f"SELECT {_UTC} AS started_at_utc, {_DIMENSIONS}, outcome, actual_input_tokens AS input_tokens, "  # noqa: S608 - as above
    "actual_output_tokens AS output_tokens, cache_read_tokens, reasoning_tokens, task_duration_ms AS duration_ms, "
    f"time_to_first_token_ms, {_NANOS} / 1e9 AS cost_usd, cost_status, event_id FROM events",
    "unpriced": f"SELECT {_UTC} AS started_at_utc, {_DIMENSIONS}, cost_status, usage_status, raw_usage, event_id "  # noqa: S608 - as above
    f"FROM events WHERE {LACKS_PRICE}",
    "daily_costs": "SELECT date(day * 86400, 'unixepoch') AS day_utc, provider, model, task_type, agent, service, "  # noqa: S608 - as above
    + ", ".join(f"SUM({name}) AS {name}" for name in SUMS)
    + ", SUM(cost_usd_nanos) / 1e9 AS cost_usd FROM day_rollups JOIN groups USING (group_id) GROUP BY 1, 2, 3, 4, 5, 6",
}
"""What people and other programs read, by name; `position` is the order of arrival."""
