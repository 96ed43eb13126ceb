"""LangChain's models on openai and anthropic make one event a call, however they are metered."""

from typing import Any

import pytest

from frameworks.framework import ANTHROPIC, CLAUDE, GPT, OPENAI, QUESTION, Framework, cells, check_one_event
from list_tracker import ListTracker

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore")]


def gpt(**options: Any) -> Any:
    """Return a model of langchain-openai, with HTTP clients of its own: they are shared otherwise, across loops too."""
    langchain = pytest.importorskip("langchain_openai")
    from_utils = pytest.importorskip("langchain_openai.chat_models._client_utils")
    for name in ("_cached_sync_httpx_client", "_cached_async_httpx_client"):
        getattr(from_utils, name).cache_clear()
    return langchain.ChatOpenAI(model="gpt-4.1-mini", base_url=OPENAI, **options)


def responses() -> Any:
    """Return the same on the Responses API."""
    return gpt(use_responses_api=True)


def claude() -> Any:
    """Return a model of langchain-anthropic, the same way."""
    langchain = pytest.importorskip("langchain_anthropic")
    from_utils = pytest.importorskip("langchain_anthropic._client_utils")
    for name in ("_get_default_httpx_client", "_get_default_async_httpx_client"):
        getattr(from_utils, name).cache_clear()
    return langchain.ChatAnthropic(model="claude-haiku-4-5", base_url=ANTHROPIC)


async def _ainvoke(model: Any) -> str:
    return str((await model.ainvoke(QUESTION)).text)


async def _astream(model: Any) -> str:
    return "".join([str(chunk.text) async for chunk in model.astream(QUESTION)])


WAYS: dict[str, Any] = {
    "invoke": lambda model: str(model.invoke(QUESTION).text),
    "stream": lambda model: "".join(str(chunk.text) for chunk in model.stream(QUESTION)),
    "ainvoke": _ainvoke,
    "astream": _astream,
}
FRAMEWORKS = {
    "gpt": Framework(gpt, *GPT, WAYS),
    "responses": Framework(responses, "openai", (642, 934), WAYS),
    "claude": Framework(claude, *CLAUDE, WAYS),
}


@pytest.mark.parametrize(("framework", "way", "how"), cells(FRAMEWORKS))
def test_a_call_is_one_event(framework: Framework, way: str, how: str, tracker: ListTracker) -> None:
    """The text is the provider's, and there is one event with its tokens and our scope."""
    check_one_event(framework, way, how, tracker)
