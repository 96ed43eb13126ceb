"""litellm's success callback, which writes a line: what a completion takes whose answer is given beforehand.

Its prices are those in the package (`LITELLM_LOCAL_MODEL_COST_MAP`), so that it asks nobody for newer ones.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from course import Record, run

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Write lines to a file."""
    import litellm  # noqa: PLC0415 - it reads the environment

    path = Path(target)
    file = path.open("w", buffering=1)
    messages = [{"role": "user", "content": "What is the fare?"}]

    def write(kwargs: dict[str, Any], _response: object, _start: object, _end: object) -> None:
        told = kwargs["litellm_params"]["metadata"]["call"] | {"cost": kwargs.get("response_cost")}
        file.write(json.dumps(told) + "\n")

    def record(content: dict[str, object]) -> None:
        litellm.completion("gpt-4o-mini", messages, mock_response="Ten.", metadata={"call": content})

    def close() -> None:
        size = -1
        while size != path.stat().st_size:  # its threads tell nobody when they are done
            size = path.stat().st_size
            sleep(2)
        file.close()

    litellm.success_callback = [write]
    return record, close


if __name__ == "__main__":
    run(open_peer)
