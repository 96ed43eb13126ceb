"""The table of settings: reading, errors, `taximeter config` and the reference page all come out of it."""

from functools import partial
from typing import Any

import msgspec

from taximeter.declaration import declared_hosts
from taximeter.journal.sync import Sync
from taximeter.policy import Policy, policy_from
from taximeter.privacy import CONTENT_LIMIT, PrivacyLevel
from taximeter.report.window import read_zone
from taximeter.scrubber import scrubber_for
from taximeter.settings.kind import (
    AGE,
    COUNT,
    FLAG,
    PATH,
    PATHS,
    SCRUB,
    SECONDS,
    SINKS,
    TABLE,
    TEXT,
    one_word,
)
from taximeter.settings.setting import Setting

EVENTS, PRIVACY, JOURNAL, BOUNDS, COMMANDS = (
    "Events",
    "Privacy",
    "The journal",
    "Bounds",
    "Commands",
)

_BOUND_DOCS = {
    "max_events": "Events that may wait to be encoded, and at each sink.",
    "max_bytes": "Encoded bytes that may wait, for all sinks together.",
    "max_event_bytes": "The largest single event, encoded.",
    "batch_max_events": "A batch leaves when it holds so many ...",
    "batch_max_age_s": "... or when its first event is so old.",
    "retry_budget_s": "Time for all attempts to write one batch.",
    "close_timeout_s": "Time that `close`, `flush` and the end of the program may take.",
    "journal_max_bytes": "What the journal's segments may take on disk, all processes together.",
    "journal_segment_bytes": "The size of one of its files.",
    "journal_retention_s": "How long events are kept for a sink that nobody delivers to any more.",
    "dead_letters_max_bytes": "How large the file of refused events may become.",
    "stalled_after_s": "A backlog of which nothing is delivered for so long is bad health.",
}


def _bounds() -> tuple[Setting, ...]:
    """Return one setting for each field of `Policy`."""
    return tuple(
        Setting(
            field.name,
            SECONDS if field.name.endswith("_s") else COUNT,
            _BOUND_DOCS[field.name],
            default=field.default,
            check=partial(_check_bound, field.name),
            group=BOUNDS,
        )
        for field in msgspec.structs.fields(Policy)
    )


def _check_bound(name: str, value: Any) -> None:
    limits: Any = {name: value}
    policy_from(limits)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "sinks",
        SINKS,
        "Where events go: [paths and addresses](../how-to/choose-a-sink.md).",
        default=["usage.db"],
        group=EVENTS,
    ),
    Setting("service", TEXT, "A name for the program, written into its events.", group=EVENTS),
    Setting(
        "hosts",
        TABLE,
        'Who answers at hosts of your own: `{"llm.example.com" = "openai"}`.',
        check=declared_hosts,
        group=EVENTS,
    ),
    Setting("prices", PATHS, "Files of [your own prices](prices.md), the strongest last.", group=EVENTS),
    Setting(
        "forecast",
        FLAG,
        "Whether events say what [was to be expected](../how-to/foresee-what-a-call-costs.md), learned from the SQLite sink.",
        default=False,
        group=EVENTS,
    ),
    Setting(
        "dead_letters",
        PATH,
        "A file for the events that a sink refuses.",
        default_doc="in the journal's folder, or none",
        group=EVENTS,
    ),
    Setting(
        "token",
        TEXT,
        "What servers that events are sent to ask for. In the environment only: a file is too easily shared.",
        group=EVENTS,
        environment_only=True,
    ),
    Setting(
        "scrub",
        SCRUB,
        "Whether [secrets](../explanation/privacy.md#secrets) are taken out of texts; patterns for more of them.",
        default=True,
        check=scrubber_for,
        group=PRIVACY,
    ),
    Setting(
        "privacy",
        one_word(PrivacyLevel),
        "[How much of a call is kept](../explanation/privacy.md#levels).",
        default=str(PrivacyLevel.METADATA),
        group=PRIVACY,
    ),
    Setting(
        "content_limit",
        COUNT,
        "How many characters of a prompt, and of an answer, `full` keeps.",
        default=CONTENT_LIMIT,
        group=PRIVACY,
    ),
    Setting(
        "redact",
        TEXT,
        "A function that sees each event before it is stored, as `package.module:name`.",
        group=PRIVACY,
    ),
    Setting(
        "retention",
        AGE,
        "How old events may become: `taximeter store prune` takes older ones out.",
        default_doc="for ever",
        group=PRIVACY,
    ),
    Setting(
        "content_retention",
        AGE,
        "The same of prompts and answers.",
        default_doc="as `retention`",
        group=PRIVACY,
    ),
    Setting("journal", PATH, "A folder where events are kept on their way.", group=JOURNAL),
    Setting(
        "sync",
        one_word(Sync),
        "How safe an event is in the journal within 50 ms.",
        default=str(Sync.JOURNALED),
        group=JOURNAL,
    ),
    Setting(
        "write_through",
        FLAG,
        "Whether it is before `track_task_completion` returns.",
        default=False,
        group=JOURNAL,
    ),
    Setting(
        "carry",
        FLAG,
        "Whether the process takes the journal's events to the sinks; else `taximeter drain` does.",
        default=True,
        group=JOURNAL,
    ),
    *_bounds(),
    Setting(
        "store",
        PATH,
        "The store or file of events that commands read where none is named.",
        default="usage.db",
        default_doc="the first of `sinks` that is a file",
        group=COMMANDS,
    ),
    Setting(
        "tz",
        TEXT,
        "The IANA time zone that commands cut days in.",
        default="UTC",
        check=read_zone,
        group=COMMANDS,
    ),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}

SECTIONS: dict[str, str] = {"budgets": "Limits of spending, each a table `[[budgets]]`."}
"""Sections that other rooms read, by the name of the argument of `taximeter.start` that they stand in for.

`Settings.section(name, type)` makes frozen structs of a room's own of them.
"""

OTHER_VARIABLES: dict[str, str] = {
    "TAXIMETER_CONFIG": "The file to read, in place of the one that is found; /dev/null for none.",
    "TAXIMETER_RUN": "What `taximeter run` tells the processes below it; not for people.",
}
"""Variables that are no settings."""
