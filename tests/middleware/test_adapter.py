"""Who may have answered behind a wrapped model, and who has."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest

from model_stack import Adapter as ModelAdapter
from model_stack import Fallback, RateLimit, Retry
from taximeter.middleware.adapter import Adapter, Answered, adapters_of, who_answered

SONNET = Adapter("anthropic", "claude-sonnet-4-5")
MINI = Adapter("openai", "openai/gpt-4o-mini")
BIG = Adapter("openai", "gpt-4o")
METHODS = ("invoke",)


def model(adapter: Adapter) -> ModelAdapter:
    return ModelAdapter(str(adapter.provider), str(adapter.model))


def test_wrappers_are_looked_through() -> None:
    """Adapters are found behind layers and in lists, in order, those of the same name once."""
    stack = Retry(Fallback([RateLimit(model(SONNET)), model(MINI), model(SONNET)]))
    assert adapters_of(stack, METHODS) == (SONNET, MINI)


def test_adapters_in_a_dict_are_found() -> None:
    """Routers keep their models by name."""
    router = SimpleNamespace(invoke=print, models={"a": model(SONNET), "b": model(BIG), "c": 7})
    assert adapters_of(router, METHODS) == (SONNET, BIG)


@pytest.mark.parametrize("inner", [object(), None, 7, MagicMock(), SimpleNamespace(invoke=print)])
def test_an_object_that_says_nothing_is_one_unknown_adapter(inner: Any) -> None:
    """There is always a first one, even if it is nobody."""
    assert adapters_of(inner, METHODS) == (Adapter(),)


def test_looking_around_does_no_harm() -> None:
    """An attribute that raises is none, and a class or a module is not searched."""

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    stack = SimpleNamespace(invoke=print, a=Hostile(), b=SimpleNamespace, c=msgspec, d=model(SONNET))
    assert adapters_of(stack, METHODS) == (SONNET,)
    assert adapters_of(msgspec, ("json",)) == (Adapter(),)


def test_cycles_end() -> None:
    """Objects that hold each other are looked at once."""
    one, two = SimpleNamespace(invoke=print), SimpleNamespace(invoke=print, name="b", model_name="m")
    one.next, two.next = two, one
    assert adapters_of(one, METHODS) == (Adapter("b", "m"),)


@pytest.mark.parametrize(
    ("provider", "answered", "expected"),
    [
        (
            None,
            "claude-sonnet-4-5-20250929",
            Answered("anthropic", "claude-sonnet-4-5-20250929", SONNET.model),
        ),
        (None, "gpt-4o-2024-08-06", Answered("openai", "gpt-4o-2024-08-06", "gpt-4o")),
        (None, "gpt-4o-mini-2024-07-18", Answered("openai", "gpt-4o-mini-2024-07-18", MINI.model)),
        ("openai", None, Answered("openai", None, None)),
        ("anthropic", None, Answered("anthropic", SONNET.model, SONNET.model)),
        ("acme", "acme-7b", Answered("acme", "acme-7b", None)),
        (None, "acme-7b", Answered(None, "acme-7b", None)),
        (None, None, Answered(None, None, None)),
    ],
)
def test_the_answer_tells_among_several(
    provider: str | None, answered: str | None, expected: Answered
) -> None:
    """The provider it names, else the adapter whose model it names; a model of nobody's is not put down to anybody."""
    assert who_answered((SONNET, MINI, BIG), provider, answered) == expected


@pytest.mark.parametrize("answered", [None, "claude-sonnet-4-5-20250929", "an alias resolved"])
def test_a_single_adapter_has_answered(answered: str | None) -> None:
    """Whatever the model in its answer is called."""
    assert who_answered((SONNET,), None, answered) == Answered(
        "anthropic", answered or SONNET.model, SONNET.model
    )


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-4", "gpt-4.1", False),
        ("gpt-4", "gpt-4o", False),
        ("gpt-5", "gpt-5-mini", False),
        ("llama3", "llama3:8b", True),
        ("mistral-large-latest", "mistral-large-2411", True),
        ("openrouter/openai/gpt-4o", "gpt-4o", True),
        ("GPT-4o", "gpt-4o", True),
    ],
)
def test_versions_are_the_same_model_and_sizes_are_not(asked: str, answered: str, *, same: bool) -> None:
    """A date, a version or a tag may follow the name that was asked for."""
    other = Adapter("other", "other")
    found = who_answered((Adapter("mine", asked), other), None, answered)
    assert (found.provider == "mine") == same
