"""The hook for a whole process: every client, made before or after, in either library, and back out again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import httpx2
import openai
import pytest
import requests

from list_tracker import ListTracker
from loopback import DemoServer
from taximeter.capture import meter, meter_everything
from taximeter.capture.install import install
from taximeter.capture.recorder import Recorder
from taximeter.errors import ConfigurationError

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
BODY = {"model": "text-embedding-3-small", "input": "Hello"}


@pytest.fixture
def installed(tracker: ListTracker) -> Iterator[ListTracker]:
    """A tracker that hears of every call in this process."""
    with meter_everything(tracker):
        yield tracker


def embed(client: Any, server: DemoServer) -> None:
    """Make one call."""
    client.post(f"{server.url}/v1/embeddings", json=BODY)


@LIBRARIES
def test_new_clients_are_metered(library: Any, server: DemoServer, installed: ListTracker) -> None:
    """A client made after the hook is metered."""
    with library.Client() as client:
        embed(client, server)
    assert installed.event.operation == "embeddings"


@LIBRARIES
def test_clients_that_were_there_are_metered(library: Any, server: DemoServer, tracker: ListTracker) -> None:
    """So is one that was there before, until the hook is taken out."""
    with library.Client() as client:
        with meter_everything(tracker):
            embed(client, server)
        embed(client, server)
    assert tracker.event.operation == "embeddings"


@pytest.mark.parametrize("thing", [None, "usage.db"])
def test_what_is_no_tracker_is_refused(thing: Any) -> None:
    """A path in the place of a tracker is said at once, and nothing is hooked."""
    with pytest.raises(ConfigurationError, match="tracker"):
        meter_everything(thing)
    with httpx.Client() as client, pytest.raises(ConfigurationError, match="tracker"):
        meter(client, thing)


@LIBRARIES
def test_transport_that_is_exchanged_later_is_metered(
    library: Any, server: DemoServer, installed: ListTracker
) -> None:
    """What counts is the transport at the time of the call."""
    with library.Client() as client:
        client._transport.close()
        client._transport = library.HTTPTransport()
        embed(client, server)
    assert installed.event.operation == "embeddings"


@LIBRARIES
@pytest.mark.anyio
async def test_async_clients_are_metered(library: Any, server: DemoServer, installed: ListTracker) -> None:
    """Async clients as well."""
    async with library.AsyncClient() as client:
        await client.post(f"{server.url}/v1/embeddings", json=BODY)
    assert installed.event.operation == "embeddings"


def test_client_with_a_meter_of_its_own_keeps_it(server: DemoServer, installed: ListTracker) -> None:
    """Both trackers, the client's own and the installed one, hear of a call in the same event, once."""
    own = ListTracker()
    with meter(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key"), own) as client:
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert own.event.operation == "embeddings"
    assert installed.event == own.event


def test_client_metered_with_the_installed_tracker_is_metered_once(
    server: DemoServer, installed: ListTracker
) -> None:
    """A tracker that is installed and meters a client as well hears of a call once."""
    with meter(openai.OpenAI(base_url=f"{server.url}/v1", api_key="key"), installed) as client:
        client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert installed.event.operation == "embeddings"


def test_installing_again_replaces_the_tracker(server: DemoServer, installed: ListTracker) -> None:
    """The last one installed hears of calls, once."""
    other = ListTracker()
    with meter_everything(other), httpx2.Client() as client:
        embed(client, server)
    assert other.event.operation == "embeddings"
    assert not installed.tracked


@pytest.mark.parametrize("inner_first", [True, False])
def test_tracker_that_was_replaced_hears_again(
    inner_first: bool, server: DemoServer, tracker: ListTracker
) -> None:
    """What a second installation has replaced is there again when that is closed, in whatever order they are."""
    inner = ListTracker()
    installations = [meter_everything(tracker), meter_everything(inner)]
    if inner_first:
        installations.reverse()
    with httpx2.Client() as client:
        embed(client, server)
        installations[0].close()
        embed(client, server)
        installations[1].close()
        embed(client, server)
    heard = (len(tracker.tracked), len(inner.tracked))
    assert heard == ((1, 1) if inner_first else (0, 2))


@pytest.mark.parametrize("library", [httpx, httpx2, requests])
def test_run_hears_of_a_program_that_meters_everything_itself(
    library: Any, server: DemoServer, tracker: ListTracker
) -> None:
    """A program that has a meter of its own, or several, takes nothing from the run's."""
    trace: list[bytes] = []
    own = ListTracker()
    post = partial(library.post, f"{server.url}/v1/embeddings", json=BODY, timeout=9)
    with install(Recorder(tracker, run_id="run-7", trace=trace.append)):
        with meter_everything(ListTracker()), meter_everything(own):
            post()
        assert own.event == tracker.event
        assert own.event.run_id == "run-7"
        post()
    post()
    assert (len(own.tracked), len(tracker.tracked), trace) == (1, 2, [b"+", b"+"])


def test_event_belongs_to_the_run(server: DemoServer, tracker: ListTracker) -> None:
    """The run's id is in events whose scope has none."""
    with install(Recorder(tracker, run_id="run-7")), httpx.Client() as client:
        embed(client, server)
    assert tracker.event.run_id == "run-7"


LATE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from list_tracker import ListTracker
from taximeter.capture import meter_everything
tracker = ListTracker()
meter_everything(tracker)
before = sorted({"httpx", "httpx2", "openai"} & set(sys.modules))
import httpx, httpx2
for library in (httpx, httpx2):
    with library.Client() as client:
        client.post(sys.argv[2] + "/v1/embeddings", json={"model": "m", "input": "Hello"})
hidden = [type(library.__spec__.loader).__name__ for library in (httpx, httpx2)]
print(json.dumps([before, len(tracker.tracked), hidden]))
"""


def test_libraries_imported_later_are_metered(server: DemoServer) -> None:
    """The hook imports neither library, meters both once they come, and leaves their modules as they would be."""
    tests = sys.path[next(i for i, entry in enumerate(sys.path) if entry.endswith("/tests"))]
    output = subprocess.run(
        [sys.executable, "-c", LATE, tests, server.url], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(output) == [[], 2, ["SourceFileLoader", "SourceFileLoader"]]
