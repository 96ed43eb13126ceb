"""Messages are counted as the protocol says: later numbers replace earlier ones, cached tokens stand beside the rest."""

from typing import Any

from wire_samples import read_body, read_events

MESSAGES = "anthropic.messages"
START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg",
        "model": "claude",
        "content": [],
        "usage": {"input_tokens": 100, "cache_creation_input_tokens": 50, "output_tokens": 1},
    },
}
STOP = {"type": "message_stop"}


def test_a_delta_replaces_what_it_names() -> None:
    """It may revise input and cache counts too, and several deltas are not added up."""
    facts = read_events(
        MESSAGES,
        START,
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 90, "cache_creation_input_tokens": 60, "output_tokens": 9},
        },
        STOP,
    )
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.cache_write_5m_tokens) == (150, 60)
    assert (facts.usage.output_tokens, facts.partial) == (9, False)


def test_the_total_of_cache_writes_wins_over_its_split() -> None:
    """The split by lifetime is followed as far as the total goes; the rest is written for five minutes."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    for total, split, expected in (
        (300, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, (100, 200)),
        (350, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, (150, 200)),
        (150, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, (0, 150)),
        (300, None, (300, None)),
    ):
        body = {
            "type": "message",
            "usage": {**usage, "cache_creation_input_tokens": total, "cache_creation": split},
        }
        counted = read_body(MESSAGES, body).usage
        assert counted is not None
        assert (counted.cache_write_5m_tokens, counted.cache_write_1h_tokens) == expected


def test_before_the_first_delta_the_output_is_a_placeholder() -> None:
    """A stream cut there has a lower bound, flagged as such."""
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}
    facts = read_events(MESSAGES, START, delta)
    assert (facts.truncated, facts.partial) == (True, True)


def test_tools_are_counted_by_who_runs_them() -> None:
    """The client's and the provider's, each when its block begins."""
    blocks = [{"type": kind} for kind in ("text", "tool_use", "server_tool_use", "mcp_tool_use")]
    starts = [{"type": "content_block_start", "content_block": block} for block in blocks]
    facts = read_events(MESSAGES, START, *starts, STOP)
    assert (facts.tool_call_count, facts.server_tool_call_count) == (1, 2)


def test_a_fallback_is_charged_at_its_own_model() -> None:
    """Each turn names who did it; the searches are charged once, at the model that answered."""
    turn = {"input_tokens": 4, "output_tokens": 2}
    usage = {
        **turn,
        "server_tool_use": {"web_search_requests": 2},
        "iterations": [{"model": "first", **turn}, {"model": "second", **turn}],
    }
    facts = read_body(MESSAGES, {"type": "message", "model": "second", "usage": usage})
    assert [model for model, _ in facts.charges] == ["first", "second", None]
    assert facts.charges[-1][1].units == {"web_search": 2}


def test_speed_and_place_move_the_price() -> None:
    """They are kept for whoever prices the call."""
    usage = {"input_tokens": 1, "speed": "fast", "inference_geo": "us", "service_tier": "priority"}
    facts = read_body(MESSAGES, {"type": "message", "usage": usage})
    assert (facts.price_context, facts.service_tier) == ({"speed": "fast", "inference_geo": "us"}, "priority")


def test_the_cost_that_a_host_reports_is_kept() -> None:
    """OpenRouter reports it in this format too."""
    usage = {"input_tokens": 10, "output_tokens": 5, "cost": 0.001}
    facts = read_body(MESSAGES, {"type": "message", "content": [], "usage": usage}, provider="openrouter")
    assert facts.reported_cost_usd_nanos == 1_000_000
