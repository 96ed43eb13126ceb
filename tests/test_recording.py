"""Recordings and the events they become."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording_samples import AT_US, chat, message_stream, model_list, refused
from taximeter.builder import EventBuilder
from taximeter.event import TaskCompletionEvent
from taximeter.recording import Replayed, UnreadableRecordingError, read_recording, replay_recording
from taximeter.scopes import scope
from taximeter.vocabulary import Outcome

BUILDER = EventBuilder()


def replayed(record: object) -> Replayed:
    return replay_recording(read_recording(json.dumps(record).encode()), BUILDER)


def event_of(record: object) -> TaskCompletionEvent:
    event = replayed(record).event
    assert event is not None
    return event


def test_a_whole_answer_becomes_its_event() -> None:
    """Tokens, cached ones among them, model, ids and time come from the recording."""
    event = event_of(chat())
    assert (event.actual_input_tokens, event.cache_read_tokens, event.actual_output_tokens) == (
        1000,
        400,
        200,
    )
    assert (event.provider, event.model, event.requested_model) == ("openai", "gpt-4o-2024-08-06", "gpt-4o")
    assert (event.provider_response_id, event.started_at_us) == ("chatcmpl-1", AT_US)
    assert event.tags == {"replay_id": "chat-1"}


def test_a_stream_in_base64_becomes_its_event() -> None:
    """Bytes that are no text are read as they were on the wire; a time may be ISO 8601."""
    event = event_of(message_stream())
    assert (event.actual_input_tokens, event.actual_output_tokens, event.streaming) == (10, 25, True)
    assert (event.outcome, event.started_at_us) == (Outcome.SUCCESS, AT_US)


def test_a_refusal_is_a_failed_call() -> None:
    """An error answer is an event too, without tokens."""
    event = event_of(refused())
    assert (event.outcome, event.error_status, event.actual_input_tokens) == (Outcome.FAILURE, 429, None)


def test_what_is_no_inference_makes_no_event() -> None:
    """A list of models costs nothing and counts for nothing."""
    assert replayed(model_list()) == Replayed()


def test_a_recording_has_its_own_scope_only() -> None:
    """Whoever replays is not who called."""
    with scope(agent="replayer"):
        assert event_of(chat()).agent is None


def test_a_garbled_answer_is_an_event_that_says_so() -> None:
    """A body that is no JSON is counted as not understood; the call still took place."""
    result = replayed(chat(response_text='{"usage": {'))
    assert result.event is not None
    assert result.unparsed


def test_a_request_that_was_kept_as_text_is_read() -> None:
    """A recorder may keep the request's body as it was sent."""
    assert event_of(chat(request=json.dumps({"model": "gpt-4o"}))).requested_model == "gpt-4o"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"url": 3, "response_text": ""}',
        b'{"url": "api.openai.com/v1/chat/completions"}',
        b'{"url": "api.openai.com/v1/chat/completions", "response_b64": "not base64!"}',
        b'{"url": "x", "response_text": "\xff"}',
        b'{"url": "x", "response_text": "", "started_at": "yesterday"}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_recording_is_refused(line: bytes) -> None:
    """One kind of error for all that cannot be read, and it repeats none of the content."""
    with pytest.raises(UnreadableRecordingError, match="not a recording"):
        replay_recording(read_recording(line), BUILDER)


@given(
    st.binary()
    | st.dictionaries(st.sampled_from([*chat(), "started_at", "api"]), st.text() | st.integers()).map(
        lambda record: json.dumps(record).encode()
    )
)
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """Nothing but the one error comes out of a bad line."""
    with suppress(UnreadableRecordingError):
        replay_recording(read_recording(line), BUILDER)
