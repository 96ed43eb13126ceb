"""The scrubber takes secrets out of every text of an event, and leaves everything else as it is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secret_samples import NAMED, SECRETS
from taximeter.errors import ConfigurationError
from taximeter.event import (
    CallFailedEvent,
    CallFailedPayload,
    CallStartedEvent,
    Event,
    TaskCompletionEvent,
    encode_event,
)
from taximeter.pricing import Catalog
from taximeter.scrubber import REDACTED, Scrubber, scrubber_for
from taximeter.vocabulary import Operation, TaskType


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "failed with {} twice", "({})", "x={};", 'a "{}" b', "user:{}"])
def test_a_secret_is_told_by_its_shape(kind: str, around: str) -> None:
    """Alone, in a sentence, in brackets, behind a name."""
    text = Scrubber().text(around.format(SECRETS[kind]))
    assert SECRETS[kind] not in text
    assert "Zq7Rt2" not in text
    assert REDACTED in text


@pytest.mark.parametrize("kind", NAMED)
def test_a_secret_is_told_by_its_name(kind: str) -> None:
    """The name stays, the value goes, what follows stays."""
    name, value = NAMED[kind]
    assert Scrubber().text(f"{name}{value}@host and more") in {
        f"{name}{REDACTED}@host and more",
        f"{name}{REDACTED} and more",
    }


def test_a_password_may_hold_an_at_sign() -> None:
    """The last one ends it."""
    assert Scrubber().text("https://reader:p@ss@host/x") == f"https://{REDACTED}@host/x"


@pytest.mark.parametrize(
    "text",
    [
        "gpt-4o-2024-08-06",
        "gemma3:270m",
        "task-classification-of-documents",
        "max_tokens=100",
        "a bearer of bad news",
        "basic understanding of things",
        "https://host:8080/v1/chat?alt=sse",
        "C:\\models\\llama",
        "01a204da-8aa4-7a0f-81d5-0ff77ada963d",
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
        "chatcmpl-BxYz12345AbCdEfGhIjKlMnOpQrSt",
        "key: the one in the door",
        "tokens: 12",
        "xai-grok-4-fast-non-reasoning",
        "hf_my_own_finetuned_model",
        "pk_0001234567890123",
        "session_key: the one of the day",
    ],
)
def test_usual_texts_stay(text: str) -> None:
    """Models, ids, addresses and plain sentences."""
    assert Scrubber().text(text) == text


def test_names_of_models_stay() -> None:
    """Every provider that has prices, and every name that its models answer to."""
    scrubber, table = Scrubber(), Catalog.default()._table
    found = {name: table.provider(name) for name in table.providers}
    names = {
        *found,
        *(each for models in found.values() if models for each in (*models.models, *models.exact)),
    }
    assert len(names) > 1000
    assert {name for name in names if scrubber.text(name) != name} == set()


SECRET = SECRETS["openai"]
PLACES: list[Event] = [
    *(
        msgspec.structs.replace(TaskCompletionEvent(), **{name: f"was {SECRET}"})
        for name in (
            "provider",
            "model",
            "user",
            "error_type",
            "provider_response_id",
            "span_id",
            "call_id",
            "event_id",
        )
    ),
    TaskCompletionEvent(operation=Operation(SECRET), task_type=TaskType(SECRET)),
    TaskCompletionEvent(finish_reasons=("stop", SECRET)),
    TaskCompletionEvent(tags={"a": SECRET}),
    TaskCompletionEvent(tags={SECRET: "a"}),
    TaskCompletionEvent(tags={"openai_api_key": "plain-but-named"}),
    TaskCompletionEvent(raw_usage={"a": {"b": [1, {"c": SECRET}]}}),
    TaskCompletionEvent(quality_gates_run=(SECRET,)),
    TaskCompletionEvent(price_context={"region": SECRET}),
    TaskCompletionEvent(billable_units={SECRET: 1}),
    CallStartedEvent(run_id=SECRET),
    CallFailedEvent(
        payload=CallFailedPayload(error_summary=f"Incorrect API key: {SECRET}.", error_details=SECRET)
    ),
]


@pytest.mark.parametrize("event", PLACES, ids=range(len(PLACES)))
def test_no_field_keeps_a_secret(event: Event) -> None:
    """Text, words, lists, mappings, their keys, and what is nested; also when the texts around it are known by now."""
    scrubber = Scrubber()
    for _ in range(2):
        scrubber.event(TaskCompletionEvent(tags={"a": "a", "openai_api_key": "plain"}))
        line = encode_event(scrubber.event(event))
        assert SECRET.encode() not in line
        assert b"plain-but-named" not in line
        assert REDACTED.encode() in line


def test_an_event_without_secrets_stays_the_object_it_is() -> None:
    """Nothing is copied, the first time and later."""
    scrubber = Scrubber()
    event = TaskCompletionEvent(
        model="gpt-4o",
        tags={"team": "search"},
        finish_reasons=("stop",),
        quality_gates_run=3,
        raw_usage={"n": 1, "d": {"m": 2}},
    )
    assert all(scrubber.event(event) is event for _ in range(3))


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_scrubbing_again_changes_nothing(text: str, tags: dict[str, str]) -> None:
    """What is clean stays clean, whatever it is."""
    scrubber = Scrubber()
    event = scrubber.event(TaskCompletionEvent(model=text, tags=tags))
    assert scrubber.event(event) == event
    assert scrubber.text(scrubber.text(text)) == scrubber.text(text)


@pytest.mark.parametrize(
    "unit", ["eyJ", "sk-", "://", "key=", "-----BEGIN PRIVATE KEY-----", "bearer ", "a@", "api_key: "]
)
def test_a_long_text_takes_no_longer_than_its_length(unit: str) -> None:
    """Half a megabyte of beginnings of secrets is read in a moment."""
    text = unit * (500_000 // len(unit))
    assert isinstance(Scrubber().text(text), str)


def test_what_is_remembered_is_bounded() -> None:
    """A name that is new in every event does not fill memory."""
    scrubber = Scrubber()
    for n in range(20_000):
        scrubber.event(TaskCompletionEvent(user=f"user {n}"))
    assert len(scrubber._known) <= 8192 + 100


def test_secrets_of_ones_own() -> None:
    """A pattern's group `value` goes, or all that it matches."""
    scrubber = Scrubber([r"badge \d+", r"door=(?P<value>\d+)"])
    event = TaskCompletionEvent(user="badge 17", session="door=1234", agent=SECRET, call_id="badge 18")
    for _ in range(2):
        scrubbed: Any = scrubber.event(event)
        assert (scrubbed.user, scrubbed.session, scrubbed.agent) == (REDACTED, f"door={REDACTED}", REDACTED)
        assert scrubbed.call_id == REDACTED


def test_the_option_says_which() -> None:
    """True, False, or patterns; anything else is refused."""
    assert scrubber_for(scrub=False) is None
    assert isinstance(scrubber_for(scrub=True), Scrubber)
    assert isinstance(scrubber_for(("a+",)), Scrubber)
    for wrong in ("a+", None, 1, ["("], [1]):
        with pytest.raises(ConfigurationError, match="scrub"):
            scrubber_for(wrong)


def test_a_struct_of_another_kind_is_scrubbed_too() -> None:
    """A subclass of an event may have fields that we do not know."""

    class Mine(TaskCompletionEvent, frozen=True, kw_only=True):
        note: str = ""

    assert SECRET.encode() not in msgspec.json.encode(Scrubber().event(Mine(note=SECRET)))


def test_a_key_after_a_line_end_in_json_is_a_key() -> None:
    """There the line's end is a letter, which is no part of the word."""
    key = "sk-proj-" + "a1B2" * 8
    assert key not in Scrubber().text(f'{{"content":"mine is:\\n{key}"}}')
    assert "[redacted]" in Scrubber().text(rf"mine is:\n{key}\nand so on")
