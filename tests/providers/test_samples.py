"""What each wire format says is read as its provider documents it."""

from typing import Any

import pytest

from taximeter.providers import Facts, endpoint_for, read_response
from taximeter.usage import Usage
from wire_samples import SAMPLES, Sample

U = Usage

EXPECTED: dict[str, dict[str, Any]] = {
    "openai.chat.json": {
        "model": "gpt-4o-mini-2024-07-18",
        "response_id": "chatcmpl-own1",
        "service_tier": "default",
        "finish_reasons": ("stop",),
        "usage": U(
            uncached_input_tokens=176,
            cache_read_tokens=1024,
            audio_input_tokens=0,
            text_output_tokens=40,
            audio_output_tokens=0,
            reasoning_tokens=16,
        ),
    },
    "openai.chat.sse": {
        "streaming": True,
        "finish_reasons": ("stop",),
        "usage": U(
            uncached_input_tokens=21,
            cache_read_tokens=0,
            audio_input_tokens=0,
            text_output_tokens=6,
            audio_output_tokens=0,
            reasoning_tokens=0,
        ),
    },
    "openai.chat.tools.sse": {"tool_call_count": 2, "finish_reasons": ("tool_calls",), "usage": None},
    "openai.chat.error.json": {
        "error_type": "rate_limit_error",
        "error_status": 429,
        "error_retryable": True,
        "truncated": False,
    },
    "openrouter.chat.json": {
        "reported_cost_usd_nanos": 123450,
        "usage": U(
            uncached_input_tokens=5,
            cache_read_tokens=2,
            cache_write_5m_tokens=3,
            text_output_tokens=5,
            reasoning_tokens=1,
        ),
    },
    "groq.chat.json": {
        "usage": U(uncached_input_tokens=300, text_output_tokens=60),
        "charges": (
            ("llama-3.3-70b-versatile", U(uncached_input_tokens=100, text_output_tokens=20)),
            ("openai/gpt-oss-120b", U(uncached_input_tokens=200, text_output_tokens=40)),
        ),
    },
    "openai.completions.json": {"usage": U(uncached_input_tokens=4, text_output_tokens=2)},
    "openai.embeddings.json": {"usage": U(uncached_input_tokens=9), "model": "text-embedding-3-small"},
    "openai.responses.json": {
        "tool_call_count": 1,
        "server_tool_call_count": 2,
        "finish_reasons": ("completed",),
        "usage": U(
            uncached_input_tokens=172,
            cache_read_tokens=128,
            text_output_tokens=90,
            reasoning_tokens=64,
            units={"web_search": 1},
        ),
    },
    "openai.responses.sse": {
        "streaming": True,
        "response_id": "resp_own",
        "finish_reasons": ("max_output_tokens",),
        "usage": U(
            uncached_input_tokens=172, cache_read_tokens=128, text_output_tokens=90, reasoning_tokens=64
        ),
    },
    "openai.responses.images.json": {
        "server_tool_call_count": 3,
        "charges": (
            (
                None,
                U(
                    uncached_input_tokens=172,
                    cache_read_tokens=128,
                    text_output_tokens=90,
                    reasoning_tokens=64,
                    units={"web_search": 1},
                ),
            ),
            (
                "gpt-image-1",
                U(
                    uncached_input_tokens=50,
                    image_input_tokens=0,
                    text_output_tokens=0,
                    image_output_tokens=272,
                ),
            ),
        ),
    },
    "openai.responses.background.json": {"finish_reasons": ("queued",), "usage": None, "raw_usage": None},
    "openai.images.json": {
        "usage": U(
            uncached_input_tokens=12, image_input_tokens=64, text_output_tokens=0, image_output_tokens=120
        )
    },
    "openai.transcription.json": {
        "usage": U(uncached_input_tokens=2, audio_input_tokens=35, text_output_tokens=12)
    },
    "openai.transcription.duration.json": {"usage": U(units={"audio_ms": 3700})},
    "openai.assistants_runs.json": {
        "usage": None,
        "tool_call_count": 1,
        "finish_reasons": ("requires_action",),
    },
    "openai.assistants_runs.sse": {
        "finish_reasons": ("completed",),
        "usage": U(uncached_input_tokens=20, cache_read_tokens=0, text_output_tokens=3),
    },
    "openai.realtime.ndjson": {
        "model": "gpt-realtime",
        "usage": U(
            uncached_input_tokens=25,
            cache_read_tokens=54,
            cache_read_audio_tokens=10,
            audio_input_tokens=16,
            text_output_tokens=6,
            audio_output_tokens=20,
        ),
    },
    "anthropic.messages.json": {
        "tool_call_count": 1,
        "server_tool_call_count": 1,
        "service_tier": "standard",
        "price_context": {"inference_geo": "us"},
        "usage": U(
            uncached_input_tokens=10,
            cache_read_tokens=2000,
            cache_write_5m_tokens=100,
            cache_write_1h_tokens=200,
            text_output_tokens=50,
            units={"web_search": 1},
        ),
    },
    "anthropic.messages.sse": {
        "streaming": True,
        "response_id": "msg_own2",
        "finish_reasons": ("end_turn",),
        "usage": U(
            uncached_input_tokens=27, cache_read_tokens=5, cache_write_5m_tokens=0, text_output_tokens=15
        ),
    },
    "anthropic.messages.error.sse": {
        "error_type": "overloaded_error",
        "error_status": None,
        "error_retryable": True,
        "truncated": False,
        "partial": True,  # what was said before the error is a lower bound
    },
    "anthropic.messages.iterations.json": {
        "charges": (
            (
                None,
                U(
                    uncached_input_tokens=55000,
                    cache_read_tokens=0,
                    cache_write_5m_tokens=0,
                    text_output_tokens=80,
                ),
            ),
            ("claude-opus-4-8", U(uncached_input_tokens=500, text_output_tokens=20)),
            (None, U(uncached_input_tokens=180, text_output_tokens=8)),
        )
    },
    "anthropic.complete.json": {"finish_reasons": ("stop_sequence",), "model": "claude-2.1", "usage": None},
    "gemini.generate.json": {
        "tool_call_count": 1,
        "server_tool_call_count": 1,
        "service_tier": "standard",
        "response_id": "own-g1",
        "usage": U(
            uncached_input_tokens=21,
            cache_read_tokens=16,
            audio_input_tokens=10,
            text_output_tokens=42,
            reasoning_tokens=30,
        ),
    },
    "gemini.generate.error.json": {
        "error_type": "UNAVAILABLE",
        "error_status": 503,
        "error_retryable": True,
    },
    "gemini.stream_generate.sse": {
        "streaming": True,
        "finish_reasons": ("STOP",),
        "usage": U(uncached_input_tokens=9, text_output_tokens=5),
    },
    "gemini.stream_generate.json": {
        "streaming": True,
        "finish_reasons": ("STOP",),
        "usage": U(uncached_input_tokens=9, text_output_tokens=5),
    },
    "gemini.embed.json": {"usage": U(uncached_input_tokens=7)},
    "gemini.interactions.sse": {
        "tool_call_count": 1,
        "finish_reasons": ("requires_action",),
        "usage": U(
            uncached_input_tokens=45, cache_read_tokens=10, text_output_tokens=65, reasoning_tokens=50
        ),
    },
    "google.live.ndjson": {
        "usage": U(uncached_input_tokens=55, text_output_tokens=15),
        "charges": (("gemini-live-2.5-flash", U(uncached_input_tokens=55, text_output_tokens=15)),),
    },
    "vertex.predict.json": {"usage": U(uncached_input_tokens=7)},
    "ollama.chat.ndjson": {
        "streaming": True,
        "finish_reasons": ("stop",),
        "usage": U(uncached_input_tokens=14, text_output_tokens=3),
    },
    "ollama.generate.json": {
        "streaming": False,
        "finish_reasons": ("length",),
        "usage": U(text_output_tokens=2),
    },
    "ollama.embed.json": {"usage": U(uncached_input_tokens=8), "truncated": False},
    "cohere.chat_v2.json": {
        "tool_call_count": 1,
        "usage": U(uncached_input_tokens=53, cache_read_tokens=16, text_output_tokens=4),
        "charges": ((None, U(uncached_input_tokens=7, text_output_tokens=3)),),
    },
    "cohere.chat_v2.sse": {
        "response_id": "own-c2",
        "finish_reasons": ("COMPLETE",),
        "usage": U(uncached_input_tokens=7, text_output_tokens=3),
        "charges": (),
    },
    "cohere.chat_v1.ndjson": {
        "response_id": "own-c3",
        "finish_reasons": ("COMPLETE",),
        "charges": ((None, U(uncached_input_tokens=5, text_output_tokens=2)),),
    },
    "cohere.rerank.json": {"usage": U(units={"search_unit": 1})},
    "bedrock.converse.json": {
        "tool_call_count": 1,
        "service_tier": "priority",
        "usage": U(
            uncached_input_tokens=12,
            cache_read_tokens=700,
            cache_write_5m_tokens=100,
            cache_write_1h_tokens=200,
            text_output_tokens=8,
        ),
    },
    "bedrock.converse_stream": {
        "streaming": True,
        "tool_call_count": 1,
        "finish_reasons": ("tool_use",),
        "usage": U(uncached_input_tokens=30, cache_read_tokens=4, text_output_tokens=6),
    },
    "bedrock.converse_stream.throttled": {"error_type": "throttlingException", "error_retryable": True},
    "bedrock.invoke.titan.json": {
        "finish_reasons": ("LENGTH",),
        "usage": U(uncached_input_tokens=5, text_output_tokens=10),
    },
    "bedrock.invoke.mistral.json": {
        "finish_reasons": ("length",),
        "usage": U(uncached_input_tokens=6, text_output_tokens=10),
    },
    "bedrock.invoke_stream.anthropic": {
        "response_id": "msg_b",
        "finish_reasons": ("end_turn",),
        "usage": U(uncached_input_tokens=7, text_output_tokens=9),
    },
    "bedrock.invoke_stream.cohere": {
        "response_id": "gen_b",
        "usage": U(uncached_input_tokens=60, text_output_tokens=2),
        "charges": ((None, U(uncached_input_tokens=4, text_output_tokens=2)),),
    },
    "bedrock.invoke_stream.mistral": {
        "finish_reasons": ("stop",),
        "usage": U(uncached_input_tokens=19, text_output_tokens=20),
    },
    "mistral.transcription.json": {
        "usage": U(
            uncached_input_tokens=3,
            cache_read_tokens=0,
            audio_input_tokens=375,
            text_output_tokens=11,
            units={"audio_ms": 3000},
        )
    },
    "mistral.ocr.json": {"usage": U(units={"page": 3})},
    "voyage.rerank.json": {"usage": U(uncached_input_tokens=57)},
    "watsonx.generation.json": {"usage": U(uncached_input_tokens=7, text_output_tokens=2)},
    "replicate.predictions.json": {
        "finish_reasons": ("succeeded",),
        "usage": U(uncached_input_tokens=11, text_output_tokens=2),
    },
    "xai.grpc_chat.ndjson": {
        "finish_reasons": ("REASON_STOP",),
        "reported_cost_usd_nanos": 123457,
        "usage": U(uncached_input_tokens=24, cache_read_tokens=16, text_output_tokens=8, reasoning_tokens=5),
    },
}


def facts_of(sample: Sample) -> Facts:
    endpoint = endpoint_for(sample.wire_format, provider=sample.provider)
    return read_response(endpoint, None, sample.status, sample.headers, sample.body)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_tells_its_facts(sample: Sample) -> None:
    """Model, usage, charges, ends, calls and errors are what the sample says, and it is whole."""
    facts = facts_of(sample)
    expected = {"truncated": False, "partial": False, "error_type": None} | EXPECTED[sample.name]
    assert {name: getattr(facts, name) for name in expected} == expected


def test_realtime_transcripts_are_priced_apart() -> None:
    """The transcription of the user's speech is another model's work."""
    facts = facts_of(next(sample for sample in SAMPLES if sample.wire_format == "openai.realtime"))
    assert facts.usage is not None
    assert facts.charges == (
        (None, facts.usage),
        ("whisper-1", U(uncached_input_tokens=0, audio_input_tokens=26, text_output_tokens=9)),
    )
