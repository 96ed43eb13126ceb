"""The HTTP sink: batches posted to a server, which answers for each event."""

import os
import ssl
from importlib import import_module

import httpx

from taximeter.errors import ConfigurationError
from taximeter.sinks.batch import Batch
from taximeter.sinks.envelope import Envelope, envelope_of
from taximeter.sinks.http_answer import settle
from taximeter.sinks.http_connection import HttpConnection
from taximeter.sinks.refusal import AccessDenied
from taximeter.sinks.server_address import is_loopback, proxy_for, server_address, shown
from taximeter.sinks.token import token_from
from taximeter.version import __version__

# httpx loads it with the first request. Were that in the flusher's thread while the host forks, the child would inherit
# a module lock that nobody lets go.
import_module("httpcore")


class HttpSink:
    """Posts to `{url}/v1/events/batch`, as docs/reference/http.md describes it; `taximeter receive` is such a server.

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
        ConfigurationError: An option cannot work, or the token could be read on its way.
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
        address = server_address(url)
        self._token = token_from(token)
        if self._token is not None and address.scheme == "http" and not is_loopback(address):
            raise ConfigurationError("url", shown(address), "https://, because it is used with a token")
        if not timeout_s > 0:
            raise ConfigurationError("timeout_s", timeout_s, "a number of seconds above 0")
        self.name = name or url.partition("://")[2].rstrip("/")
        self._host = address.netloc.decode("ascii")
        self._gzip_min_bytes = gzip_min_bytes
        self._connection = HttpConnection(
            address,
            ssl_context=ssl_context or _default_ssl_context(),
            proxy=proxy_for(address) if trust_env else None,
            timeout_s=timeout_s,
        )
        self._sealed: tuple[Batch, Envelope] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._connection.is_open

    async def write(self, batch: Batch) -> None:
        """Post the batch; a repeated attempt sends the same bytes under the same key.

        Raises:
            TryLater, BatchRefused, EventsRefused, AccessDenied: See `taximeter.sinks.refusal`.
        """
        if self._sealed is None or self._sealed[0] is not batch:
            self._sealed = batch, await envelope_of(batch, self._gzip_min_bytes)
        envelope = self._sealed[1]
        try:
            await self._post(envelope, len(batch))
        except AccessDenied:
            if self._token is None or not self._token.reload():
                raise
            await self._post(envelope, len(batch))
        self._sealed = None

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.aclose()

    def forget(self) -> None:
        """Connect anew in a forked child."""
        self._connection.forget()

    async def _post(self, envelope: Envelope, n_events: int) -> None:
        settle(await self._connection.post(envelope.body, self._headers(envelope)), n_events)

    def _headers(self, envelope: Envelope) -> httpx.Headers:
        headers = httpx.Headers(
            {
                "Host": self._host,
                "User-Agent": f"taximeter/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # or a small answer could become a huge one
                "Content-Type": "application/json",
                "Idempotency-Key": envelope.key,
            }
        )
        if envelope.is_gzip:
            headers["Content-Encoding"] = "gzip"
        if self._token is not None:
            headers["Authorization"] = self._token.authorization.decode("ascii")
        return headers


def _default_ssl_context() -> ssl.SSLContext:
    """Return a context with the authorities that the environment names, or else with certifi's."""
    file, folder = (os.environ.get(name) or None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file is None and folder is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:
        raise ConfigurationError("SSL_CERT_FILE", file, "a file of certificates") from error
