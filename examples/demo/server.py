"""Server: four providers on 127.0.0.1, for demos and tests. Standard library only.

It answers by the end of the path, whatever the host, so it also serves as an HTTP proxy that knows all answers itself.
A request may ask for trouble by naming it anywhere in its body: see `Trouble`.
"""

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

sys.path.insert(0, str(Path(__file__).parent))

import answers

Document = dict[str, Any]


class Trouble(StrEnum):
    """What can go wrong on request."""

    BAD_REQUEST = "(answer 400)"
    RATE_LIMIT = "(answer 429)"
    RATE_LIMIT_ONCE = "(answer 429 once)"
    HANG_UP = "(hang up midway)"
    STALL = "(stall midway)"
    WAIT = "(wait for ever)"


class Route(NamedTuple):
    """What answers at a path: whole, and streamed where the format knows streams."""

    path: re.Pattern[str]
    wire_format: str
    whole: Callable[[Document], Document]
    stream: Callable[[Document], Iterator[Document]] | None = None


ROUTES = (
    Route(re.compile(r"/chat/completions$"), "openai", answers.openai_chat, answers.openai_chat_stream),
    Route(re.compile(r"/responses$"), "responses", answers.openai_response, answers.openai_response_stream),
    Route(re.compile(r"/embeddings$"), "openai", answers.openai_embeddings),
    Route(
        re.compile(r"/v1/messages$"), "anthropic", answers.anthropic_message, answers.anthropic_message_stream
    ),
    Route(
        re.compile(r"/models/(?P<model>[^/:]+):(generateContent|(?P<stream>streamGenerateContent))$"),
        "gemini",
        answers.gemini_generate,
        answers.gemini_generate_stream,
    ),
    Route(re.compile(r"/api/chat$"), "ollama", answers.ollama_chat, answers.ollama_chat_stream),
    Route(re.compile(r"/api/generate$"), "ollama", answers.ollama_generate, answers.ollama_generate_stream),
    Route(re.compile(r"/api/embed$"), "ollama", answers.ollama_embed),
)


class DemoServer(ThreadingHTTPServer):
    """Answers on a free port of 127.0.0.1 from construction on, until the `with` block ends.

    `requests` has what was asked, decoded, in order of arrival; `refused` the bodies that were told to come again.
    """

    daemon_threads = True

    def __init__(self, handler: "type[Handler] | None" = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.requests: list[Document] = []
        self.refused: set[bytes] = set()
        self.closing = Event()
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that leaves midway is part of the play."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests; tests add routes and formats in a subclass."""

    routes: tuple[Route, ...] = ROUTES
    server: DemoServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer by the end of the path."""
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        for route in self.routes:
            if match := route.path.search(path):
                request = json.loads(body) | match.groupdict(default=None)
                self.server.requests.append(request)
                self._answer(route, request, self.trouble_in(body))
                return
        self.send(404, {"error": {"message": "There is nothing here."}})

    def _answer(self, route: Route, request: Document, trouble: Trouble | None) -> None:
        if trouble is Trouble.WAIT:
            self.server.closing.wait()
            self.close_connection = True
        elif trouble in {Trouble.BAD_REQUEST, Trouble.RATE_LIMIT, Trouble.RATE_LIMIT_ONCE}:
            status = 400 if trouble is Trouble.BAD_REQUEST else 429
            self.send(status, self.error(route.wire_format, status))
        elif route.stream is not None and _wants_stream(route, request):
            self.send_stream(*self.framed(route.wire_format, route.stream(request)), trouble)
        else:
            self.send(200, route.whole(request), cut=trouble is Trouble.HANG_UP)

    def error(self, wire_format: str, status: int) -> Document:
        """Return the body of an error."""
        return answers.error(wire_format, status)

    def framed(self, wire_format: str, documents: Iterable[Document]) -> tuple[str, Iterator[bytes]]:
        """Return the kind of a stream's content, and its parts."""
        kind = "application/x-ndjson" if wire_format == "ollama" else "text/event-stream; charset=utf-8"
        return kind, _framed(wire_format, documents)

    def send(self, status: int, document: Document, *, cut: bool = False) -> None:
        """Send a document, or its first half."""
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            self.send_header("content-encoding", "gzip")
        if status == 429:
            self.send_header("retry-after-ms", "1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def send_stream(self, kind: str, parts: Iterable[bytes], trouble: Trouble | None = None) -> None:
        """Send the parts one by one, as this kind of content."""
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, part in enumerate(parts):
            if trouble in {Trouble.HANG_UP, Trouble.STALL} and number == 3:
                if trouble is Trouble.STALL:
                    self.server.closing.wait()
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def trouble_in(self, body: bytes) -> Trouble | None:
        """Return the trouble that a request asks for; one to be refused once is, until it comes again."""
        trouble = next((trouble for trouble in Trouble if trouble.encode() in body), None)
        if trouble is not Trouble.RATE_LIMIT_ONCE:
            return trouble
        if body in self.server.refused:
            self.server.refused.remove(body)
            return None
        self.server.refused.add(body)
        return trouble

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def _wants_stream(route: Route, request: Document) -> bool:
    default = route.wire_format == "ollama"  # streams unless told otherwise
    return bool(request.get("stream", default))


def _framed(wire_format: str, documents: Iterable[Document]) -> Iterator[bytes]:
    for document in documents:
        data = json.dumps(document, separators=(",", ":")).encode()
        if wire_format == "ollama":
            yield data + b"\n"
        elif wire_format in {"anthropic", "responses"}:
            yield b"event: %s\ndata: %s\n\n" % (document["type"].encode(), data)
        else:
            yield b"data: %s%s" % (data, b"\r\n\r\n" if wire_format == "gemini" else b"\n\n")
    if wire_format == "openai":
        yield b"data: [DONE]\n\n"
