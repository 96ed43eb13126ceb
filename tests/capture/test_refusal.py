"""Unchanged programs with a budget: what the official clients raise, and what is counted of what they do."""

from inspect import isawaitable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import taximeter
from client_matrix import CLIENTS, Call, Client, text_for
from loopback import DemoServer
from taximeter.budget import Budget
from taximeter.errors import BudgetError, BudgetExceeded
from taximeter.tracker import Tracker

# Clients leave generators and sockets to the collector, metered or not.
pytestmark = [
    pytest.mark.usefixtures("through_the_loopback"),
    pytest.mark.filterwarnings(
        "ignore:Async generator:ResourceWarning",
        "ignore:Inheritance class:DeprecationWarning",
        "ignore:unclosed:ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ),
]

TOLD_BY_TEXT = {"cohere.Client", "cohere.ClientV2"}
"""Clients whose errors keep nothing of the response but its body."""
FREE = {"ollama.Client"}
CELLS = [
    (client, column)
    for client in CLIENTS
    for column in ("whole", "stream")
    if column in client.calls and client.make is not None and client.name not in FREE
]
ASYNC_CELLS = [
    (client, loop)
    for client in CLIENTS
    for loop in ("asyncio", "trio")
    if client.make_async is not None
    and client.name not in FREE
    and (loop == "asyncio" or not client.asyncio_only)
]


def tracker_with(limit: str, store: Path, **fields: Any) -> Tracker:
    budget = Budget(**{"name": "all", "limit_usd": limit, "alerts": (), **fields})
    return taximeter.start(store, budgets=[budget])


def check_refused(
    caught: BaseException, client: Client, tracker: Tracker, providers: DemoServer, asked: int
) -> None:
    """There was no request and no second try, and the error can be told from all others."""
    assert len(providers.requests) == asked
    assert tracker.budgets is not None
    assert tracker.budgets.blocked == 1
    assert tracker.receipt().tracked == 0
    if client.name in TOLD_BY_TEXT:
        assert "budget 'all'" in str(caught)
    else:
        assert isinstance(BudgetError.behind(caught), BudgetExceeded)


@pytest.mark.parametrize(("client", "column"), CELLS, ids=lambda part: getattr(part, "name", part))
def test_no_official_client_sends_what_there_is_no_money_for(
    client: Client, column: str, providers: DemoServer, tmp_path: Path
) -> None:
    """Whatever client asks: nothing is sent, nothing is tried again, and the reason comes out where it was called."""
    assert client.make is not None
    asked = len(providers.requests)
    with tracker_with("0", tmp_path / "usage.db") as tracker:
        sdk = tracker.meter(client.make())
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each SDK has its own
            list(client.calls[column](sdk, text_for(column)))
        check_refused(caught.value, client, tracker, providers, asked)


async def answer_of(call: Call, sdk: Any) -> Any:
    answer = call(sdk, text_for("whole"))
    return await answer if isawaitable(answer) else answer


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("client", "anyio_backend"), ASYNC_CELLS, ids=lambda part: getattr(part, "name", part)
)
async def test_no_official_async_client_does_either(
    client: Client, providers: DemoServer, tmp_path: Path
) -> None:
    """The same of their async twins."""
    assert client.make_async is not None
    asked = len(providers.requests)
    async with tracker_with("0", tmp_path / "usage.db") as tracker:
        sdk = tracker.meter(client.make_async())
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each SDK has its own
            await answer_of((client.async_calls or client.calls)["whole"], sdk)
        check_refused(caught.value, client, tracker, providers, asked)


ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
COST_NANOS = 1000 * 2_500 + 100 * 10_000


def client_of(*answers: httpx2.Response) -> openai.OpenAI:
    left = list(answers)
    transport = httpx2.MockTransport(lambda _: left.pop(0))
    return openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport), max_retries=2)


def ask(client: openai.OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], **{"max_tokens": 500, **options}
    )


def stand(tracker: Tracker) -> tuple[int, int]:
    """Return what was spent and what is reserved, in nanodollars."""
    assert tracker.budgets is not None
    (state,) = tracker.budgets.states()
    return state.spent_usd_nanos, state.reserved_usd_nanos


def test_a_call_is_settled_with_what_its_event_says(tmp_path: Path) -> None:
    """Right after the call its cost is known, before any event has reached the store, and afterwards still once."""
    with tracker_with("1", tmp_path / "usage.db") as tracker:
        ask(tracker.meter(client_of(httpx2.Response(200, json=ANSWER))))
        assert stand(tracker) == (COST_NANOS, 0)
        tracker.flush()
        assert tracker.budgets is not None
        tracker.budgets._looked_us = 0
        assert stand(tracker) == (COST_NANOS, 0)


def test_tries_of_a_call_do_not_add_up(tmp_path: Path) -> None:
    """A try that was refused costs nothing, and its reservation is gone before the next."""
    answers = [httpx2.Response(429, headers={"retry-after-ms": "1"}), httpx2.Response(200, json=ANSWER)]
    with tracker_with("0.01", tmp_path / "usage.db") as tracker:
        ask(tracker.meter(client_of(*answers)))
        assert stand(tracker) == (COST_NANOS, 0)


@pytest.mark.parametrize("layer", ["call", "metered"])
def test_a_layer_above_the_wire_reserves_once_with_it(tmp_path: Path, layer: str) -> None:
    """`taximeter.call` and `Metered` reserve before, the metered client inside takes that over, and there is one cost."""
    with tracker_with("0.06", tmp_path / "usage.db") as tracker:
        client = tracker.meter(client_of(httpx2.Response(200, json=ANSWER)))
        if layer == "call":
            with tracker.call(provider="openai", model="gpt-4o"):
                ask(client)
        else:
            taximeter.Metered(_Asking(client), tracker, provider="openai", model="gpt-4o", level=None).invoke(
                "Hello"
            )
        assert stand(tracker) == (COST_NANOS, 0)


class _Asking:
    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def invoke(self, _: str) -> Any:
        return ask(self._client)


@pytest.mark.parametrize("layer", ["call", "metered"])
def test_a_layer_above_the_wire_is_refused_by_itself(tmp_path: Path, layer: str) -> None:
    """Where no metered client is inside, the block is not entered and the method not called."""
    made: list[str] = []
    with tracker_with("0.001", tmp_path / "usage.db") as tracker:
        model = type("Model", (), {"invoke": lambda _, text: made.append(text)})()
        metered = taximeter.Metered(model, tracker, provider="openai", model="gpt-4o", level=None)
        if layer == "call":
            with (
                pytest.raises(BudgetExceeded),
                tracker.call(provider="openai", model="gpt-4o", max_tokens=4096),
            ):
                made.append("entered")
        else:
            with pytest.raises(BudgetExceeded):
                metered.invoke("Hello")
        assert stand(tracker) == (0, 0)
    assert not made


def test_what_a_layer_records_is_what_counts(tmp_path: Path) -> None:
    """A block around an unmetered client is settled with what it was told."""
    with tracker_with("1", tmp_path / "usage.db") as tracker:
        with tracker.call(provider="openai", model="gpt-4o") as call:
            call.record_response(ANSWER)
        assert stand(tracker) == (COST_NANOS, 0)


def test_the_scope_says_whose_money_it_is(tmp_path: Path) -> None:
    """A budget of each user is that of the scope around the call; others go on."""
    with tracker_with("0.004", tmp_path / "usage.db", each="user") as tracker:
        client = tracker.meter(client_of(*(httpx2.Response(200, json=ANSWER) for _ in range(2))))
        with taximeter.scope(user="a"):
            ask(client, max_tokens=100)
            with pytest.raises(BudgetExceeded, match="of a: "):
                ask(client, max_tokens=100)
        with taximeter.scope(user="b"):
            ask(client, max_tokens=100)
