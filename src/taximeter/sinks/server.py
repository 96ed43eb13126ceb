"""Server: what a sink sends requests to, its address, its token and the connection to it."""

import os
import ssl
from collections.abc import Mapping
from importlib import import_module
from math import inf
from typing import Any

import httpx

from taximeter.errors import ConfigurationError
from taximeter.sinks.http_answer import HttpAnswer
from taximeter.sinks.http_connection import HttpConnection
from taximeter.sinks.server_address import is_loopback, proxy_for, server_address, shown
from taximeter.sinks.token import token_from
from taximeter.version import __version__

# httpx loads it with the first request. Were that in the flusher's thread while the host forks, the child would inherit
# a module lock that nobody lets go.
import_module("httpcore")


class Server:
    """One server, over a connection that is kept while all goes well.

    Args:
        url: Its address, `https://host/path`; plain `http://` with a token only for this machine.
        path: What is asked for below that address.
        token: See `HttpSink`.
        ssl_context: See `HttpSink`.
        timeout_s: The time for one request, from the look-up of the name to the last byte of the answer.
        trust_env: Whether proxies that the environment names are used; never for this machine.

    Raises:
        ConfigurationError: An option cannot work, or the token could be read by others on its way.
    """

    def __init__(
        self,
        url: str,
        path: str,
        *,
        token: str | os.PathLike[str] | None,
        ssl_context: ssl.SSLContext | None,
        timeout_s: float,
        trust_env: bool,
    ) -> None:
        address = server_address(url, path)
        self._token = token_from(token)
        if self._token is not None and address.scheme == "http" and not is_loopback(address):
            raise ConfigurationError("url", shown(address), "https://, because it is used with a token")
        if not _is_time(timeout_s):
            raise ConfigurationError("timeout_s", timeout_s, "a number of seconds above 0")
        if not isinstance(ssl_context, ssl.SSLContext | None):
            raise ConfigurationError("ssl_context", ssl_context, "an ssl.SSLContext, or None")
        if not isinstance(trust_env, bool):
            raise ConfigurationError("trust_env", trust_env, "True or False")
        self.name = url.partition("://")[2].rstrip("/")
        """Host and path, as receipts call it."""
        self._host = address.netloc.decode("ascii")
        self._connection = HttpConnection(
            address,
            ssl_context=ssl_context or _default_ssl_context(),
            proxy=proxy_for(address) if trust_env else None,
            timeout_s=timeout_s,
        )

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to close."""
        return self._connection.is_open

    async def send(
        self, body: bytes, headers: Mapping[str, str], *, method: str = "POST", below: str = ""
    ) -> HttpAnswer:
        """Send JSON and return the answer.

        Args:
            body: The JSON.
            headers: What this request has besides the usual ones.
            method: The HTTP method.
            below: What follows on the path.

        Raises:
            AccessDenied: The server cannot prove who it is.
            TryLater: It cannot be reached, or did not answer in time.
        """
        return await self._connection.send(method, below, body, self._headers(headers))

    def renew_token(self) -> bool:
        """Read the token's file again; return whether it holds another one now."""
        return self._token is not None and self._token.reload()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.aclose()

    def forget(self) -> None:
        """Connect anew in a forked child."""
        self._connection.forget()

    def _headers(self, more: Mapping[str, str]) -> httpx.Headers:
        headers = httpx.Headers(
            {
                "Host": self._host,
                "User-Agent": f"taximeter/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # or a small answer could become a huge one
                "Content-Type": "application/json",
            }
        )
        headers.update(more)
        if self._token is not None:
            headers["Authorization"] = self._token.authorization.decode("ascii")
        return headers


def _is_time(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < inf


def _default_ssl_context() -> ssl.SSLContext:
    """Return a context with the authorities that the environment names, or else with certifi's."""
    file, folder = (os.environ.get(name) or None for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if file is None and folder is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:
        raise ConfigurationError("SSL_CERT_FILE", file, "a file of certificates") from error
