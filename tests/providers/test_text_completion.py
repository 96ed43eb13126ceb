"""Text completions differ in names only, and in what their results count apart."""

import pytest

from wire_samples import read_body, read_events

WATSONX = "watsonx.generation"


@pytest.mark.parametrize("word", ["not_finished", "NOT_FINISHED"])
def test_a_generation_that_is_not_finished_is_partial(word: str) -> None:
    """Every event of watsonx says so; a stream cut there has no end and no reason for one."""
    facts = read_events(
        WATSONX,
        {"results": [{"input_token_count": 8, "generated_token_count": 1, "stop_reason": word}]},
        {"results": [{"input_token_count": 0, "generated_token_count": 4, "stop_reason": word}]},
    )
    assert (facts.truncated, facts.partial, facts.finish_reasons) == (True, True, ())
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (8, 4)


def test_several_results_are_added_up() -> None:
    """Each has counts and an end of its own."""
    facts = read_body(
        WATSONX,
        {
            "results": [
                {"input_token_count": 8, "generated_token_count": 20, "stop_reason": "max_tokens"},
                {"input_token_count": 5, "generated_token_count": 3, "stop_reason": "eos_token"},
            ]
        },
    )
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (13, 23)
    assert facts.finish_reasons == ("max_tokens", "eos_token")


def test_details_stand_in_the_results() -> None:
    """Text-generation-inference counts in the details of each."""
    details = {"finish_reason": "length", "generated_tokens": 5, "input_length": 7}
    facts = read_body("huggingface.generate", [{"generated_text": "a", "details": details}])
    assert facts.usage is not None
    assert (facts.usage.input_tokens, facts.usage.output_tokens) == (7, 5)
    assert facts.finish_reasons == ("length",)


def test_a_list_of_texts_is_an_answer() -> None:
    """Hugging Face wraps even a single text; its tokens are counted only when details are asked for."""
    plain = read_body("huggingface.generate", [{"generated_text": "ok"}])
    assert (plain.error_type, plain.truncated, plain.usage) == (None, False, None)
    details = {"finish_reason": "length", "generated_tokens": 5}
    assert read_body("huggingface.generate", [{"details": details}]).finish_reasons == ("length",)
