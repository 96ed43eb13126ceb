"""The HTTP sink: batches posted to a server, which answers for each event."""

import os
import ssl
from collections.abc import Mapping

import msgspec

from taximeter.http_contract import BATCH_PATH, EVENTS_PATH, LOSSES_PATH, LossReport
from taximeter.sinks.batch import Batch
from taximeter.sinks.envelope import Envelope, envelope_of
from taximeter.sinks.http_answer import check_status, settle
from taximeter.sinks.refusal import AccessDenied
from taximeter.sinks.server import Server

_TO_BATCH = BATCH_PATH.removeprefix(EVENTS_PATH)
_TO_LOSSES = LOSSES_PATH.removeprefix(EVENTS_PATH)
_NO_SUCH_PLACE = {404, 405, 501}


class HttpSink:
    """Posts to `{url}/v1/events/batch`, as docs/reference/http.md describes it; `taximeter receive` is such a server.

    How many events were lost on the way is told at `{url}/v1/events/losses`, as long as the server has such a place.

    Args:
        url: The server's address, `https://host/path`; plain `http://` with a token only for this machine.
        token: What the server lets us in by: the token itself, or the path of a file that holds it, which is read anew
            when the server says no. None takes TAXIMETER_TOKEN of the environment, and where that is not set, none.
        ssl_context: What the server's certificate is checked with; None takes the list of certifi, or what
            SSL_CERT_FILE or SSL_CERT_DIR of the environment name.
        timeout_s: The time for one attempt, from the look-up of the name to the last byte of the answer.
        gzip_min_bytes: Bodies of this size and more are compressed.
        trust_env: Whether proxies that the environment names are used; never for this machine.
        name: How receipts call this sink; None means host and path.

    Raises:
        ConfigurationError: An option cannot work, or the token could be read by others on its way.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeout_s: float = 10.0,
        gzip_min_bytes: int = 1024,
        trust_env: bool = True,
        name: str | None = None,
    ) -> None:
        self._server = Server(
            url,
            EVENTS_PATH,
            token=token,
            ssl_context=ssl_context,
            timeout_s=timeout_s,
            trust_env=trust_env,
        )
        self.name = name or self._server.name
        self._gzip_min_bytes = gzip_min_bytes
        self._sealed: tuple[Batch, Envelope] | None = None
        self._hears_of_losses = True

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._server.is_open

    async def write(self, batch: Batch) -> None:
        """Post the batch; a repeated attempt sends the same bytes under the same key.

        Raises:
            TryLater, BatchRefused, EventsRefused, AccessDenied: See `taximeter.sinks.refusal`.
        """
        if self._sealed is None or self._sealed[0] is not batch:
            self._sealed = batch, await envelope_of(batch, self._gzip_min_bytes)
        envelope = self._sealed[1]
        try:
            await self._post(envelope, batch)
        except AccessDenied:
            if not self._server.renew_token():
                raise
            await self._post(envelope, batch)
        self._sealed = None

    async def note_losses(self, source: str, lost: Mapping[str, int]) -> None:
        """Tell the server how many events of a source will never come, by reason, since it began.

        Raises:
            BatchRefused, AccessDenied, TryLater: It has not taken them; see `taximeter.sinks.refusal`.
        """
        if not self._hears_of_losses:
            return
        body = msgspec.json.encode(LossReport(source, dict(lost)))
        answer = await self._server.send(body, {}, below=_TO_LOSSES)
        self._hears_of_losses = answer.status not in _NO_SUCH_PLACE
        if self._hears_of_losses:
            check_status(answer)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._server.aclose()

    def forget(self) -> None:
        """Connect anew in a forked child."""
        self._server.forget()

    async def _post(self, envelope: Envelope, batch: Batch) -> None:
        headers = {"Idempotency-Key": envelope.key}
        if envelope.is_gzip:
            headers["Content-Encoding"] = "gzip"
        settle(await self._server.send(envelope.body, headers, below=_TO_BATCH), batch.lines)
