"""Requests are counted by a tokenizer where its vocabulary is at hand, and nothing is fetched unasked."""

import socket
from pathlib import Path
from typing import Any

import pytest

from histories import answered
from taximeter.forecast import Forecast, Tokenizer

REQUEST = {"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": "one two three"}]}


class Words:
    """A vocabulary of words."""

    def encode_ordinary(self, text: str, /) -> list[int]:
        """Return a number for each word."""
        return list(range(len(text.split())))


@pytest.fixture
def tokenizer() -> Tokenizer:
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    return Tokenizer(encodings={"o200k_base": Words()})


def test_texts_are_counted_exactly(tokenizer: Tokenizer) -> None:
    """Three words, and what the message itself takes; dates and gateways make no other model of it."""
    assert tokenizer(None, REQUEST) == 3 + 7
    assert tokenizer("openai/gpt-4o", b'{"input":"one two"}') == 2


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-3.5-turbo", "in-house"])
def test_models_of_other_vocabularies_are_not_counted(tokenizer: Tokenizer, model: str) -> None:
    """Then a forecast goes by the length."""
    assert tokenizer(model, REQUEST) is None
    found = Forecast(count_tokens=tokenizer).expect(provider="x", model=model, request=REQUEST)
    assert found.input_basis == "length of the request"


def test_a_forecast_says_that_it_was_counted(tokenizer: Tokenizer) -> None:
    """`input_basis` is `tokenizer`."""
    forecast = Forecast(count_tokens=tokenizer)
    forecast.learn(answered())
    found = forecast.expect(provider="openai", request=REQUEST)
    assert (found.input_tokens, found.input_basis) == (10, "tokenizer")


def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without whole vocabularies on disk there are none, at once: no socket is opened, now or when it is used."""
    pytest.importorskip("tiktoken", reason="tiktoken is not installed")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    damaged = "fb374d419588a4632f3f557e76b4b70aebbca790"  # o200k_base
    (tmp_path / damaged).write_bytes(b"half of it")
    tokenizer = Tokenizer()
    assert tokenizer.vocabularies == ()
    assert tokenizer("gpt-4o", REQUEST) is None
