"""The texts of a call, in plain."""

from typing import Any

import msgspec
import pytest

import taximeter
from taximeter.event import CallContentEvent
from taximeter.said import answer_of, prompt_of, text_of


@pytest.mark.parametrize(
    ("request_", "prompt"),
    [
        (
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]},
            "system: Be brief.\nuser: Hi",
        ),
        (
            {
                "system": "Be brief.",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            },
            "user: Hi\nsystem: Be brief.",
        ),
        (
            {"contents": [{"role": "user", "parts": [{"text": "Hi"}, {"inlineData": {"data": "aGk="}}]}]},
            "user: Hi",
        ),
        ({"instructions": "Be brief.", "input": "Hi"}, "Hi\nsystem: Be brief."),
        ({"input": ["one", "two"]}, "one\ntwo"),
        ({"query": "which", "documents": ["a", {"text": "b"}]}, "which\na\nb"),
        ({"prompt": "Hi"}, "Hi"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"image_url": {"url": "data:image/png;base64,aGk="}}]}
                ]
            },
            None,
        ),
        ({"model": "m"}, None),
        ([1], None),
        (b"no json", None),
        (None, None),
    ],
)
def test_a_prompt_is_a_message_a_line(request_: Any, prompt: str | None) -> None:
    """After its role, of requests in every format; pictures are left out."""
    assert prompt_of(request_) == prompt
    if isinstance(request_, dict):
        assert prompt_of(msgspec.json.encode(request_)) == prompt


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ({"choices": [{"message": {"content": "Yes", "reasoning_content": "Hm"}}]}, "Yes\nHm"),
        (
            {"content": [{"type": "text", "text": "Yes"}, {"type": "tool_use", "input": {"a": 1}}]},
            'Yes\n{"a":1}',
        ),
        (b'{"candidates":[{"content":{"parts":[{"text":"Yes"}]}}]}', "Yes"),
        ({"data": [{"embedding": [0.1]}]}, None),
        ("no json", None),
        (None, None),
    ],
)
def test_an_answer_is_its_texts_and_the_arguments_of_its_calls(response: Any, answer: str | None) -> None:
    """Whatever the format; vectors say nothing."""
    assert answer_of(response) == answer


def test_what_an_application_gives_may_have_any_shape() -> None:
    """Text, bytes, messages or an object of them."""
    assert text_of("Hi") == text_of(b"Hi") == text_of({"text": "Hi"}) == "Hi"
    assert text_of([{"role": "user", "content": "Hi"}]) == "user: Hi"
    assert text_of(None) is None


@pytest.mark.parametrize(("privacy", "kept"), [("full", [("user: Hi", "Yes")]), ("metadata", [])])
def test_a_call_made_by_hand_keeps_its_texts_at_full(privacy: str, kept: list[Any]) -> None:
    """Those of the request and the response, where no prompt and output are given."""
    request = {"messages": [{"role": "user", "content": "Hi"}]}
    with taximeter.start("memory:", privacy=privacy) as tracker:
        with taximeter.call(tracker=tracker, request=request) as call:
            call.record_response({"choices": [{"message": {"content": "Yes"}}]})
        tracker.flush()
        memory: Any = tracker.sinks[0]
        said = [event.payload for event in memory.events if isinstance(event, CallContentEvent)]
    assert [(each.prompt, each.answer) for each in said] == kept
    assert not kept or (call.event is not None and said[0].call_event_id == call.event.event_id)
