"""litellm's callback, a `CustomLogger` that writes a line: what a completion takes whose answer is given beforehand."""

import json
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import litellm
from course import Record, run
from litellm.integrations.custom_logger import CustomLogger


class Lines(CustomLogger):  # type: ignore[misc, unused-ignore]
    """Writes what the callback is handed as metadata, and what it cost."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = Path(path).open("w", buffering=1)  # noqa: SIM115 - until `close`

    def log_success_event(self, kwargs: Any, _response: Any, _start: Any, _end: Any) -> None:
        """Write a line."""
        metadata = kwargs["litellm_params"]["metadata"]["call"]
        self.file.write(json.dumps(metadata | {"cost": kwargs.get("response_cost")}) + "\n")

    async def async_log_success_event(self, kwargs: Any, response: Any, start: Any, end: Any) -> None:
        """Write a line for a call made under an event loop."""
        self.log_success_event(kwargs, response, start, end)


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file."""
    lines = Lines(target)
    litellm.callbacks = [lines]
    messages = [{"role": "user", "content": "What is the fare?"}]

    def record(content: dict[str, object]) -> None:
        litellm.completion("gpt-4o-mini", messages, mock_response="Ten.", metadata={"call": content})

    def close() -> None:
        sleep(3)  # its threads tell nobody when they are done
        lines.file.close()

    return record, close


if __name__ == "__main__":
    run(open_peer)
