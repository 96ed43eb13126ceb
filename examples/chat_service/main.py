"""Run the chat service twice against a provider on loopback, and print what was expected of each call and what it came to.

python examples/chat_service/main.py
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "demo"))

from openai import AsyncOpenAI
from server import DemoServer
from service import ChatService

import taximeter
from taximeter.forecast import Forecast
from taximeter.store import Store

ASK = [{"role": "user", "content": "Plan the next release."}]


async def serve(url: str, store: Path) -> None:
    """Make one call of each kind, expecting what the store has seen."""
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client, taximeter.start(store) as tracker:
        forecast = Forecast.from_store(store, missing_ok=True)
        service = ChatService(client, tracker, forecast=forecast)
        await service.chat(ASK, task_type="planning", complexity="high")
        async for _ in service.chat_stream(ASK, task_type="planning", complexity="high"):
            pass
        await service.embed(["one", "two"])


def main() -> None:
    """Serve twice: the second time the first is history."""
    with TemporaryDirectory() as folder, DemoServer() as server:
        path = Path(folder) / "usage.db"
        for _ in range(2):
            asyncio.run(serve(server.url, path))
        with Store(path) as store:
            for call in reversed(store.recent()):
                print(
                    f"{call.operation:<11} {call.task_type:<10}"
                    f" expected {call.estimated_input_tokens} in, {call.estimated_output_tokens} out,"
                    f" {call.estimated_cost_usd_micros} microdollars;"
                    f" came to {call.actual_input_tokens} in, {call.actual_output_tokens} out,"
                    f" {call.actual_cost_usd_micros} microdollars"
                )


if __name__ == "__main__":
    main()
