"""What is checked of each framework: the same text, and one event for a call, however it is metered."""

import gc
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from time import monotonic
from typing import Any, NamedTuple

import anyio

import taximeter
from list_tracker import ListTracker
from taximeter.capture import meter, meter_everything

QUESTION = "What does a taximeter do?"
TEXT = "A taximeter counts what a ride costs while it lasts."
OPENAI = "http://api.openai.com/v1"
ANTHROPIC = "http://api.anthropic.com"


class Framework(NamedTuple):
    """A model of a framework, and the ways of asking it; each returns the text."""

    make: Callable[[], Any]
    provider: str
    tokens: tuple[int, int]
    ways: dict[str, Callable[[Any], str | Awaitable[str]]]
    holds_client: bool = True
    """Whether `meter` finds the client in the model; else only everything can be metered."""


GPT = ("openai", (1843, 212))
CLAUDE = ("anthropic", (6752, 387))
METERS = ("the model", "everything", "both")


def cells(frameworks: dict[str, Framework]) -> list[tuple[Framework, str, str]]:
    """Return what there is to test."""
    return [
        (framework, way, how)
        for framework in frameworks.values()
        for way in framework.ways
        for how in METERS
        if framework.holds_client or how == "everything"
    ]


def ask(framework: Framework, way: str, model: Any) -> str:
    """Ask in one of the ways."""

    async def wait(answer: Awaitable[str]) -> str:
        return await answer

    answer = framework.ways[way](model)
    return answer if isinstance(answer, str) else anyio.run(wait, answer)


def check_one_event(framework: Framework, way: str, how: str, tracker: ListTracker) -> None:
    """Ask a metered model and check the text and the event."""
    with ExitStack() as stack:
        if how != "the model":
            stack.enter_context(meter_everything(tracker))
        model = framework.make()
        if how != "everything":
            meter(model, tracker)
        stack.enter_context(taximeter.scope(agent="framework"))
        assert ask(framework, way, model) == TEXT
        deadline_s = monotonic() + 10
        while not tracker.tracked and monotonic() < deadline_s:
            gc.collect()  # litellm leaves Anthropic's streams to the collector, once its own threads let go of them
    event = tracker.event
    assert (event.outcome, event.provider, event.agent) == ("success", framework.provider, "framework")
    assert (event.actual_input_tokens, event.actual_output_tokens) == framework.tokens
