"""Wherever a call runs, on any loop, in threads and in nested loops, it is one event with the right scope."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import aiohttp
import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import openai
import pytest

import taximeter
from list_tracker import ListTracker
from loopback import DemoServer, Trouble
from taximeter.capture import meter

# The openai SDK leaves its own generators to the collector after the end mark, which trio warns of; metered or not.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")

MODEL = "gpt-4.1-mini"
AGENTS = [f"agent-{number}" for number in range(6)]


def asked(text: str = "Hello") -> Any:
    """Return the messages of a question."""
    return [{"role": "user", "content": text}]


def check(tracker: ListTracker, *agents: str) -> None:
    """Check that each agent made one call, and that it succeeded."""
    assert sorted(str(event.agent) for event in tracker.tracked) == sorted(agents)
    assert {event.outcome for event in tracker.tracked} == {"success"}
    assert {event.actual_output_tokens for event in tracker.tracked} == {212}
    assert not tracker.losses


@contextmanager
def gpt(server: DemoServer, tracker: ListTracker) -> Iterator[openai.OpenAI]:
    """Yield a metered client."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        yield meter(client, tracker)


async def ask_at_once(server: DemoServer, tracker: ListTracker) -> None:
    """Read streams side by side, each in a scope of its own."""

    async def ask(client: openai.AsyncOpenAI, agent: str) -> None:
        with taximeter.scope(agent=agent):
            stream = await client.chat.completions.create(model=MODEL, messages=asked(), stream=True)
        async for _ in stream:
            await anyio.lowlevel.checkpoint()

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
        meter(client, tracker)
        async with anyio.create_task_group() as tasks:
            for agent in AGENTS:
                tasks.start_soon(ask, client, agent)


async def ask_over_aiohttp(server: DemoServer, tracker: ListTracker) -> None:
    """Do the same over aiohttp."""
    asked_for = {"model": MODEL, "messages": asked(), "stream": True}

    async def ask(session: aiohttp.ClientSession, agent: str) -> None:
        with taximeter.scope(agent=agent):
            response = await session.post(f"{server.url}/v1/chat/completions", json=asked_for)
        async with response:
            async for _ in response.content:
                await anyio.lowlevel.checkpoint()

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as tasks:
        meter(session, tracker)
        for agent in AGENTS:
            tasks.start_soon(ask, session, agent)


def on_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on asyncio's own loop."""
    asyncio.run(main())


def on_trio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on trio."""
    anyio.run(main, backend="trio")


def on_uvloop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on uvloop."""
    pytest.importorskip("uvloop", reason="pip install uvloop")
    anyio.run(main, backend_options={"use_uvloop": True})


@pytest.mark.parametrize("run", [on_asyncio, on_trio, on_uvloop])
def test_streams_side_by_side_keep_their_scopes(
    run: Callable[[Any], None], server: DemoServer, tracker: ListTracker
) -> None:
    """On each loop, streams that are read in turns are one event each, in the scope that asked."""
    run(lambda: ask_at_once(server, tracker))
    check(tracker, *AGENTS)


@pytest.mark.parametrize("run", [on_asyncio, on_uvloop])
def test_streams_over_aiohttp_keep_their_scopes(
    run: Callable[[Any], None], server: DemoServer, tracker: ListTracker
) -> None:
    """The same of sessions of aiohttp, on the loops that it knows."""
    run(lambda: ask_over_aiohttp(server, tracker))
    check(tracker, *AGENTS)


def test_threads_keep_their_scopes(server: DemoServer, tracker: ListTracker) -> None:
    """Threads that share a client are apart; a context that is handed over brings its scope."""

    def ask(client: openai.OpenAI, agent: str | None) -> None:
        with taximeter.scope(agent=agent):
            list(client.chat.completions.create(model=MODEL, messages=asked(), stream=True))

    with gpt(server, tracker) as client, ThreadPoolExecutor(len(AGENTS)) as pool:
        for future in [pool.submit(ask, client, agent) for agent in AGENTS]:
            future.result()
        with taximeter.scope(agent="outer"):
            pool.submit(copy_context().run, ask, client, None).result()
    check(tracker, *AGENTS, "outer")


@pytest.mark.anyio
async def test_worker_threads_inherit_and_call_back(server: DemoServer, tracker: ListTracker) -> None:
    """A call in a worker thread, and one that the thread has its loop make, are in the task's scope."""

    async def ask(client: openai.AsyncOpenAI) -> None:
        await client.chat.completions.create(model=MODEL, messages=asked())

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key") as aclient:
        meter(aclient, tracker)

        def work(client: openai.OpenAI) -> None:
            client.chat.completions.create(model=MODEL, messages=asked())
            anyio.from_thread.run(ask, aclient)

        with gpt(server, tracker) as client, taximeter.scope(agent="boss"):
            await anyio.to_thread.run_sync(work, client)
    check(tracker, "boss", "boss")


def test_portal_from_a_thread_keeps_the_scope(server: DemoServer, tracker: ListTracker) -> None:
    """A synchronous program that runs a loop in a thread of its own (a blocking portal) brings its scope along."""

    async def ask() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key") as client:
            await meter(client, tracker).chat.completions.create(model=MODEL, messages=asked())

    with anyio.from_thread.start_blocking_portal() as portal, taximeter.scope(agent="portal"):
        portal.call(ask)
    check(tracker, "portal")


@pytest.mark.anyio
async def test_cancelled_task_group_makes_one_event_a_call(server: DemoServer, tracker: ListTracker) -> None:
    """When one of many fails, those under way are cancelled: one event each, in its scope, and the one that was done."""
    arrived = len(server.requests)

    async def ask(client: openai.AsyncOpenAI, agent: str, text: str) -> None:
        with taximeter.scope(agent=agent):
            await client.chat.completions.create(model=MODEL, messages=asked(text))

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key", max_retries=0) as client:
        meter(client, tracker)
        with anyio.CancelScope() as cancelled:
            async with anyio.create_task_group() as tasks:
                for agent in AGENTS:
                    tasks.start_soon(ask, client, agent, Trouble.WAIT)
                await ask(client, "done", "Hello")
                while len(server.requests) < arrived + len(AGENTS) + 1:
                    await anyio.lowlevel.checkpoint()
                cancelled.cancel()
    outcomes = {str(event.agent): str(event.outcome) for event in tracker.tracked}
    assert outcomes == dict.fromkeys(AGENTS, "cancelled") | {"done": "success"}
    assert len(tracker.tracked) == len(AGENTS) + 1


NOTEBOOK = """
import asyncio, sys
sys.path[:0] = sys.argv[1].split(":")
import nest_asyncio2, openai, taximeter
from list_tracker import ListTracker
from taximeter.capture import meter

tracker = ListTracker()

async def ask(client):
    stream = await client.chat.completions.create(model="gpt-4.1-mini", messages=[], stream=True)
    return [chunk async for chunk in stream]

async def cell():
    async with openai.AsyncOpenAI(base_url=sys.argv[2] + "/v1", api_key="key") as client:
        meter(client, tracker)
        for agent in ("first", "second"):
            with taximeter.scope(agent=agent):
                asyncio.get_running_loop().run_until_complete(ask(client))

nest_asyncio2.apply()
asyncio.run(cell())
print([(event.agent, str(event.outcome), event.actual_output_tokens) for event in tracker.tracked])
"""


def test_nested_loops_keep_scopes(server: DemoServer) -> None:
    """In a notebook a loop is run inside the one that runs, which nest_asyncio allows: one event each, in its scope."""
    pytest.importorskip("nest_asyncio2", reason="pip install nest-asyncio2")
    tests = next(entry for entry in sys.path if entry.endswith("/tests"))
    output = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, tests, server.url], check=True, capture_output=True, text=True
    ).stdout
    assert output.strip() == "[('first', 'success', 212), ('second', 'success', 212)]"
