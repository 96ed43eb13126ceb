"""Chat service: `chat`, `chat_stream` and `embed`, each call an event with what was expected and what it came to."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from openai import AsyncOpenAI

import taximeter
from taximeter.forecast import Forecast

Message = dict[str, str]


class ChatService:
    """Calls models for an application and tracks each call, fire and forget.

    Args:
        client: Who makes the calls; it is left as it is.
        tracker: Where the events go.
        forecast: What calls of each kind have consumed, and so will; None expects nothing.
        provider: Who answers.
        model: What answers chats.
        embedding_model: What makes embeddings.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        tracker: taximeter.Tracker,
        *,
        forecast: Forecast | None = None,
        provider: str = "openai",
        model: str = "gpt-4o-mini",
        embedding_model: str = "text-embedding-3-small",
    ) -> None:
        self._client: Any = client
        self._tracker = tracker
        self._forecast = forecast
        self._provider = provider
        self._model = model
        self._embedding_model = embedding_model

    async def chat(
        self, messages: Sequence[Message], *, task_type: str = "chat", complexity: str = "medium"
    ) -> str:
        """Return the answer."""
        request = {"model": self._model, "messages": messages}
        with self._tracking(request, task_type, complexity) as answer:
            answer["response"] = await self._client.chat.completions.create(**request)
        return str(answer["response"].choices[0].message.content)

    async def chat_stream(
        self, messages: Sequence[Message], *, task_type: str = "chat", complexity: str = "medium"
    ) -> AsyncIterator[str]:
        """Yield the answer as it comes; its tokens are tracked when it ends, however it ends."""
        request = {"model": self._model, "messages": messages}
        asking = {**request, "stream": True, "stream_options": {"include_usage": True}}
        started_s = perf_counter()
        stream = await self._client.chat.completions.create(**asking)
        async with self._tracker.wrap_stream(
            stream,
            provider=self._provider,
            model=self._model,
            request=request,
            started_s=started_s,
            **self._fields(request, task_type, complexity),
        ) as chunks:
            async for chunk in chunks:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text."""
        request = {"model": self._embedding_model, "input": texts}
        with self._tracking(request, "embedding", "low") as answer:
            answer["response"] = await self._client.embeddings.create(**request)
        return [item.embedding for item in answer["response"].data]

    def _fields(self, request: dict[str, Any], task_type: str, complexity: str) -> dict[str, Any]:
        said = {"task_type": task_type, "complexity": complexity}
        return {**said, "harness": "chat-service", **self._expected(request, said)}

    def _expected(self, request: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
        """Return what is to be expected of a call, before it is made; what nothing tells is left out, never zero."""
        if self._forecast is None:
            return {}
        operation = "chat" if "messages" in request else "embeddings"
        found = self._forecast.expect(
            provider=self._provider,
            request=request,
            operation=operation,
            task_type=said["task_type"],
            complexity=said["complexity"],
            agent=None,
        )
        if not found.samples or found.cost_p50_usd_nanos is None:
            return {"estimated_input_tokens": found.input_tokens}
        return {
            "estimated_input_tokens": found.input_tokens,
            "estimated_output_tokens": found.output_tokens_p50,
            "estimated_cost_usd_micros": round(found.cost_p50_usd_nanos / 1000),
        }

    @contextmanager
    def _tracking(self, request: dict[str, Any], task_type: str, complexity: str) -> Iterator[dict[str, Any]]:
        """Build the event of a whole call when it ends, and hand it over."""
        fields = self._fields(request, task_type, complexity)  # before the call
        answer: dict[str, Any] = {"response": None}
        started_s = perf_counter()
        try:
            yield answer
        except BaseException as error:
            is_error = isinstance(error, Exception)
            fields |= {"outcome": "failure" if is_error else "cancelled", "error_type": type(error).__name__}
            raise
        finally:
            event = self._tracker.events.build(
                provider=self._provider,
                response=answer["response"],
                request=request,
                task_duration_ms=(perf_counter() - started_s) * 1000,
                **fields,
            )
            self._tracker.track_task_completion(event)
