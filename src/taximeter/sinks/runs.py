"""The runs sink: calls and runs told to a telemetry service that keeps a record of each run."""

import os
import ssl
from time import monotonic
from typing import Any
from urllib.parse import quote

import msgspec

from taximeter.event import CallContentEvent, CallFailedEvent, CallFinishedEvent, Event, TaskCompletionEvent
from taximeter.sinks.batch import Batch
from taximeter.sinks.http_answer import HttpAnswer, check_status
from taximeter.sinks.refusal import AccessDenied, BatchRefused, EventsRefused, PartTaken, TryLater
from taximeter.sinks.run_requests import begin_after_all, requests_of, run_key
from taximeter.sinks.server import Server

RUNS_PATH = "/api/v1/runs"
UNKNOWN_RUN = "unknown_run"

_THERE_ALREADY = 409
_NOT_THERE = 404
_CLOSED = {401, 403}
_REMEMBERED_CALLS = 10_000
_LONGEST_WRITE_S = 1.0
"""What one write may take: hundreds of requests to a slow service go beyond the time that there is for a batch."""


class RunsSink:
    """Begins and ends runs at `{url}/api/v1/runs`, one request at a time, in the order of the events.

    A call that was told of from begin to end is one run, and so is one that is only known as a whole. A request that is
    repeated names the same `event_id`, so it changes nothing; a run that the service does not know when it ends is begun
    after all.

    Args:
        url: The service's address, `https://host/path`; plain `http://` with a token only for this machine.
        token: See `HttpSink`.
        ssl_context: See `HttpSink`.
        timeout_s: The time for one request.
        trust_env: Whether proxies that the environment names are used; never for this machine.
        name: How receipts call this sink; None means host and path.

    Raises:
        ConfigurationError: An option cannot work, or the token could be read on its way.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeout_s: float = 10.0,
        trust_env: bool = True,
        name: str | None = None,
    ) -> None:
        self._server = Server(
            url, RUNS_PATH, token=token, ssl_context=ssl_context, timeout_s=timeout_s, trust_env=trust_env
        )
        self.name = name or self._server.name
        self._batch: Batch | None = None
        self._told = 0
        self._refused: dict[int, str] = {}
        self._ended_calls: dict[str, None] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._server.is_open

    async def write(self, batch: Batch) -> None:
        """Tell of each event; a batch that comes again goes on where it stopped.

        Raises:
            EventsRefused, PartTaken, TryLater, AccessDenied: See `taximeter.sinks.refusal`.
        """
        if batch is not self._batch:
            self._batch, self._told, self._refused = batch, 0, {}
        until_s = monotonic() + _LONGEST_WRITE_S
        for index, event in list(enumerate(batch.events))[self._told :]:
            try:
                await self._tell(event)
            except BatchRefused as refusal:  # of this one event: each has a request of its own
                self._refused[index] = refusal.reason
            except (AccessDenied, TryLater) as trouble:
                if index:
                    raise PartTaken(index, self._refused, trouble) from trouble
                raise
            self._told = index + 1
            if monotonic() > until_s and self._told < len(batch.events):
                raise PartTaken(self._told, self._refused)
        self._batch = None
        if self._refused:
            raise EventsRefused(self._refused)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._server.aclose()

    def forget(self) -> None:
        """Connect anew in a forked child."""
        self._server.forget()

    async def _tell(self, event: Event) -> None:
        if isinstance(event, CallContentEvent):
            return
        key = quote(run_key(event), safe="")  # it may be an id of the application's own
        if isinstance(event, TaskCompletionEvent) and key in self._ended_calls:
            return  # told by its moments
        requests = requests_of(event)
        if requests.begin is not None:
            await self._begin(key, requests.begin)
        if requests.end is not None:
            await self._end(key, requests.end, begin_after_all(event))
        if isinstance(event, CallFinishedEvent | CallFailedEvent):
            self._remember(key)

    async def _begin(self, key: str, run: dict[str, Any]) -> None:
        _settle(await self._send("POST", "", key, run))

    async def _end(self, key: str, end: dict[str, Any], begin: dict[str, Any] | None) -> None:
        answer = await self._send("PATCH", f"/{key}", f"{key}-end", end)
        if answer.status == _NOT_THERE and begin is not None:
            await self._begin(key, begin)
            answer = await self._send("PATCH", f"/{key}", f"{key}-end", end)
        if answer.status == _NOT_THERE:
            raise BatchRefused(UNKNOWN_RUN)
        _settle(answer)

    async def _send(self, method: str, below: str, name: str, document: dict[str, Any]) -> HttpAnswer:
        """Send a document; where the server says no, once more with a token that has changed meanwhile."""
        body, headers = msgspec.json.encode(document), {"Idempotency-Key": name}
        answer = await self._server.send(body, headers, method=method, below=below)
        if answer.status in _CLOSED and self._server.renew_token():
            answer = await self._server.send(body, headers, method=method, below=below)
        return answer

    def _remember(self, key: str) -> None:
        """Keep in mind that a call was told of, until its whole comes by."""
        self._ended_calls[key] = None
        if len(self._ended_calls) > _REMEMBERED_CALLS:
            del self._ended_calls[next(iter(self._ended_calls))]


def _settle(answer: HttpAnswer) -> None:
    """Take it as told, too, when the service says that it knows already."""
    if answer.status != _THERE_ALREADY:
        check_status(answer)
