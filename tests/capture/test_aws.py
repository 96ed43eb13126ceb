"""What boto3's clients send is metered on botocore's session, however the answer is read or left."""

import gc
import json
from collections.abc import Callable
from typing import Any

import pytest

from client_matrix import CLAUDE, CLIENTS, QUESTION, Client
from list_tracker import BrokenTracker, ListTracker
from loopback import DemoServer, Trouble
from taximeter.capture import meter, meter_everything

# What is let go of leaves its socket to the collector, metered or not.
pytestmark = [
    pytest.mark.usefixtures("through_the_loopback"),
    pytest.mark.filterwarnings(
        "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
]

CONVERSE, INVOKE = (client for client in CLIENTS if client.package == "boto3")


def ask(client: Client, column: str, sdk: Any, text: str = QUESTION) -> Any:
    """Call in one of the ways of the matrix."""
    return client.calls[column](sdk, text)


def made(client: Client) -> Any:
    """Return a client that is not metered."""
    assert client.make is not None
    return client.make()


def _into_buffer(body: Any) -> bytes:
    buffer, found = bytearray(9), b""
    while count := body.readinto(buffer):
        found += bytes(buffer[:count])
    return found


READINGS: dict[str, Callable[[Any], bytes]] = {
    "at once": lambda body: bytes(body.read()),
    "in pieces": lambda body: b"".join(iter(lambda: body.read(7), b"")),
    "by chunks": lambda body: b"".join(body.iter_chunks(11)),
    "by lines": lambda body: b"\n".join(body.iter_lines()),
    "as raw lines": lambda body: b"".join(body.readlines()),
    "into a buffer": _into_buffer,
    "the raw one": lambda body: b"".join(body.__enter__().stream()),
}


@pytest.mark.parametrize("reading", READINGS)
def test_body_may_be_read_in_any_way(reading: str, tracker: ListTracker) -> None:
    """The body of `invoke_model` is the very object that botocore made, and gives the same bytes."""
    plain = READINGS[reading](ask(INVOKE, "whole", made(INVOKE))["body"])
    answer = ask(INVOKE, "whole", meter(made(INVOKE), tracker))
    assert READINGS[reading](answer["body"]) == plain
    answer["body"].close()
    assert (tracker.event.outcome, tracker.event.actual_output_tokens) == ("success", 387)


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_stream_that_is_left_is_cancelled(leave: str, tracker: ListTracker) -> None:
    """Closing a stream early, or letting go of it, is one cancelled event."""
    answer = ask(CONVERSE, "stream", meter(made(CONVERSE), tracker), f"{QUESTION} {Trouble.STALL}")
    stream = answer["stream"]
    events = iter(stream)
    next(events)
    next(events)
    if leave == "close":
        stream.close()
    del answer, stream, events
    gc.collect()
    assert (tracker.event.outcome, tracker.event.streaming) == ("cancelled", True)


def test_stream_that_is_cut_is_partial(tracker: ListTracker) -> None:
    """A connection that breaks midway raises as before, and what had come is a partial call."""
    answer = ask(CONVERSE, "stream", meter(made(CONVERSE), tracker), f"{QUESTION} {Trouble.HANG_UP}")
    with pytest.raises(Exception, match="ended prematurely"):
        list(answer["stream"])
    assert (tracker.event.outcome, tracker.event.provider) == ("partial", "bedrock")


def test_no_connection_is_a_failure(tracker: ListTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is an event with the exception's name."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # which wins over the one in capitals
    with pytest.raises(Exception, match="proxy"):
        ask(CONVERSE, "whole", meter(made(CONVERSE), tracker))
    assert {event.outcome for event in tracker.tracked} == {"failure"}
    assert {event.error_type for event in tracker.tracked} == {"ProxyConnectionError"}


@pytest.mark.parametrize("own", [False, True])
def test_everything_includes_boto3(own: bool, tracker: ListTracker) -> None:
    """Clients made before and after are metered, one with a meter of its own for both trackers, each once."""
    other = ListTracker()
    sdk = made(CONVERSE)
    if own:
        meter(sdk, other)
    with meter_everything(tracker):
        ask(CONVERSE, "whole", sdk)
    ask(CONVERSE, "whole", sdk)
    assert tracker.event.actual_input_tokens == 125
    assert len(other.tracked) == 2 * own


def test_own_endpoint_is_known_by_its_signature(providers: DemoServer, tracker: ListTracker) -> None:
    """Behind an address of one's own, the signature says that it is Bedrock, and in which region."""
    boto3 = pytest.importorskip("boto3", reason="pip install boto3")
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        endpoint_url=providers.url,
    )
    ask(CONVERSE, "whole", meter(sdk, tracker))
    assert (tracker.event.provider, tracker.event.model) == ("bedrock", CLAUDE)
    assert tracker.event.price_context == {"region": "eu-west-1"}


def test_broken_tracker_leaves_the_call_alone() -> None:
    """Whatever is wrong with the tracker, the application gets its answer."""
    answer = ask(INVOKE, "whole", meter(made(INVOKE), BrokenTracker()))
    assert json.loads(answer["body"].read())["stop_reason"] == "end_turn"


def test_other_services_pass(tracker: ListTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of another service can be metered, and its calls leave no event."""
    boto3 = pytest.importorskip("boto3", reason="pip install boto3")
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    sdk = meter(boto3.client("sts", endpoint_url="http://sts.us-east-1.amazonaws.com", **keys), tracker)
    with pytest.raises(Exception, match="Unable to parse"):
        sdk.get_caller_identity()
    assert not tracker.tracked
