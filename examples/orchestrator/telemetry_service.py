"""Telemetry service: a record of runs on the loopback, as multi-agent pipelines have one beside them.

`POST /api/v1/runs` begins a run, and again with the same `event_id` changes nothing; `PATCH /api/v1/runs/{event_id}` adds
what is known at its end.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

RUNS = "/api/v1/runs"


class TelemetryService:
    """A context manager that serves while it is open; `runs` is what it has been told, by `event_id`.

    Args:
        token: What callers must show; None lets everyone in.
    """

    def __init__(self, token: str | None = None) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request."""
        self.troubles: list[int] = []
        """Statuses to answer the next requests with, instead of what they ask for."""
        self.token = token
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tree(self) -> list[str]:
        """Return the runs as lines, each below the run that it is a part of."""
        lines: list[str] = []
        self._grow(None, "", lines)
        return lines

    def _grow(self, parent: str | None, indent: str, lines: list[str]) -> None:
        for run in self.runs.values():
            if run.get("parent_run_id") == parent:
                metrics = run.get("metrics_json", {})
                tokens = f"{metrics.get('input_tokens', '?')} + {metrics.get('output_tokens', '?')} tokens"
                cost = f"${metrics['api_cost_usd']:.6f}" if "api_cost_usd" in metrics else "no cost"
                lines.append(
                    f"{indent}{run['job_type']} {run['agent_name']}: {run['status']}, {tokens}, {cost}"
                )
                self._grow(run["run_id"], indent + "  ", lines)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: TelemetryService

    def do_POST(self) -> None:
        """Begin a run."""
        run = self._read()
        if (status := self._trouble()) or self.path != RUNS:
            self._answer(status or 404)
        elif run["event_id"] in self.service.runs:
            self._answer(409)
        else:
            self.service.runs[run["event_id"]] = run
            self._answer(201)

    def do_PATCH(self) -> None:
        """Add to a run."""
        more = self._read()
        run = self.service.runs.get(self.path.removeprefix(f"{RUNS}/"))
        if (status := self._trouble()) or run is None:
            self._answer(status or 404)
        else:
            run.update(more)
            self._answer(200)

    def _read(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.service.requests.append((self.command, self.path))
        return body

    def _trouble(self) -> int | None:
        if self.service.token and self.headers.get("authorization") != f"Bearer {self.service.token}":
            return 401
        return self.service.troubles.pop(0) if self.service.troubles else None

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""
