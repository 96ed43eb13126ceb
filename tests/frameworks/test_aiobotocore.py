"""aiobotocore's clients are metered on their session, as those of boto3 are on botocore's: the same bytes, one event."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import taximeter
from frameworks.framework import QUESTION
from list_tracker import ListTracker
from loopback import DemoServer, Trouble
from taximeter.budget import Budget
from taximeter.capture import meter, meter_everything
from taximeter.errors import BudgetExceeded

pytestmark = [pytest.mark.frameworks, pytest.mark.anyio]

CLAUDE = "claude-haiku-4-5"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@pytest.fixture
def anyio_backend() -> str:
    """The only event loop that aiobotocore's usual session knows."""
    return "asyncio"


def needed(module: str) -> Any:
    """Return a module of aiobotocore, which `make frameworks` installs."""
    return pytest.importorskip(f"aiobotocore.{module}", reason="make frameworks installs aiobotocore")


@asynccontextmanager
async def made(retry_mode: str = "standard") -> AsyncIterator[Any]:
    """Return a client of aiobotocore; it repeats at once what fails."""
    config = needed("config").AioConfig(retries={"mode": retry_mode, "total_max_attempts": 2})
    url = "http://bedrock-runtime.us-east-1.amazonaws.com"
    session = needed("session").get_session()
    async with session.create_client("bedrock-runtime", endpoint_url=url, config=config, **KEYS) as client:
        client.meta.events.register_first("needs-retry.bedrock-runtime", _retry_at_once)
        yield client


async def _retry_at_once(response: Any, attempts: int, **_: Any) -> int | None:
    """Take the place of botocore's own waiting."""
    return 0 if response is not None and response[0].status_code == 429 and attempts < 2 else None


def _messages(text: str) -> Any:
    return [{"role": "user", "content": [{"text": text}]}]


def _body(text: str) -> str:
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}
    return json.dumps(asked | {"messages": [{"role": "user", "content": text}]})


async def converse(client: Any, text: str) -> Any:
    answer = await client.converse(modelId=CLAUDE, messages=_messages(text))
    return answer["output"]


async def converse_stream(client: Any, text: str) -> Any:
    answer = await client.converse_stream(modelId=CLAUDE, messages=_messages(text))
    return [event async for event in answer["stream"]]


async def invoke(client: Any, text: str) -> Any:
    answer = await client.invoke_model(modelId=CLAUDE, body=_body(text))
    async with answer["body"] as body:
        return await body.read()


async def invoke_by_lines(client: Any, text: str) -> Any:
    answer = await client.invoke_model(modelId=CLAUDE, body=_body(text))
    return [line async for line in answer["body"].iter_lines(chunk_size=7)]


async def invoke_stream(client: Any, text: str) -> Any:
    answer = await client.invoke_model_with_response_stream(modelId=CLAUDE, body=_body(text))
    return [event async for event in answer["body"]]


class Way(NamedTuple):
    """A way to ask, and what its event says."""

    ask: Callable[[Any, str], Awaitable[Any]]
    wire_format: str
    tokens: tuple[int, int]


WAYS = [
    Way(converse, "bedrock.converse", (125, 60)),
    Way(converse_stream, "bedrock.converse_stream", (125, 60)),
    Way(invoke, "bedrock.invoke", (6752, 387)),
    Way(invoke_by_lines, "bedrock.invoke", (6752, 387)),
    Way(invoke_stream, "bedrock.invoke_stream", (6752, 387)),
]
EACH_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.ask.__name__)


@EACH_WAY
@pytest.mark.parametrize("how", ["the client", "everything", "both"])
async def test_call_is_the_same_and_makes_one_event(way: Way, how: str, tracker: ListTracker) -> None:
    """Whole and streamed, however it is metered; in both ways at once each tracker has its event."""
    other = ListTracker()
    async with made() as client:
        plain = await way.ask(client, QUESTION)
    with ExitStack() as stack:
        if how != "the client":
            stack.enter_context(meter_everything(tracker if how == "everything" else other))
        async with made() as client:
            if how != "everything":
                assert meter(client, tracker) is client
            stack.enter_context(taximeter.scope(agent="framework"))
            assert await way.ask(client, QUESTION) == plain
    event = tracker.event
    assert (event.provider, event.wire_format, event.agent) == ("bedrock", way.wire_format, "framework")
    assert (event.outcome, event.model) == ("success", CLAUDE)
    assert (event.actual_input_tokens, event.actual_output_tokens) == way.tokens
    assert [seen.event_id for seen in other.tracked] == [event.event_id] * (how == "both")


@EACH_WAY
async def test_refused_call_is_a_failure(way: Way, tracker: ListTracker) -> None:
    """It raises what it always does."""
    async with made() as client:
        with pytest.raises(Exception, match="Not like this"):
            await way.ask(meter(client, tracker), str(Trouble.BAD_REQUEST))
    assert (tracker.event.outcome, tracker.event.error_status) == ("failure", 400)


@EACH_WAY
async def test_retry_is_two_events_of_one_call(way: Way, tracker: ListTracker) -> None:
    """The SDK's own tries share its id of the call."""
    async with made() as client:
        await way.ask(meter(client, tracker), f"{Trouble.RATE_LIMIT_ONCE} {way.ask.__name__}")
    refused, answered = tracker.tracked
    assert (refused.error_status, answered.outcome) == (429, "success")
    assert (refused.attempt, answered.attempt) == (1, 2)
    assert refused.call_id == answered.call_id is not None


@pytest.mark.parametrize("trouble", [Trouble.STALL, Trouble.HANG_UP])
async def test_stream_that_is_left_or_cut_is_one_event(trouble: Trouble, tracker: ListTracker) -> None:
    """Closing it early is a cancelled call; a connection that breaks raises, and is a partial one."""
    async with made() as client:
        meter(client, tracker)
        answer = await client.converse_stream(modelId=CLAUDE, messages=_messages(str(trouble)))
        if trouble is Trouble.STALL:
            await anext(aiter(answer["stream"]))
            answer["stream"].close()
        else:
            with pytest.raises(Exception, match="not completed"):
                [event async for event in answer["stream"]]
    assert tracker.event.outcome == ("cancelled" if trouble is Trouble.STALL else "partial")


async def test_cancelled_task_is_a_cancelled_call(providers: DemoServer, tracker: ListTracker) -> None:
    """A task that is cancelled while it waits for the answer has one event."""
    asked = len(providers.requests)
    async with made() as client:
        task = asyncio.ensure_future(converse(meter(client, tracker), str(Trouble.WAIT)))
        while len(providers.requests) == asked:
            await asyncio.wait([task], timeout=0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert tracker.event.outcome == "cancelled"


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("retry_mode", ["standard", "legacy"])
async def test_refused_budget_is_the_budgets_own_error(
    everything: bool, retry_mode: str, tmp_path: Path
) -> None:
    """A session makes every exception from below one of the network, but not this one, and nothing is tried again."""
    budget = Budget(name="all", limit_usd="0", alerts=())
    async with (
        taximeter.start(tmp_path / "usage.db", budgets=[budget]) as tracker,
        made(retry_mode) as client,
    ):
        with ExitStack() as stack:
            if everything:
                stack.enter_context(meter_everything(tracker))
            else:
                meter(client, tracker)
            with pytest.raises(BudgetExceeded, match="all"):
                await converse(client, QUESTION)
        assert tracker.budgets is not None
        assert tracker.budgets.blocked == 1
        assert tracker.receipt().tracked == 0


async def test_session_on_httpx_is_metered_with_everything(tracker: ListTracker) -> None:
    """The other session of aiobotocore stands on httpx2; by itself it has no client yet that could be metered."""
    config = needed("config").AioConfig(http_session_cls=needed("httpxsession").HttpxSession)
    session = needed("session").get_session()
    url = "http://bedrock-runtime.us-east-1.amazonaws.com"
    with meter_everything(tracker):
        async with session.create_client(
            "bedrock-runtime", endpoint_url=url, config=config, **KEYS
        ) as client:
            with pytest.raises(taximeter.errors.ConfigurationError):
                meter(client, tracker)
            await converse(client, QUESTION)
    assert tracker.event.actual_output_tokens == 60
