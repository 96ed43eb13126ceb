"""The receiver, asked over the wire."""

import gzip
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from receiver_server import TOKEN, models_in, receiving
from sink_doubles import numbered
from taximeter.event import CallFailedEvent, encode_event
from taximeter.web.intake import BODY_MAX_BYTES

BATCH = "/v1/events/batch"
LOSSES = "/v1/events/losses"
JSON = {"Content-Type": "application/json", "Idempotency-Key": "k"}
CONTRACT = OpenAPI.from_file_path(str(Path(__file__).parents[2] / "schemas" / "openapi.v1.json"))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with receiving(tmp_path / "usage.db") as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=url, headers={**JSON, "Authorization": f"Bearer {TOKEN}"}, trust_env=False
    ) as made:
        yield made


def body(n_events: int) -> bytes:
    return b'{"events":[' + b",".join(map(encode_event, numbered(n_events))) + b"]}"


def assert_in_contract(response: httpx.Response, sent: bytes = b"") -> None:
    """Hold an exchange against the OpenAPI document."""
    request = MockRequest(
        str(response.url).removesuffix(response.url.path),
        response.request.method,
        response.url.path,
        headers=dict(response.request.headers),
        data=sent,
        content_type="application/json",
    )
    if response.is_success and sent:
        CONTRACT.validate_request(request)
    kind = response.headers["content-type"]
    CONTRACT.validate_response(
        request, MockResponse(response.content, response.status_code, dict(response.headers), kind)
    )


def test_a_batch_is_stored_and_answered(client: httpx.Client, tmp_path: Path) -> None:
    """Packed or not; the second time every event is a duplicate."""
    data = body(3)
    answer = client.post(BATCH, content=data)
    assert_in_contract(answer, data)
    assert answer.json() == {"accepted": 3, "duplicates": 0, "rejected": []}
    packed = client.post(BATCH, content=gzip.compress(data), headers={"Content-Encoding": "gzip"})
    assert_in_contract(packed, data)
    assert packed.json() == {"accepted": 0, "duplicates": 3, "rejected": []}
    assert models_in(tmp_path / "usage.db") == ["m0", "m1", "m2"]


def test_losses_are_stored_and_answered(client: httpx.Client) -> None:
    """By those who show the token, and no others."""
    data = b'{"source":"a tracker","lost":{"queue_full":3}}'
    answer = client.post(LOSSES, content=data)
    assert_in_contract(answer, data)
    assert answer.json() == {"events": 3}
    refused = client.post(LOSSES, content=b"[]")
    assert_in_contract(refused)
    assert (refused.status_code, refused.json()["error"]) == (422, "no_losses")
    assert client.post(LOSSES, content=data, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_rejected_events_are_in_the_contract(client: httpx.Client) -> None:
    """With place, reason and id."""
    answer = client.post(BATCH, content=b'{"events":[1,{"event_id":"e","type":"X"}]}')
    assert_in_contract(answer)
    assert answer.json()["rejected"] == [
        {"index": 0, "reason": "invalid"},
        {"index": 1, "reason": "unknown_type", "event_id": "e"},
    ]


def test_every_kind_of_event_is_in_the_contract(client: httpx.Client) -> None:
    """Those that sinks send are what the document describes."""
    data = b'{"events":[' + encode_event(CallFailedEvent(run_id="r")) + b"]}"
    assert_in_contract(client.post(BATCH, content=data), data)


@pytest.mark.parametrize(
    "shown", [None, "", TOKEN, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"]
)
def test_nobody_is_let_in_without_the_token(url: str, shown: str | None, tmp_path: Path) -> None:
    """Nothing is stored, and the answer does not say how near it was."""
    headers = httpx.Headers(JSON if shown is None else {**JSON, "Authorization": shown}, encoding="latin-1")
    answer = httpx.post(f"{url}{BATCH}", content=body(1), headers=headers, trust_env=False)
    assert_in_contract(answer)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.text
    assert not (tmp_path / "usage.db").exists()


@pytest.mark.parametrize(
    ("data", "headers", "status", "error"),
    [
        (b"{", {}, 400, "not_json"),
        (b"[]", {}, 422, "not_a_batch"),
        (b"x", {"Content-Encoding": "gzip"}, 400, "not_gzip"),
        (b"{}", {"Content-Encoding": "br"}, 415, "unsupported"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported"),
        (bytes(BODY_MAX_BYTES + 1), {}, 413, "too_large"),
        (gzip.compress(bytes(BODY_MAX_BYTES + 1)), {"Content-Encoding": "gzip"}, 413, "too_large"),
    ],
    ids=["no JSON", "no batch", "no gzip", "other packing", "other kind", "too large", "bomb"],
)
def test_a_request_that_cannot_be_read(
    client: httpx.Client, data: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    """The answer says what is wrong with it, and the connection goes on."""
    answer = client.post(BATCH, content=data, headers=headers)
    assert_in_contract(answer)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert client.post(BATCH, content=body(1)).json()["accepted"] == 1


def test_a_body_of_unknown_length_is_bounded_too(client: httpx.Client) -> None:
    """It is counted as it comes."""
    answer = client.post(BATCH, content=(bytes(1 << 20) for _ in range(20)))
    assert answer.status_code == 413


def test_what_is_not_there(client: httpx.Client) -> None:
    """Other paths and methods are refused in HTTP's own words."""
    assert client.get(BATCH).status_code == 405
    assert client.post("/v1/events").status_code == 404


def test_health_needs_no_token(url: str) -> None:
    """Whoever watches the server need not be able to write to it."""
    answer = httpx.get(f"{url}/healthz", trust_env=False)
    assert_in_contract(answer)
    assert answer.json() == {"status": "ok"}


def test_a_store_that_fails_is_said(client: httpx.Client, tmp_path: Path, caplog: Any) -> None:
    """The sink is to try again; when the store works, the events are in."""
    (tmp_path / "usage.db").mkdir()
    answer = client.post(BATCH, content=body(1))
    assert_in_contract(answer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert str(tmp_path) not in answer.text
    assert "store cannot be written to" in caplog.text
    (tmp_path / "usage.db").rmdir()
    assert client.post(BATCH, content=body(1)).json()["accepted"] == 1


def test_too_many_at_once_are_sent_away(client: httpx.Client, url: str) -> None:
    """Bodies that are on their way are bounded by number as well; the rest is told when to come again."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"POST {BATCH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
    slow = [socket.create_connection((host, int(port))) for _ in range(16)]
    for connection in slow:
        connection.sendall(head.encode())
    answer = client.post(BATCH, content=body(1))
    while answer.status_code == 200:  # until the server has seen all sixteen
        answer = client.post(BATCH, content=body(1))
    assert_in_contract(answer)
    assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "busy", "1")
    for connection in slow:
        connection.close()
    while answer.status_code != 200:
        answer = client.post(BATCH, content=body(1))


def test_a_client_that_goes_away_midway_leaves_nothing(
    client: httpx.Client, url: str, tmp_path: Path
) -> None:
    """Half a body is no batch."""
    host, _, port = url.removeprefix("http://").partition(":")
    with closing(socket.create_connection((host, int(port)))) as connection:
        data = body(2)
        head = f"POST {BATCH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[:-5])
    assert client.post(BATCH, content=body(1)).json()["accepted"] == 1
    assert models_in(tmp_path / "usage.db") == ["m0"]
