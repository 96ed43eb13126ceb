"""Gemini's counts stand beside one another, and its streams repeat them."""

import pytest

from wire_samples import read_body, read_events

GENERATE, STREAM = "gemini.generate", "gemini.stream_generate"


def test_zeros_that_protobuf_leaves_out_are_zeros() -> None:
    """A total equal to the prompt says that nothing came out."""
    usage = read_body(GENERATE, {"usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}}).usage
    assert usage is not None
    assert usage.output_tokens == 0


def test_an_unknown_prompt_stays_unknown() -> None:
    """A usage without a prompt count has none."""
    usage = read_body(GENERATE, {"usageMetadata": {"candidatesTokenCount": 3, "thoughtsTokenCount": 4}}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (None, 7)


@pytest.mark.parametrize(
    ("reason", "word"), [(1, "STOP"), (2, "MAX_TOKENS"), ("SAFETY", "SAFETY"), (99, "99")]
)
def test_enums_may_be_numbers(reason: object, word: str) -> None:
    """Vertex's gRPC gateways send them so."""
    assert read_body(GENERATE, {"candidates": [{"finishReason": reason}]}).finish_reasons == (word,)


@pytest.mark.parametrize(("provider", "word"), [("google", "PROHIBITED_CONTENT"), ("vertex", "SPII")])
def test_google_ai_numbers_its_reasons_otherwise(provider: str, word: str) -> None:
    """Its enum has a language more than Vertex's."""
    facts = read_body(GENERATE, {"candidates": [{"finishReason": 8}]}, provider=provider)
    assert facts.finish_reasons == (word,)


@pytest.mark.parametrize(
    ("model", "searches"),
    [("gemini-2.5-flash", 1), ("models/gemini-1.5-pro", 1), ("gemini-3-flash-preview", 3)],
)
def test_searches_are_counted_as_they_are_billed(model: str, searches: int) -> None:
    """By the answer up to Gemini 2, by the query since; a chunk repeats what earlier ones have listed."""
    counts = {"promptTokenCount": 8, "candidatesTokenCount": 2, "totalTokenCount": 10}
    text = {"content": {"parts": [{"text": "a"}]}}
    grounded = {**text, "groundingMetadata": {"webSearchQueries": ["a", "b", "c"]}}
    chunks = [
        {"candidates": [candidate], "modelVersion": model, "usageMetadata": counts}
        for candidate in (text, grounded, {**grounded, "finishReason": "STOP"})
    ]
    usage = read_events(STREAM, *chunks).usage
    assert usage is not None
    assert usage.units == {"web_search": searches}


def test_answers_that_rest_on_maps_have_a_fee() -> None:
    """Which no list has: the cost is then partial."""
    candidate = {"groundingMetadata": {"groundingChunks": [{"maps": {"title": "A"}}]}}
    facts = read_body(GENERATE, {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 8}})
    assert facts.usage is not None
    assert facts.usage.units == {"map_search": 1}


def test_the_last_usage_counts_even_if_it_shrinks() -> None:
    """Running totals may be revised either way; chunks with nothing but a traffic type say nothing."""
    facts = read_events(
        STREAM,
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 20}},
        {"candidates": [{"content": {"parts": [{"text": "b"}]}}], "usageMetadata": {"promptTokenCount": 14}},
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"trafficType": "ON_DEMAND"}},
    )
    assert facts.usage is not None
    assert facts.usage.input_tokens == 14


def test_a_refused_prompt_is_whole() -> None:
    """Without a candidate nothing can end, and nothing is missing."""
    facts = read_events(
        STREAM, {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}
    )
    assert (facts.truncated, facts.partial) == (False, False)


def test_streamed_arguments_are_one_call() -> None:
    """Only a call's first part has its name."""
    parts = [{"functionCall": {"name": "f", "willContinue": True}}, {"functionCall": {"partialArgs": []}}]
    events = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    assert read_events(STREAM, *events).tool_call_count == 1


def test_modalities_are_priced_apart() -> None:
    """Audio and pictures, in and out, cached audio too."""
    usage = read_body(
        GENERATE,
        {
            "usageMetadata": {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 30,
                "candidatesTokenCount": 50,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 40},
                    {"modality": "AUDIO", "tokenCount": 50},
                    {"modality": "IMAGE", "tokenCount": 10},
                ],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
                "candidatesTokensDetails": [{"modality": 2, "tokenCount": 45}],
            }
        },
    ).usage
    assert usage is not None
    assert (usage.cache_read_tokens, usage.cache_read_audio_tokens) == (10, 20)
    assert (usage.audio_input_tokens, usage.image_input_tokens, usage.uncached_input_tokens) == (30, 10, 30)
    assert (usage.image_output_tokens, usage.text_output_tokens) == (45, 5)


def test_a_misshapen_modality_hides_none_of_the_others() -> None:
    """Numbers as text count, as protobuf's JSON writes them; what is no object is passed over."""
    details = [None, {"modality": "AUDIO", "tokenCount": "7"}, {"modality": "IMAGE", "tokenCount": 2}]
    usage = read_body(
        GENERATE, {"usageMetadata": {"promptTokenCount": 10, "promptTokensDetails": details}}
    ).usage
    assert usage is not None
    assert (usage.audio_input_tokens, usage.image_input_tokens, usage.uncached_input_tokens) == (7, 2, 1)
