"""A telemetry module of a model library as applications have it, so that the code of those who leave it can be run."""

import logging
from time import monotonic
from typing import Any

logger = logging.getLogger("telemetry")
_KEYS = {"level", "input_per_1m", "output_per_1m", "cache_read_per_1m", "cache_write_per_1m"}


class ConfigurationError(Exception):
    """A setting that cannot be."""


class TelemetryModule:
    """Logs one line for each call of what it wraps."""

    def __init__(self, inner: Any, settings: dict[str, Any]) -> None:
        if unknown := settings.keys() - _KEYS:
            raise ConfigurationError(f"unknown keys: {unknown}")
        self._inner = inner
        self._settings = settings
        self.name, self.model_name = inner.name, inner.model_name

    async def invoke(self, messages: Any, tools: Any = None, **kwargs: Any) -> Any:
        """Pass the call on and log it."""
        started = monotonic()
        response = await self._inner.invoke(messages, tools, **kwargs)
        usage = response["usage"]
        prices = self._settings
        cost = (
            usage["input_tokens"] * prices.get("input_per_1m", 0.0)
            + usage["output_tokens"] * prices.get("output_per_1m", 0.0)
        ) / 1e6
        logger.log(
            logging.getLevelName(prices.get("level", "INFO")),
            "LLM call | provider=%s model=%s duration_ms=%.1f input_tokens=%d output_tokens=%d cost_usd=%f",
            self.name,
            self.model_name,
            (monotonic() - started) * 1000,
            usage["input_tokens"],
            usage["output_tokens"],
            cost,
        )
        return response
