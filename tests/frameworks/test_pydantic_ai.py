"""pydantic-ai's agents make one event a call, however their models are metered."""

from typing import Any

import pytest

from frameworks.framework import ANTHROPIC, CLAUDE, GPT, OPENAI, QUESTION, Framework, cells, check_one_event
from list_tracker import ListTracker

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore")]


def gpt() -> Any:
    """Return a model on openai."""
    providers = pytest.importorskip("pydantic_ai.providers.openai")
    models = pytest.importorskip("pydantic_ai.models.openai")
    return models.OpenAIChatModel("gpt-4.1-mini", provider=providers.OpenAIProvider(base_url=OPENAI))


def claude() -> Any:
    """Return a model on anthropic."""
    providers = pytest.importorskip("pydantic_ai.providers.anthropic")
    models = pytest.importorskip("pydantic_ai.models.anthropic")
    provider = providers.AnthropicProvider(api_key="key", base_url=ANTHROPIC)
    return models.AnthropicModel("claude-haiku-4-5", provider=provider)


def _agent(model: Any) -> Any:
    return pytest.importorskip("pydantic_ai").Agent(model)


async def _run(model: Any) -> str:
    return str((await _agent(model).run(QUESTION)).output)


async def _stream(model: Any) -> str:
    async with _agent(model).run_stream(QUESTION) as result:
        return str(await result.get_output())


WAYS: dict[str, Any] = {"run": _run, "run_stream": _stream}
FRAMEWORKS = {"gpt": Framework(gpt, *GPT, WAYS), "claude": Framework(claude, *CLAUDE, WAYS)}


@pytest.mark.parametrize(("framework", "way", "how"), cells(FRAMEWORKS))
def test_a_call_is_one_event(framework: Framework, way: str, how: str, tracker: ListTracker) -> None:
    """The output is the provider's text, and there is one event with its tokens and our scope."""
    check_one_event(framework, way, how, tracker)
