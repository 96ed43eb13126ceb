"""Orchestrator: an article by two workers, one trace and one sum of what it took.

    python examples/orchestrator/orchestrator.py

The researcher is a task with a metered client. The writer is a thread with a client that nobody meters: it says itself what
its call was. Neither is handed a run id, a trace id or a parent: they are where they are started. The providers and the
telemetry service, which keeps a record of runs, are on the loopback.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import openai

import taximeter

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "demo")]

from server import DemoServer  # noqa: E402 - lies in the demo's folder
from telemetry_service import TelemetryService  # noqa: E402 - lies beside this file

TOPIC = "What does a taximeter do?"


async def research(client: openai.AsyncOpenAI) -> str:
    """Ask twice, at the same time; the second question is one too many for the provider."""
    with taximeter.scope(agent="researcher", task_type="extraction"):
        answers = await asyncio.gather(
            ask(client, TOPIC), ask(client, "(answer 429)"), return_exceptions=True
        )
    return next(answer for answer in answers if isinstance(answer, str))


async def ask(client: openai.AsyncOpenAI, question: str) -> str:
    """Return the answer to a question."""
    chat = await client.chat.completions.create(
        model="gpt-4.1-mini", messages=[{"role": "user", "content": question}]
    )
    return chat.choices[0].message.content or ""


@taximeter.scope(agent="writer", task_type="documentation")
def write(client: anthropic.Anthropic, facts: str) -> str:
    """Write the article, and record the call by hand."""
    with taximeter.call(model="claude-sonnet-4-6", max_tokens=500, prompt=facts) as call:
        message = client.messages.create(
            model="claude-sonnet-4-6", max_tokens=500, messages=[{"role": "user", "content": facts}]
        )
        call.record_response(message)
        text = "".join(block.text for block in message.content if block.type == "text")
        call.record_output(text)
    return text


async def write_article(providers: str, tracker: taximeter.Tracker) -> taximeter.run:
    """Return the finished run."""
    async with taximeter.run("article", agent="orchestrator") as run:
        async with openai.AsyncOpenAI(base_url=f"{providers}/v1", api_key="none", max_retries=0) as client:
            facts = await research(tracker.meter(client))
        with anthropic.Anthropic(base_url=providers, api_key="none") as writer, ThreadPoolExecutor(1) as pool:
            work = taximeter.scope.bind(write)  # a pool's threads do not inherit by themselves
            await asyncio.get_running_loop().run_in_executor(pool, work, writer, facts)
    return run


def main(store: str = "usage.db") -> None:
    """Write the article and print what it took, as this process and as the telemetry service know it."""
    with DemoServer() as providers, TelemetryService() as service:
        with taximeter.start(store, f"runs+{service.url}") as tracker:
            run = asyncio.run(write_article(providers.url, tracker))
        print(run)
        for slow in run.slowest:
            print(f"  {slow.duration_ms:7.1f} ms  {slow.agent}  {slow.model}  {slow.outcome}")
        print("\n".join(service.tree()))


if __name__ == "__main__":
    main(*sys.argv[1:])
