"""What is said in calls: kept where somebody asks for it, and nowhere else."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import answers
import httpx
import pytest

import taximeter
from client_matrix import CLIENTS, Client, text_for
from list_tracker import ListTracker
from taximeter.capture import meter
from taximeter.capture.http_client import http_clients, is_hugging_face
from taximeter.event import CallContentEvent, TaskCompletionEvent
from taximeter.privacy import Privacy, PrivacyLevel
from wire_server import small_certificate_store, wire_server

pytestmark = pytest.mark.filterwarnings(
    "ignore:Async generator:ResourceWarning", "ignore:Inheritance class:DeprecationWarning"
)

CANARY = "canary-wT3yq"
COLUMNS = ("whole", "stream", "error")


class Call(NamedTuple):
    """One call of one client, and all its events at the level `full`."""

    client: Client
    column: str
    events: list[TaskCompletionEvent | CallContentEvent]


class FullTracker(ListTracker):
    """A tracker to look into, that keeps what is said."""

    privacy = Privacy(PrivacyLevel.FULL)


def use_up(answer: Any) -> None:
    """Read an answer to its end, as applications do."""
    if isinstance(answer, dict):
        for part in answer.values():
            if hasattr(part, "read"):
                part.read()
            elif hasattr(part, "get_initial_response"):
                list(part)
    elif not hasattr(answer, "model_dump"):
        list(answer)


def called(client: Client, column: str) -> Call:
    """Call a metered client with a text that must be nowhere but in `full`."""
    tracker = FullTracker()
    assert client.make is not None
    sdk = meter(client.make(), tracker)
    try:
        use_up(client.calls[column](sdk, f"{CANARY} {text_for(column)}"))
    except Exception:
        if column != "error":  # each SDK has errors of its own
            raise
    finally:
        for http_client in http_clients(sdk):
            if hasattr(http_client, "close"):
                http_client.close()
        if is_hugging_face(sdk):
            import_module("huggingface_hub").close_session()
    return Call(client, column, [*tracker.tracked])


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Call]]:
    """Every client, whole, streamed and refused."""
    certificate = small_certificate_store(tmp_path_factory.mktemp("certificates"))
    with wire_server() as running, pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "http_proxy"):
            patch.setenv(name, running.url)
        patch.setenv("SSL_CERT_FILE", certificate)
        import_module("huggingface_hub").close_session()  # one of an earlier test knows another proxy
        yield [
            called(client, column)
            for client in CLIENTS
            if client.make is not None
            for column in COLUMNS
            if column in client.calls
        ]


def test_full_has_prompt_and_answer_of_every_client(calls: list[Call]) -> None:
    """In plain, beside the call's own event, whole and streamed alike; a refusal has the prompt."""
    assert len(calls) > 30
    for client, column, events in calls:
        event, said = events
        assert isinstance(event, TaskCompletionEvent)
        assert isinstance(said, CallContentEvent)
        assert said.payload.call_event_id == event.event_id
        assert CANARY in (said.payload.prompt or ""), client.name
        if column != "error":
            assert answers.TEXT in (said.payload.answer or ""), (client.name, column)


@pytest.mark.parametrize("level", ["none", "metadata"])
def test_below_full_no_sink_gets_anything_that_was_said(
    calls: list[Call], level: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Even of events that hold it, which only a caller's own mistake could bring here."""
    caplog.set_level(logging.DEBUG)
    sinks = (tmp_path / "usage.db", tmp_path / "events.ndjson", f"call-log:{tmp_path}/calls.ndjson", "log:")
    events = [event for call in calls for event in call.events]
    with taximeter.start(*sinks, privacy=level, journal=tmp_path / "journal") as tracker:
        for event in events:
            tracker.track_task_completion(event)
        receipt = tracker.flush()
    assert receipt.dropped == {"privacy": len(calls)}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"gpt" in kept or b"some-model" in kept
    for text in (CANARY.encode(), answers.WORDS[1].encode()):
        assert text not in kept
        assert text not in caplog.text.encode()


def test_below_full_nothing_is_gathered() -> None:
    """A call of a tracker at `metadata` makes one event, and the texts are not even looked at."""
    tracker = ListTracker()
    with meter(httpx.Client(transport=httpx.MockTransport(_echo)), tracker) as client:
        _ask(client)
    assert [type(event) for event in tracker.tracked] == [TaskCompletionEvent]
    assert CANARY not in str(tracker.tracked)


@pytest.mark.parametrize("level", ["none", "metadata", "full"])
def test_answers_that_repeat_the_prompt_are_kept_at_full_only(level: str, tmp_path: Path) -> None:
    """Errors quote the request, its tools and its texts; so may any field of theirs."""
    with taximeter.start(tmp_path / "usage.db", privacy=level) as tracker:
        client = tracker.meter(httpx.Client(transport=httpx.MockTransport(_echo)))
        _ask(client)
        client.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (CANARY.encode() in kept) == (level == "full")


def _ask(client: httpx.Client) -> None:
    tool = {"type": "function", "function": {"name": f"tool_{CANARY}", "parameters": {}}}
    messages = [{"role": "user", "content": f"my {CANARY}"}]
    body = {"model": "gpt-4o", "messages": messages, "tools": [tool], "metadata": {"a": CANARY}}
    client.post("https://api.openai.com/v1/chat/completions", json=body)


def _echo(request: httpx.Request) -> httpx.Response:
    text = json.loads(request.read())["messages"][0]["content"]
    error = {"message": f"cannot read: {text}", "type": f"unread {text}", "param": text, "code": f"no {text}"}
    return httpx.Response(400, json={"error": error, "prompt": text})


def test_texts_are_cut_at_the_limit_and_keys_are_out_before(tmp_path: Path) -> None:
    """A cut through a key leaves no half of it; the whole length stays known."""
    key = "sk-proj-" + "a1B2c3D4" * 8
    said = "x" * 90 + " " + key + " and more " * 100

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": said}}]})

    with taximeter.start("memory:", privacy="full", content_limit=100) as tracker:
        client = tracker.meter(httpx.Client(transport=httpx.MockTransport(answer)))
        client.post(
            "https://api.openai.com/v1/chat/completions",
            json={"messages": [{"role": "user", "content": said}]},
        )
        client.close()
        tracker.flush()
        memory: Any = tracker.sinks[0]
        (payload,) = [event.payload for event in memory.events if isinstance(event, CallContentEvent)]
    assert payload.answer == ("x" * 90 + " [redacted]")[:100]
    assert payload.prompt == ("user: " + "x" * 90 + " [redacted]")[:100]
    assert payload.answer_characters == len(said)
    assert payload.prompt_characters == len("user: " + said)


def test_texts_lie_in_a_table_of_their_own(tmp_path: Path) -> None:
    """A store joins them to calls by id."""
    with taximeter.start(tmp_path / "usage.db", privacy="full") as tracker:
        client = tracker.meter(httpx.Client(transport=httpx.MockTransport(_echo)))
        _ask(client)
        client.close()
    store = sqlite3.connect(tmp_path / "usage.db")
    query = "SELECT prompt FROM contents JOIN events USING (event_id)"
    assert store.execute(query).fetchall() == [(f"user: my {CANARY}",)]
    assert store.execute("SELECT COUNT(*) FROM call_events").fetchone() == (0,)
    store.close()
