"""HTTP connection: one request at a time to one server, within its time, whatever the server does."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

import anyio
import httpx

from taximeter.sinks.http_answer import HttpAnswer
from taximeter.sinks.refusal import AccessDenied, TryLater
from taximeter.sinks.resolver import addresses_of, is_address

_ANSWER_MAX_BYTES = 1 << 20
_CONNECT_S = 5.0
_CLOSE_S = 0.05

_left_to_parent: list[httpx.AsyncHTTPTransport] = []


class HttpConnection:
    """Sends to one address, over a connection that is kept while all goes well.

    It stands on httpx's transport and not on its client, which would follow the environment, keep cookies and log every
    request at the host's expense. A transport does not follow redirects.

    Args:
        address: The whole URL.
        ssl_context: What certificates are checked with.
        proxy: By which proxy; None for none.
        timeout_s: The time for one request, from the name's look-up to the answer's last byte.
    """

    def __init__(
        self,
        address: httpx.URL,
        *,
        ssl_context: ssl.SSLContext,
        proxy: httpx.Proxy | None,
        timeout_s: float,
    ) -> None:
        self._address = address
        self._ssl_context = ssl_context
        self._proxy = proxy
        self._timeout_s = timeout_s
        self._transport: httpx.AsyncHTTPTransport | None = None
        self._host: str | None = None
        """Which of the server's addresses the connection goes to; None while there is none."""

    @property
    def is_open(self) -> bool:
        """Whether there may be something to close."""
        return self._transport is not None

    async def post(self, body: bytes, headers: httpx.Headers) -> HttpAnswer:
        """Post to the address itself, see `send`."""
        return await self.send("POST", "", body, headers)

    async def send(self, method: str, below: str, body: bytes, headers: httpx.Headers) -> HttpAnswer:
        """Send the body and return the answer; after a failure the next request connects anew.

        Args:
            method: The HTTP method.
            below: What follows on the address's path.
            body: What is sent.
            headers: All headers.

        Raises:
            AccessDenied: The server cannot prove who it is.
            TryLater: It cannot be reached, or did not answer in time.
        """
        try:
            with anyio.fail_after(self._timeout_s):
                return await _answer(await self._send(method, below, body, headers))
        except BaseException as error:
            await self.aclose()
            if isinstance(error, httpx.TransportError | OSError):  # TimeoutError is an OSError
                raise _refusal(error) from error
            raise

    async def aclose(self) -> None:
        """Close the connection, at once."""
        transport, self._transport, self._host = self._transport, None, None
        if transport is not None:
            with anyio.move_on_after(_CLOSE_S, shield=True), suppress(Exception):  # its loop may be gone
                await transport.aclose()

    def forget(self) -> None:
        """Leave the connection to the parent: an end of it said in a forked child would end it there."""
        if self._transport is not None:
            _left_to_parent.append(self._transport)
            self._transport = self._host = None

    async def _send(self, method: str, below: str, body: bytes, headers: httpx.Headers) -> httpx.Response:
        """Send to the first of the host's addresses that takes a connection."""
        error: httpx.TransportError | None = None
        for host in await self._hosts():
            try:
                request = self._request(host, method, below, body, headers)
                response = await self._opened().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
                error = failure
            else:
                self._host = host
                return response
        raise error or httpx.ConnectError("no address")

    async def _hosts(self) -> list[str]:
        if self._host is not None:
            return [self._host]
        if self._proxy is not None:  # which looks the name up by itself
            return [self._address.host]
        return await addresses_of(self._address.raw_host.decode("ascii"), self._address.port or 0)

    def _request(
        self, host: str, method: str, below: str, body: bytes, headers: httpx.Headers
    ) -> httpx.Request:
        seconds = self._timeout_s
        connect_s = min(_CONNECT_S, seconds)
        extensions: dict[str, object] = {
            "timeout": {"connect": connect_s, "read": seconds, "write": seconds, "pool": seconds}
        }
        if not is_address(self._address.host):
            extensions["sni_hostname"] = self._address.raw_host.decode("ascii")
        url = self._address.copy_with(host=host, raw_path=self._address.raw_path + below.encode())
        return httpx.Request(method, url, headers=headers, content=body, extensions=extensions)

    def _opened(self) -> httpx.AsyncHTTPTransport:
        if self._transport is None:
            self._transport = httpx.AsyncHTTPTransport(
                verify=self._ssl_context, proxy=self._proxy, trust_env=False
            )
        return self._transport


async def _answer(response: httpx.Response) -> HttpAnswer:
    packed = response.headers.get("content-encoding", "identity") != "identity"
    body = await _read(response)
    return HttpAnswer(response.status_code, response.headers.get("retry-after"), None if packed else body)


async def _read(response: httpx.Response) -> bytes | None:
    """Return the body as it comes over the wire; None when it is too long, with the rest of it unread."""
    body = bytearray()
    try:
        async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as parts:  # declared as less
            async for part in parts:
                body += part
                if len(body) > _ANSWER_MAX_BYTES:
                    return None
    finally:
        await response.aclose()
    return bytes(body)


def _refusal(error: BaseException) -> Exception:
    """Say what went wrong in words of ours and of the system, which quote nothing that was sent."""
    words = [type(error).__name__]
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return AccessDenied(f"certificate: {cause.verify_message}")
        if isinstance(cause, OSError) and cause.strerror:
            words[1:] = [cause.strerror]
        cause = cause.__cause__ or cause.__context__
    return TryLater(": ".join(words))
