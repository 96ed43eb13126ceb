"""litellm's success callback, which writes a line: what it adds to a completion whose answer is given beforehand.

Its prices are those in the package (`LITELLM_LOCAL_MODEL_COST_MAP`), so that it asks nobody for newer ones.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course import Record, run, settle

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file."""
    import litellm  # noqa: PLC0415 - it reads the environment

    file = Path(target).open("w", buffering=1)  # noqa: SIM115 - until `close`
    messages = [{"role": "user", "content": "What is the fare?"}]

    def write(kwargs: dict[str, Any], _response: object, _start: object, _end: object) -> None:
        told = kwargs["litellm_params"]["metadata"]["call"] | {"cost": kwargs.get("response_cost")}
        file.write(json.dumps(told) + "\n")

    def record(content: dict[str, object]) -> None:
        litellm.completion("gpt-4o-mini", messages, mock_response="Ten.", metadata={"call": content})

    def close() -> None:
        settle(0.5)  # its threads tell nobody when they are done
        file.close()

    litellm.success_callback = [write]
    return record, close


@contextmanager
def without() -> Iterator[None]:
    """Take the callback out for a while."""
    import litellm  # noqa: PLC0415 - it reads the environment

    callbacks, litellm.success_callback = litellm.success_callback, []
    yield
    litellm.success_callback = callbacks


if __name__ == "__main__":
    run(open_peer, without)
