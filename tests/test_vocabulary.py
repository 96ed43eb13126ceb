"""Vocabularies are open: they accept and keep words they do not know."""

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.vocabulary import Outcome, TaskType, Vocabulary

ALL = Vocabulary.__subclasses__()


@given(st.text())
def test_any_word_is_kept(word: str) -> None:
    """Whatever word comes in is the word that goes out, in memory, JSON and pickle."""
    value = TaskType(word)
    assert value == word
    if not any("\ud800" <= char <= "\udfff" for char in word):
        assert msgspec.json.decode(msgspec.json.encode(value), type=TaskType) == word
    assert pickle.loads(pickle.dumps(value)) == word


def test_known_words_are_members() -> None:
    """A known word is the member itself, so `is` works on it."""
    assert Outcome("success") is Outcome.SUCCESS


def test_words_print_as_themselves() -> None:
    """Known or not, a word in a log line is just the word."""
    assert f"{Outcome.FAILURE} {Outcome('odd')}" == "failure odd"


@pytest.mark.parametrize("vocabulary", ALL)
def test_numbers_are_no_words(vocabulary: type[Vocabulary]) -> None:
    """What is no text is refused, so a swapped field shows."""
    with pytest.raises(ValueError, match="7"):
        vocabulary(7)  # type: ignore[arg-type]  # the point of the test
