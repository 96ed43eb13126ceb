"""Calls are of one kind by what they have in common."""

import pytest

from taximeter.forecast.kind import ANY, Kind, family_of, input_size, model_stem


@pytest.mark.parametrize(
    ("model", "stem"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("openai/gpt-5", "gpt-5"),
        ("", ""),
    ],
)
def test_a_models_date_region_and_gateway_change_nothing(model: str, stem: str) -> None:
    """What is asked of one is history for the other."""
    assert model_stem(model) == stem


def test_families_are_first_words() -> None:
    """A new model of a family is told by its elders."""
    assert family_of("claude-opus-9") == family_of("claude-3-haiku") == "claude"
    assert family_of("7b") == "b"
    assert family_of("1") == "1"


def test_inputs_of_one_size_are_within_a_factor_of_four() -> None:
    """Four times as many tokens are the next size."""
    assert [input_size(tokens) for tokens in (0, 1, 2, 7, 8, 31, 1000, 4000)] == [0, 0, 1, 1, 2, 2, 5, 6]


def test_groups_go_from_much_in_common_to_little() -> None:
    """Eight levels where all is said; what is left open, or not known, makes no group of its own."""
    full = Kind("gpt-4o", "chat", "planning", "high", "a")
    assert [group[0] for group in full.groups(100)] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [group[0] for group in full.groups()] == [1, 2, 3, 4, 5, 6, 7]
    assert [group[0] for group in full._replace(agent=ANY).groups(100)] == [2, 4, 5, 6, 7]
    assert [group[0] for group in full._replace(task_type="unknown").groups()] == [1, 5, 6, 7]
    assert [group[0] for group in Kind().groups()] == [1, 7]


def test_chats_and_responses_are_one_operation() -> None:
    """Embeddings are another: what they write says nothing of a chat."""
    assert Kind(operation="chat").groups() == Kind(operation="responses").groups()
    assert Kind(operation="embeddings").groups() != Kind(operation="chat").groups()
