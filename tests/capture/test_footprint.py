"""A metered call has no task, no thread and no connection that the plain one does not have."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import aiohttp
import httpx2
import pytest

import taximeter
from loopback import DemoServer
from taximeter.capture import meter

CALLS = 3
FLUSHER = "taximeter"
PATH = "/v1/chat/completions"


class CountingServer(DemoServer):
    """Counts who connects."""

    connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count it."""
        self.connections += 1
        super().process_request(request, client_address)


class Footprint(NamedTuple):
    """The most there were of each while calls were under way."""

    tasks: int
    threads: frozenset[threading.Thread]
    connections: int


@pytest.fixture
def counting() -> Iterator[CountingServer]:
    """A server that counts."""
    with CountingServer() as server:
        yield server


@pytest.fixture
def tracker() -> Iterator[taximeter.Tracker]:
    """A real tracker, whose one thread begins with its first event."""
    with taximeter.start("memory:") as running:
        yield running


def living_tasks() -> int:
    """Return how many tasks there are, on whichever loop."""
    if trio := sys.modules.get("trio"):
        try:
            return int(trio.lowlevel.current_statistics().tasks_living)
        except RuntimeError:  # it does not run
            pass
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0


def look() -> tuple[int, frozenset[threading.Thread]]:
    """Return the tasks and the threads of this moment, but for those in which the server answers."""
    ours = (thread for thread in threading.enumerate() if "process_request" not in thread.name)
    return living_tasks(), frozenset(ours)


def footprint(seen: list[tuple[int, frozenset[threading.Thread]]], connections: int) -> Footprint:
    """Return the most that was seen."""
    return Footprint(max(tasks for tasks, _ in seen), frozenset().union(*(t for _, t in seen)), connections)


def body(*, streaming: bool) -> dict[str, Any]:
    """Return what is asked."""
    return {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": streaming}


def calls_made(server: CountingServer, tracker: Any, *, streaming: bool) -> Footprint:
    """Make some calls with a client of their own and return what was there meanwhile."""
    before, seen = server.connections, [look()]
    with httpx2.Client() as client:
        if tracker is not None:
            meter(client, tracker)
        for _ in range(CALLS):
            with client.stream("POST", server.url + PATH, json=body(streaming=streaming)) as response:
                seen += [look() for _ in response.iter_bytes()]
    return footprint(seen, server.connections - before)


async def async_calls_made(server: CountingServer, tracker: Any, *, streaming: bool) -> Footprint:
    """The same on a loop."""
    before, seen = server.connections, [look()]
    async with httpx2.AsyncClient() as client:
        if tracker is not None:
            meter(client, tracker)
        for _ in range(CALLS):
            sent = client.stream("POST", server.url + PATH, json=body(streaming=streaming))
            async with sent as response:
                seen += [look() async for _ in response.aiter_bytes()]
    return footprint(seen, server.connections - before)


async def aiohttp_calls_made(server: CountingServer, tracker: Any, *, streaming: bool) -> Footprint:
    """The same of a session of aiohttp."""
    before, seen = server.connections, [look()]
    async with aiohttp.ClientSession() as session:
        if tracker is not None:
            meter(session, tracker)
        for _ in range(CALLS):
            async with session.post(server.url + PATH, json=body(streaming=streaming)) as response:
                seen += [look() async for _ in response.content]
    return footprint(seen, server.connections - before)


def check_same(metered: Footprint, plain: Footprint) -> None:
    """Check that there was nothing but the flusher's thread besides."""
    assert (metered.tasks, metered.connections) == (plain.tasks, plain.connections)
    (flusher,) = metered.threads - plain.threads or [None]
    assert flusher is None or flusher.name == FLUSHER


@pytest.mark.parametrize("streaming", [False, True])
def test_call_adds_nothing(counting: CountingServer, tracker: taximeter.Tracker, streaming: bool) -> None:
    """Threads and connections are those of the plain calls; the flusher is one for all calls."""
    plain = calls_made(counting, None, streaming=streaming)
    check_same(calls_made(counting, tracker, streaming=streaming), plain)
    assert tracker.flush().tracked == CALLS


@pytest.mark.anyio
@pytest.mark.parametrize("streaming", [False, True])
async def test_async_call_adds_nothing(
    counting: CountingServer, tracker: taximeter.Tracker, streaming: bool
) -> None:
    """On asyncio and on trio there is no task besides, nor a thread or a connection."""
    plain = await async_calls_made(counting, None, streaming=streaming)
    check_same(await async_calls_made(counting, tracker, streaming=streaming), plain)
    assert (await tracker.aflush()).tracked == CALLS


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("streaming", [False, True])
async def test_call_over_aiohttp_adds_nothing(
    counting: CountingServer, tracker: taximeter.Tracker, streaming: bool
) -> None:
    """Nor is there over aiohttp, which itself has a task for a body that it cannot send at once."""
    plain = await aiohttp_calls_made(counting, None, streaming=streaming)
    check_same(await aiohttp_calls_made(counting, tracker, streaming=streaming), plain)
    assert (await tracker.aflush()).tracked == CALLS
