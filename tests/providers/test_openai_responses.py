"""Responses end in an event that holds them whole, and say who has to run which tool."""

from typing import Any

import pytest

from taximeter.providers.openai_responses import Item, count_calls
from taximeter.providers.shape import shaped
from wire_samples import read_body, read_events

RESPONSES = "openai.responses"


@pytest.mark.parametrize(
    ("items", "calls"),
    [
        ([{"type": "function_call", "call_id": "a"}], (1, 0)),
        ([{"type": "custom_tool_call"}, {"type": "local_shell_call"}, {"type": "computer_call"}], (3, 0)),
        ([{"type": "shell_call", "call_id": "a"}, {"type": "shell_call_output", "call_id": "a"}], (0, 1)),
        ([{"type": "function_call"}, {"type": "function_call_output"}], (1, 0)),
        ([{"type": "tool_search_call", "execution": "client"}], (1, 0)),
        ([{"type": "tool_search_call", "execution": "server"}, {"type": "tool_search_output"}], (0, 1)),
        ([{"type": "mcp_list_tools"}, {"type": "mcp_call"}, {"type": "mcp_approval_request"}], (0, 1)),
        ([{"type": "code_interpreter_call"}, {"type": "x_search_call"}, {"type": "message"}], (0, 2)),
    ],
)
def test_calls_are_counted_by_who_runs_them(items: list[dict[str, Any]], calls: tuple[int, int]) -> None:
    """What stands with its output has been run; the rest of the known kinds is the client's."""
    assert count_calls([shaped(item, Item) for item in items]) == calls


def test_items_count_when_the_end_does_not_repeat_them() -> None:
    """Some servers leave the last event's output empty."""
    done = {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "a"}}
    end = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    assert read_events(RESPONSES, done, end).tool_call_count == 1


def test_a_failed_response_is_an_error() -> None:
    """Its code is the word, inside a status of 200."""
    failed = {"status": "failed", "error": {"code": "server_error", "message": "secret"}}
    facts = read_events(RESPONSES, {"type": "response.failed", "response": failed})
    assert (facts.error_type, facts.error_retryable, facts.finish_reasons) == (
        "server_error",
        True,
        ("failed",),
    )
    assert "secret" not in repr(facts)


def test_an_error_event_is_an_error() -> None:
    """Its fields may stand in the event itself."""
    told = {"code": "rate_limit_exceeded", "message": "slow down"}
    for event in ({"type": "error", **told}, {"type": "error", "error": told}):
        facts = read_events(RESPONSES, event)
        assert (facts.error_type, facts.error_retryable) == ("rate_limit_exceeded", True)


def test_a_stream_without_its_end_is_truncated() -> None:
    """Deltas alone tell no usage."""
    facts = read_events(
        RESPONSES,
        {"type": "response.created", "response": {"id": "r", "model": "m", "service_tier": "auto"}},
        {"type": "response.output_text.delta", "delta": "a"},
    )
    assert (facts.truncated, facts.usage, facts.response_id, facts.finish_reasons) == (True, None, "r", ())


def test_an_unnamed_picture_model_has_no_price() -> None:
    """Its tokens are charged under a name that no list has, rather than at the text model's price."""
    body = {
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "tool_usage": {"image_gen": {"input_tokens": 5, "output_tokens": 7}},
    }
    assert [model for model, _ in read_body(RESPONSES, body).charges] == [None, "image_generation"]
