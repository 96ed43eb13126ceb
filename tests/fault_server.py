"""A server on loopback that misbehaves as a test wants it to."""

import gzip
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self


class Received(NamedTuple):
    """A request as it came."""

    line: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body; none in one that tells of losses."""
        packed = self.headers.get("content-encoding") == "gzip"
        document: dict[str, Any] = json.loads(gzip.decompress(self.body) if packed else self.body)
        events: list[dict[str, Any]] = document.get("events", [])
        return events


class HangUp(Exception):  # noqa: N818 - what an answer raises to end the connection with a reset
    """End the connection the hard way."""


Answer = Callable[[Received], Iterable[bytes | None]]
"""None waits until the server is closed."""


class FaultServer:
    """Sends, for each request, the parts that a function returns, and closes the connection.

    Args:
        answer: May raise `HangUp` between parts.
        context: For TLS.
        pause_s: How long to wait after each part.
    """

    def __init__(
        self, answer: Answer, context: ssl.SSLContext | None = None, *, pause_s: float = 0.0
    ) -> None:
        self._answer = answer
        self._pause_s = pause_s
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [Thread(target=self._accept, daemon=True)]
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[Received] = []
        self._closing = Event()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:  # the other side has gone, or does not trust us
            connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with connection, connection.makefile("rb") as reader:
                request = _read(reader)
                self.requests.append(request)
                self._send(connection, request)

    def _send(self, connection: socket.socket, request: Received) -> None:
        try:
            for part in self._answer(request):
                connection.sendall(part or b"")
                self._closing.wait(None if part is None else self._pause_s)
        except HangUp:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read(reader: BinaryIO) -> Received:
    line = reader.readline().decode().strip()
    headers = dict(_headers(reader))
    return Received(line, headers, reader.read(int(headers.get("content-length", 0))))


def _headers(reader: BinaryIO) -> Iterator[tuple[str, str]]:
    for raw in iter(reader.readline, b"\r\n"):
        if not raw:
            raise ConnectionError("cut off")
        name, _, value = raw.decode().partition(":")
        yield name.lower(), value.strip()


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer; underscores in header names are hyphens."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode() + body


def taken(request: Received) -> bytes:
    """Return the answer of a server that has taken every event."""
    return reply(200, json.dumps({"accepted": len(request.events), "duplicates": 0}).encode())
