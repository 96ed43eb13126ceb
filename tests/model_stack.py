"""A model library of the kind that `Metered` wraps: adapters, and retries, fallbacks and limits around them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.lowlevel


@dataclass
class Counts:
    """The library's own counters."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(slots=True)
class Answer:
    """The library's own response."""

    text: str
    usage: Counts | None = None
    stop_reason: str = "end_turn"
    model: str | None = None
    provider: str | None = None
    tool_calls: list[str] = field(default_factory=list)


class BusyError(Exception):
    """What an adapter raises when its provider is busy."""

    status_code = 529


class Adapter:
    """Answers what it was told to, the last answer again and again; an exception is raised."""

    def __init__(self, name: str, model_name: str, *answers: Any) -> None:
        self.name = name
        self.model_name = model_name
        self.calls: list[tuple[Any, Any, dict[str, Any]]] = []
        self._answers = list(answers)

    async def invoke(self, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        """Return the next answer."""
        await anyio.lowlevel.checkpoint()
        self.calls.append((messages, tools, kwargs))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def stream(self, messages: Any) -> AsyncIterator[Any]:
        """Yield the answers one by one."""
        for answer in self._answers:
            await anyio.lowlevel.checkpoint()
            if isinstance(answer, BaseException):
                raise answer
            yield answer


class Layer:
    """A wrapper that shows the name and the model of what it wraps."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The first adapter's."""
        return str(self._inner.name)

    @property
    def model_name(self) -> str:
        """The first adapter's."""
        return str(self._inner.model_name)

    async def invoke(self, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        """Pass the call on."""
        return await self._inner.invoke(messages, tools, **kwargs)


class Retry(Layer):
    """Tries three times."""

    async def invoke(self, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        """Pass the call on until it is answered."""
        for _ in range(2):
            try:
                return await self._inner.invoke(messages, tools, **kwargs)
            except BusyError:
                await anyio.lowlevel.checkpoint()
        return await self._inner.invoke(messages, tools, **kwargs)


class Fallback(Layer):
    """Asks the next model when one fails."""

    def __init__(self, models: Sequence[Any]) -> None:
        super().__init__(models[0])
        self._models = list(models)

    async def invoke(self, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        """Pass the call on to the first model that answers."""
        for model in self._models[:-1]:
            try:
                return await model.invoke(messages, tools, **kwargs)
            except BusyError:
                await anyio.lowlevel.checkpoint()
        return await self._models[-1].invoke(messages, tools, **kwargs)


class RateLimit(Layer):
    """Waits for its turn."""
