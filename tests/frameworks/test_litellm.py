"""litellm makes one event a call on all its routes; its clients are its own, so everything is metered."""

from typing import Any

import pytest

from frameworks.framework import ANTHROPIC, CLAUDE, GPT, OPENAI, QUESTION, Framework, cells, check_one_event
from list_tracker import ListTracker

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore")]

ASKED = [{"role": "user", "content": QUESTION}]
ROUTES = {
    "openai": {"model": "openai/gpt-4.1-mini", "api_base": OPENAI, "api_key": "key"},
    "anthropic": {"model": "anthropic/claude-haiku-4-5", "api_base": ANTHROPIC, "api_key": "key"},
}


def litellm() -> Any:
    """Return the module, with clients of its own for each test."""
    module = pytest.importorskip("litellm")
    module.in_memory_llm_clients_cache.flush_cache()
    return module


def _text(answer: Any) -> str:
    return str(answer.choices[0].message.content)


def _words(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def ways(route: dict[str, str]) -> dict[str, Any]:
    """Return the ways of asking over one route."""

    async def acompletion(module: Any) -> str:
        return _text(await module.acompletion(messages=ASKED, **route))

    async def astream(module: Any) -> str:
        stream = await module.acompletion(messages=ASKED, stream=True, **route)
        return _words([chunk async for chunk in stream])

    return {
        "completion": lambda module: _text(module.completion(messages=ASKED, **route)),
        "stream": lambda module: _words(list(module.completion(messages=ASKED, stream=True, **route))),
        "acompletion": acompletion,
        "astream": astream,
    }


FRAMEWORKS = {
    "openai": Framework(litellm, *GPT, ways(ROUTES["openai"]), holds_client=False),
    "anthropic": Framework(litellm, *CLAUDE, ways(ROUTES["anthropic"]), holds_client=False),
}


@pytest.mark.parametrize(("framework", "way", "how"), cells(FRAMEWORKS))
def test_a_call_is_one_event(framework: Framework, way: str, how: str, tracker: ListTracker) -> None:
    """The text is the provider's, and there is one event with its tokens and our scope."""
    check_one_event(framework, way, how, tracker)
