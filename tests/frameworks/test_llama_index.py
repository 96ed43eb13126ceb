"""LlamaIndex's model on openai makes one event a call."""

from typing import Any

import pytest

from frameworks.framework import GPT, OPENAI, QUESTION, Framework, cells, check_one_event
from list_tracker import ListTracker

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore")]


def gpt() -> Any:
    """Return a model on openai."""
    llama = pytest.importorskip("llama_index.llms.openai")
    return llama.OpenAI(model="gpt-4.1-mini", api_base=OPENAI, api_key="key")


def _message() -> Any:
    return pytest.importorskip("llama_index.core.llms").ChatMessage(role="user", content=QUESTION)


async def _achat(model: Any) -> str:
    return str((await model.achat([_message()])).message.content)


async def _astream_chat(model: Any) -> str:
    return "".join([chunk.delta async for chunk in await model.astream_chat([_message()])])


WAYS: dict[str, Any] = {
    "chat": lambda model: str(model.chat([_message()]).message.content),
    "stream_chat": lambda model: "".join(chunk.delta for chunk in model.stream_chat([_message()])),
    "achat": _achat,
    "astream_chat": _astream_chat,
}
FRAMEWORKS = {"gpt": Framework(gpt, *GPT, WAYS, holds_client=False)}


@pytest.mark.parametrize(("framework", "way", "how"), cells(FRAMEWORKS))
def test_a_call_is_one_event(framework: Framework, way: str, how: str, tracker: ListTracker) -> None:
    """The text is the provider's, and there is one event with its tokens and our scope."""
    check_one_event(framework, way, how, tracker)
