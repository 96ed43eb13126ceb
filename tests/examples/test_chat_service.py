"""The example of a chat service, against loopback."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI

from event_samples import write_store
from loopback import DemoServer, Trouble
from taximeter import decode_event, encode_event
from taximeter.forecast import Forecast
from taximeter.testing import Captured

sys.path.append(str(Path(__file__).parents[2] / "examples" / "chat_service"))

from main import main
from service import ChatService

ASK = [{"role": "user", "content": "Does this look right to you?"}]


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio: under trio, openai's own streams warn of generators that they leave open."""
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    """A provider on loopback."""
    with DemoServer() as running:
        yield running


@pytest.fixture
async def client(server: DemoServer) -> AsyncIterator[AsyncOpenAI]:
    """A client of it."""
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


@pytest.mark.anyio
async def test_each_kind_of_call_is_an_event(
    client: AsyncOpenAI, taximeter_events: Captured, assert_cost: Any
) -> None:
    """Chat, stream and embeddings: tokens, cost, task and time of each, in a line that any reader takes."""
    service = ChatService(client, taximeter_events.tracker)
    text = await service.chat(ASK, task_type="planning", complexity="high")
    assert "".join([part async for part in service.chat_stream(ASK)]) == text
    assert len((await service.embed(["one", "two"]))[0]) > 0
    chat, stream, embed = taximeter_events
    assert (chat.task_type, chat.complexity, chat.harness) == ("planning", "high", "chat-service")
    assert [call.operation for call in (chat, stream, embed)] == ["chat", "chat", "embeddings"]
    assert chat.actual_cost_usd_micros == stream.actual_cost_usd_micros
    assert (chat.actual_output_tokens, stream.actual_output_tokens) == (212, 212)
    assert stream.time_to_first_token_ms is not None
    assert all(call.task_duration_ms and call.outcome == "success" for call in taximeter_events)
    assert [decode_event(encode_event(call)) for call in taximeter_events] == list(taximeter_events)
    assert_cost(max_usd="0.01", max_calls=3)


@pytest.mark.anyio
async def test_what_is_expected_comes_from_what_was(
    client: AsyncOpenAI, taximeter_events: Captured, tmp_path: Path
) -> None:
    """The first call expects its input only; the next ones what calls of their kind have consumed, and its cost."""
    path = tmp_path / "usage.db"
    first = ChatService(client, taximeter_events.tracker, forecast=Forecast.from_store(path, missing_ok=True))
    await first.chat(ASK)
    write_store(path, taximeter_events.calls)
    second = ChatService(client, taximeter_events.tracker, forecast=Forecast.from_store(path))
    await second.chat(ASK)
    [_ async for _ in second.chat_stream(ASK)]
    before, chat, stream = taximeter_events
    assert (before.estimated_input_tokens, before.estimated_output_tokens) == (13, None)
    for call in (chat, stream):
        assert (call.estimated_input_tokens, call.estimated_output_tokens) == (13, 212)
        assert (
            call.estimated_cost_usd_micros == 128
        )  # 13 in, mostly from the cache, and 212 x $0.60 per million
        assert call.actual_input_tokens == 1843


@pytest.mark.anyio
async def test_a_call_that_fails_is_an_event(client: AsyncOpenAI, taximeter_events: Captured) -> None:
    """The exception goes on, and the event says what it was."""
    service = ChatService(client, taximeter_events.tracker)
    with pytest.raises(APIStatusError):
        await service.chat([{"role": "user", "content": str(Trouble.BAD_REQUEST)}])
    call = taximeter_events.one
    assert (call.outcome, call.error_type, call.actual_cost_usd_micros) == (
        "failure",
        "BadRequestError",
        None,
    )


@pytest.mark.anyio
async def test_a_stream_that_is_left_is_an_event(client: AsyncOpenAI, taximeter_events: Captured) -> None:
    """Its tokens are estimated and said to be."""
    service = ChatService(client, taximeter_events.tracker)
    stream = service.chat_stream(ASK)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert (taximeter_events.one.outcome, taximeter_events.one.usage_status) == ("cancelled", "estimated")


def test_the_example_runs_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what it expected, the second time from what came the first time."""
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["chat", "chat", "embeddings"] * 2
    assert "expected 12 in, None out, 2 microdollars; came to 1843 in, 212 out, 288 microdollars" in lines[0]
    assert "expected 12 in, 212 out, 128 microdollars; came to 1843 in, 212 out, 288 microdollars" in lines[4]
