"""What of an event may leave memory."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import taximeter
from sink_doubles import ListSink
from taximeter.encoding import line_of
from taximeter.errors import ConfigurationError
from taximeter.event import (
    EVENT_TYPES,
    CallContentEvent,
    CallContentPayload,
    CallFailedEvent,
    CallFailedPayload,
    CallFinishedEvent,
    CallFinishedPayload,
    CallStartedEvent,
    CallStartedPayload,
    Event,
    RunFinishedEvent,
    RunFinishedPayload,
    RunStartedEvent,
    RunStartedPayload,
    TaskCompletionEvent,
)
from taximeter.privacy import KEPT_AT_NONE, Privacy, PrivacyLevel, privacy_from
from taximeter.sinks.batch import Batch
from taximeter.sinks.refusal import EventsRefused
from taximeter.vocabulary import Complexity, Outcome, TaskType

NONE = Privacy(PrivacyLevel.NONE)
WORD = "canary"
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "privacy.md"

CALL = TaskCompletionEvent(
    provider="openai",
    model="gpt-4o",
    requested_model="gpt-4o",
    outcome=Outcome.FAILURE,
    error_status=400,
    actual_input_tokens=3,
    actual_cost_usd_nanos=5,
    task_duration_ms=1.0,
    provider_response_id=WORD,
    finish_reasons=(WORD,),
    error_type=WORD,
    raw_usage={WORD: WORD},
    task_type=TaskType(WORD),
    complexity=Complexity(WORD),
    harness=WORD,
    quality_gates_run=(WORD,),
    quality_gates_failed=(WORD,),
    service=WORD,
    run_id=WORD,
    trace_id=WORD,
    span_id=WORD,
    parent_span_id=WORD,
    call_id=WORD,
    agent=WORD,
    user=WORD,
    session=WORD,
    tags={WORD: WORD},
)
IDS: dict[str, Any] = {"run_id": WORD, "trace_id": WORD, "span_id": WORD, "parent_span_id": WORD}
MOMENTS: list[Event] = [
    CallStartedEvent(
        **IDS, payload=CallStartedPayload(call_id=WORD, prompt_hash=WORD, evidence_path=WORD, agent=WORD)
    ),
    CallFinishedEvent(
        **IDS,
        payload=CallFinishedPayload(
            call_id=WORD, finish_reason=WORD, output_hash=WORD, token_usage={"input_tokens": 3, "x": WORD}
        ),
    ),
    CallFailedEvent(
        **IDS, payload=CallFailedPayload(error_class=WORD, error_summary=WORD, error_details=WORD)
    ),
    RunStartedEvent(**IDS, payload=RunStartedPayload(name=WORD, agent=WORD, parent_run_id=WORD)),
    RunFinishedEvent(**IDS, payload=RunFinishedPayload(name=WORD, error_class=WORD, calls=2)),
]


def test_none_keeps_what_was_called_counted_paid_and_when() -> None:
    """And of who, why and the provider's words nothing."""
    kept = NONE.allowed(CALL)
    assert isinstance(kept, TaskCompletionEvent)
    for name in (
        "event_id",
        "started_at_us",
        "provider",
        "model",
        "outcome",
        "error_status",
        "task_duration_ms",
    ):
        assert getattr(kept, name) == getattr(CALL, name)
    assert (kept.actual_input_tokens, kept.actual_cost_usd_nanos) == (3, 5)
    assert WORD not in repr(kept)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: type(moment).__name__)
def test_none_keeps_no_word_of_a_moment(moment: Event) -> None:
    """Beginnings and ends keep their time and their counts."""
    kept: Any = NONE.allowed(moment)
    assert WORD not in repr(kept)
    assert kept.ts_us == moment.ts_us  # type: ignore[union-attr]  # all of them have one


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_kind_can_be_reduced(kind: type[Any]) -> None:
    """A kind that is new needs a decision here."""
    assert isinstance(NONE.allowed(kind()), str if kind is CallContentEvent else kind)


@pytest.mark.parametrize("name", TaskCompletionEvent.__struct_fields__)
def test_the_documentation_says_what_none_keeps(name: str) -> None:
    """The page and the list agree, field by field."""
    table = PAGE.read_text().partition("\n## Levels\n")[2].partition("\n## ")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("|") and f"`{name}`" in line]
    assert (name in KEPT_AT_NONE[TaskCompletionEvent]) == (row.split("|")[2].strip() == "yes")


def test_metadata_leaves_an_event_as_it_is() -> None:
    """The very same object."""
    assert Privacy().allowed(CALL) is CALL


@pytest.mark.parametrize("level", [PrivacyLevel.NONE, PrivacyLevel.METADATA])
def test_what_was_said_is_refused_below_full(level: PrivacyLevel) -> None:
    """Whoever tracks it by hand has it counted."""
    with taximeter.start("memory:", privacy=level) as tracker:
        tracker.track_task_completion(CallContentEvent())
        assert tracker.flush().dropped == {"privacy": 1}


WORDS = "the patient is called Ada"


class _Unwilling(ListSink):
    """Refuses each event for good."""

    async def write(self, batch: Batch) -> None:
        raise EventsRefused(dict.fromkeys(range(len(batch)), "refused"))


@pytest.mark.skipif(sys.platform == "win32", reason="the journal needs flock")
@pytest.mark.parametrize("write_through", [False, True])
@pytest.mark.parametrize("level", [*PrivacyLevel])
def test_journal_and_dead_letters_keep_to_the_level(
    level: PrivacyLevel, write_through: bool, tmp_path: Path
) -> None:
    """What was said is in neither below full, and at full without the secret that stood beside it, for the owner only."""
    said = f"{WORDS}, password=Zq7Rt2Vw9Xy"
    event = CallContentEvent(payload=CallContentPayload(prompt=said, answer=said))
    sinks = _Unwilling(), tmp_path / "usage.db"
    with taximeter.start(
        *sinks, journal=tmp_path / "journal", privacy=level, write_through=write_through
    ) as tracker:
        tracker.track_task_completion(event)
        tracker.track_task_completion(msgspec.structs.replace(CALL, user=WORDS))
        receipt = tracker.flush()
        paths = [path for path in tmp_path.rglob("*") if path.is_file()]
        kept = {path.suffix: path.read_bytes() for path in paths}
        modes = {path.stat().st_mode & 0o777 for path in paths}
    is_full = level is PrivacyLevel.FULL
    assert receipt.dropped.get("privacy", 0) == (not is_full)
    for suffix in (".segment", ".ndjson"):
        assert (b"password=" in kept[suffix]) == is_full
        assert (WORDS.encode() in kept[suffix]) == (level is not PrivacyLevel.NONE)
    assert not any(b"Zq7Rt2" in data for data in kept.values())
    assert modes == {0o600}


def stored(redact: Callable[[Event], Any] | str, *events: Event, **options: Any) -> tuple[list[Any], Any]:
    """Return what a sink gets of events, and the receipt."""
    with taximeter.start("memory:", redact=redact, **options) as tracker:
        for event in events:
            tracker.track_task_completion(event)
        receipt = tracker.flush()
        memory: Any = tracker.sinks[0]
        return list(memory.events), receipt


def test_a_function_may_change_events() -> None:
    """What it returns is what is stored."""
    (kept,), receipt = stored(lambda event: msgspec.structs.replace(event, user="u-1"), CALL)
    assert (kept.user, receipt.complete) == ("u-1", True)


def test_a_function_may_drop_events_and_they_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """On purpose, so nobody is warned."""
    events, receipt = stored(lambda _: None, CALL, CALL)
    assert (events, receipt.dropped) == ([], {"redacted": 2})
    assert not caplog.records


def failing(_: Event) -> Event:
    """Fail, with what it was to hide in the message."""
    raise RuntimeError(WORD)


@pytest.mark.parametrize(
    "redact",
    [failing, lambda _: WORD, lambda _: (_ for _ in ()).throw(SystemExit)],
    ids=["raises", "other", "exits"],
)
def test_a_function_that_fails_stores_nothing_and_reaches_nobody(
    redact: Callable[[Event], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Its events are dropped and counted; it is warned about once, without what it said."""
    events, receipt = stored(redact, CALL, CALL)
    assert (events, receipt.dropped) == ([], {"redaction_failed": 2})
    assert sum("redact " in record.getMessage() for record in caplog.records) == 1
    assert WORD not in caplog.text
    assert logging.getLevelName(caplog.records[0].levelno) == "WARNING"


def test_the_level_holds_whatever_a_function_returns() -> None:
    """It cannot bring back what the level leaves out, and a secret it adds is taken out."""
    add = lambda event: msgspec.structs.replace(event, user=WORD, model="sk-proj-" + "a1" * 20)  # noqa: E731 - short
    (kept,), _ = stored(add, TaskCompletionEvent(), privacy="none")
    assert (kept.user, kept.model) == (None, "[redacted]")


def test_a_function_is_found_by_its_name() -> None:
    """As files and variables have it."""
    for name in ("copy:copy", "copy.copy"):
        assert stored(name, CALL)[0] == [CALL]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"privacy": "metdata"}, "privacy"),
        ({"redact": "no_such_module:f"}, "redact"),
        ({"redact": "copy:no_such"}, "redact"),
        ({"redact": 3}, "redact"),
        ({"content_limit": 0}, "content_limit"),
    ],
)
def test_what_cannot_work_is_an_error(options: dict[str, Any], key: str) -> None:
    """At the start, with the nearest word there is."""
    with pytest.raises(ConfigurationError) as caught:
        taximeter.start("memory:", **options)
    assert caught.value.key == key
    assert key != "privacy" or "did you mean 'metadata'?" in str(caught.value)


def test_no_function_runs_in_threads_of_the_application(tmp_path: Path) -> None:
    """Writing through encodes in the caller's thread, so the two do not go together."""
    with pytest.raises(ConfigurationError, match="write_through"):
        taximeter.start("memory:", redact=failing, journal=tmp_path / "journal", write_through=True)


def test_options_make_a_privacy() -> None:
    """Defaults keep metadata and nothing that was said."""
    assert not privacy_from("metadata", None, 1).keeps_content
    assert privacy_from("full", None, 1).keeps_content


async def later(event: Event) -> Event:
    """Return it, to whoever awaits."""
    return event


def test_a_coroutine_is_no_function() -> None:
    """Nothing would await it, and every event would be dropped."""
    with pytest.raises(ConfigurationError, match="no coroutine"):
        taximeter.start("memory:", redact=later)  # type: ignore[arg-type]  # that is the point


SENTENCES = st.text(min_size=1).map(lambda text: f"a sentence {text} of a person")
FREE = {"event_id", "provider", "model", "requested_model"}


def _filled(kind: Any, text: str) -> Any:
    """Return a struct with the text wherever a field may hold one, as key and as value."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            fields[field.name] = _filled(field.type, text)
        elif field.name in FREE:
            fields[field.name] = "x"
        elif "dict" in str(field.type):
            fields[field.name] = {text: 3, "input_tokens": text, "region": text}
        elif "tuple" in str(field.type):
            fields[field.name] = (text,)
        elif not {str(field.type)} & {"<class 'int'>", "<class 'bool'>"} and "int |" not in str(field.type):
            fields[field.name] = text
    return kind(**fields)


@given(SENTENCES, st.sampled_from([kind for kind in EVENT_TYPES if kind is not CallContentEvent]))
def test_no_sentence_in_any_field_gets_through_none(text: str, kind: Any) -> None:
    """Wherever it stands: in words of our vocabularies, keys of mappings, or where a number should be."""
    line = line_of(_filled(kind, text), 1 << 20, None, NONE)
    assert isinstance(line, bytes)
    assert b"a sentence" not in line
