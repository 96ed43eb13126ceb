"""Chat completions are read right from every server that speaks them, each with its own habits."""

import json
from typing import Any

import pytest

from taximeter.providers import endpoint_for, read_response
from taximeter.providers.openai_chat import read_usage
from wire_samples import STREAM, read_body, read_events

CHAT = "openai.chat"


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **more,
    }


def test_running_totals_are_not_added() -> None:
    """Where every chunk carries a usage the last one counts, and its null fields erase nothing."""
    facts = read_events(
        CHAT,
        chunk({"content": "a"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
        chunk({"content": "b"}, usage={"prompt_tokens": 9, "completion_tokens": 2}),
        chunk(finish="stop", usage={"prompt_tokens": 9, "completion_tokens": None, "total_tokens": None}),
        "[DONE]",
    )
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (9, 2)


def test_the_first_identity_that_says_something_is_kept() -> None:
    """Azure's first chunk has an empty id and model."""
    facts = read_events(CHAT, {"id": "", "model": "", "choices": []}, chunk(finish="stop"), "[DONE]")
    assert (facts.response_id, facts.model) == ("c", "m")


def test_groq_says_the_same_thing_twice() -> None:
    """A usage under `x_groq` counts when it is alone and adds nothing when it is not."""
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    for more in ({"x_groq": {"usage": usage}}, {"x_groq": {"usage": usage}, "usage": usage}):
        facts = read_events(
            CHAT, chunk({"content": "a"}), chunk(finish="stop", **more), "[DONE]", provider="groq"
        )
        assert facts.usage is not None
        assert (facts.usage.input_tokens, facts.usage.output_tokens) == (5, 3)


def test_moonshot_puts_the_usage_into_a_choice() -> None:
    """It is found there too."""
    event = chunk(finish="stop")
    event["choices"][0]["usage"] = {"prompt_tokens": 5, "completion_tokens": 3}
    facts = read_events(CHAT, event, "[DONE]", provider="moonshot")
    assert facts.usage is not None
    assert facts.usage.input_tokens == 5


@pytest.mark.parametrize(
    ("provider", "raw", "output"),
    [
        ("openai", {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60}, 50),
        ("xai", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55}, 45),
        ("azure", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55}, 45),
        ("xai", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, 45),
        ("xai", {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60}, 90),
    ],
)
def test_reasoning_beside_the_completion_is_output(provider: str, raw: dict[str, Any], output: int) -> None:
    """Forty tokens of reasoning are inside or beside, as the total shows; xAI's own are always beside."""
    usage = read_usage({**raw, "completion_tokens_details": {"reasoning_tokens": 40}}, provider)
    assert (usage.output_tokens, usage.reasoning_tokens) == (output, 40)


def test_thinking_that_is_only_in_the_total_is_output() -> None:
    """Google's compatible endpoint does not name it, nor does Vertex's."""
    raw = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}
    assert read_usage(raw, "google").output_tokens == 30
    assert read_usage(raw, "vertex").output_tokens == 30
    assert read_usage(raw, "openai").output_tokens == 5


def test_audio_beside_the_prompt_is_input() -> None:
    """Mistral's total shows it."""
    raw = {
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "total_tokens": 389,
        "prompt_tokens_details": {"audio_tokens": 375},
    }
    assert read_usage(raw, "mistral").input_tokens == 378
    assert read_usage(raw, "openai").input_tokens == 3


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt_tokens_details": {"cached_tokens": 8}},
        {"cached_tokens": 8},
        {"num_cached_tokens": 8},
        {"prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
        {"cache_read_input_tokens": 8},
    ],
)
def test_cached_tokens_have_many_names(raw: dict[str, Any]) -> None:
    """Under each of them they are part of the prompt."""
    usage = read_usage({"prompt_tokens": 10, **raw}, "any")
    assert (usage.cache_read_tokens, usage.uncached_input_tokens) == (8, 2)


def test_tool_calls_are_told_apart_by_index_and_id() -> None:
    """Servers that give every call the index 0 still give each an id."""
    calls = [{"index": 0, "id": name, "function": {"name": "f"}} for name in ("a", "b", "b")]
    facts = read_events(CHAT, *(chunk({"tool_calls": [call]}) for call in calls), chunk(finish="tool_calls"))
    assert facts.tool_call_count == 2


def test_cache_writes_are_part_of_the_prompt() -> None:
    """Alibaba names them as Anthropic does, in the details."""
    details = {"cached_tokens": 3, "cache_creation_input_tokens": 4}
    usage = read_usage({"prompt_tokens": 10, "prompt_tokens_details": details}, "alibaba")
    assert (usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.uncached_input_tokens) == (3, 4, 3)


def test_calls_without_ids_are_told_apart_by_name() -> None:
    """A fragment of the arguments has no name and is no call of its own, whatever its server leaves out."""
    calls = [
        {"index": 0, "id": "", "function": {"name": "fare", "arguments": ""}},
        {"index": 0, "id": "", "function": {"arguments": "{}"}},
        {"index": 0, "id": "", "function": {"name": "route", "arguments": "{}"}},
    ]
    facts = read_events(CHAT, *(chunk({"tool_calls": [call]}) for call in calls), chunk(finish="tool_calls"))
    assert facts.tool_call_count == 2


def test_a_delta_may_be_the_call_itself() -> None:
    """Snowflake's is one; its id comes once, after text too."""
    start = {"type": "tool_use", "tool_use_id": "t", "name": "fare", "input": ""}
    events = [{"content": "a"}, start, {"type": "tool_use", "input": "{}"}]
    facts = read_events(CHAT, *map(chunk, events), chunk(finish="stop"), provider="snowflake")
    assert facts.tool_call_count == 1


def test_the_older_function_call_is_a_call() -> None:
    """One choice can have one."""
    choice = {"index": 0, "message": {"function_call": {"name": "f"}}, "finish_reason": "function_call"}
    assert read_body(CHAT, {"choices": [choice]}).tool_call_count == 1


def test_every_choice_has_its_own_end() -> None:
    """The reasons come in the order of the choices, whichever of them ended first."""
    choices = [{"index": n, "finish_reason": reason} for n, reason in enumerate(("stop", "length"))]
    assert read_body(CHAT, {"choices": choices}).finish_reasons == ("stop", "length")
    streamed = read_events(CHAT, *({"choices": [choice]} for choice in reversed(choices)))
    assert streamed.finish_reasons == ("stop", "length")


def test_a_stream_needs_no_done_to_be_whole() -> None:
    """Some servers leave the mark out; a finish reason ends a stream as well, its lack does not."""
    assert not read_events(CHAT, chunk({"content": "a"}), chunk(finish="stop")).truncated
    assert read_events(CHAT, chunk({"content": "a"})).truncated


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_a_stream_of_two_answers_is_whole_when_both_have_ended(ended: int) -> None:
    """The request says how many were asked for; a server that sends fewer ends with a mark."""
    events: list[object] = [
        {"choices": [{"index": n, "delta": {"content": "a"}, "finish_reason": None}]} for n in (0, 1)
    ]
    events += [{"choices": [{"index": n, "delta": {}, "finish_reason": "stop"}]} for n in range(ended)]
    request = {"model": "m", "stream": True, "n": 2}
    assert read_events(CHAT, *events, request=request).truncated == (ended < 2)
    assert not read_events(CHAT, *events, "[DONE]", request=request).truncated


def test_a_last_chunk_of_counts_is_an_end() -> None:
    """Some servers say neither why a choice ended nor that all is done; the counts of the whole come last."""
    counts = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    facts = read_events(CHAT, chunk({"content": "a"}), counts)
    assert (facts.truncated, facts.partial) == (False, False)
    assert read_events(
        CHAT, counts, chunk({"content": "a"})
    ).truncated  # a forecast before there is any answer


def test_an_error_may_come_in_the_middle() -> None:
    """In a chunk or in a choice, after a status of 200."""
    error = {"code": 502, "message": "provider gone"}
    for event in ({"error": error}, {"choices": [{"index": 0, "error": error, "finish_reason": "error"}]}):
        facts = read_events(CHAT, chunk({"content": "a"}), event)
        assert (facts.error_type, facts.error_status, facts.error_retryable) == ("502", 502, True)


def test_groq_hides_an_error_in_its_own_place() -> None:
    """A stream that ends with one has failed, whatever its status was."""
    facts = read_events(
        CHAT, chunk({"content": "a"}), chunk(finish="error", x_groq={"error": "busy"}), "[DONE]"
    )
    assert facts.error_type == "error"


def test_an_event_may_be_called_an_error() -> None:
    """Then its data is the error itself."""
    body = (
        f"data: {json.dumps(chunk({'content': 'a'}))}\n\n"
        'event: error\ndata: {"message":"no","code":500}\n\n'
    )
    facts = read_response(endpoint_for(CHAT), None, 200, STREAM, body.encode())
    assert (facts.error_type, facts.error_status, facts.error_retryable) == ("500", 500, True)


def test_spaces_in_the_json_make_no_difference() -> None:
    """A server that writes spaces is read like one that writes none."""
    events = [
        chunk({"content": "a"}, usage=None),
        chunk({"content": "b"}),
        chunk(finish="stop", usage={"prompt_tokens": 1}),
    ]
    compact = [json.dumps(event, separators=(",", ":")) for event in events]
    assert read_events(CHAT, *events) == read_events(CHAT, *compact)
