"""What do other libraries take to record the same call, how much of it arrives, and what does the host's loop feel?

Each peer of `peer/` runs in processes and an environment of its own, used as its documentation recommends, at its default
sizes. Its content is that of our event as a flat dict, made beforehand; ours is read and priced from a decoded answer on
top of that. A call has arrived when its marker is in the file, the database or a request to the server on the loopback.

- Flat out: 100,000 calls, or as many as come in three seconds, chunks of a bounded append between. 100,000 is what our
  queue holds by default, so that all of ours arrive says no more than that; most peers' queues are smaller.
- The flood: 300,000 calls, or as many as come in the same seconds, which our queue cannot hold either. A peer that was
  too slow for 100,000 has been flooded already, and its figure is the same.
- Paced: 2,000 a second for two seconds under a loop with a 1 ms ticker.
- Side by side: `taximeter_build` and `opentelemetry_span` in turns, five times half a second each; the median of the
  turns' ratios is `taximeter_of_span_x`. All other figures come from one run after another, up to minutes apart: what
  else the machine does is not the same for them, and a small difference between two peers says nothing.

Peers are compared by the processor's time of the thread that records, which neither their own background threads nor
other programs are in; the time on the clock stands beside it. The lines that a peer writes to its standard error are
its complaints. Where it complains by default, that is in its times too: posthog tells of each call that its full queue
drops. litellm cannot record alone: its times are what its callback adds to the same completion, measured in turns with
and without it. The callback runs in litellm's own threads, so what it adds in all threads, `process_cpu_us`, is told
too: in the caller's thread it adds far less than one completion differs from the next.

Environments are made in `.venv/peers` when they are missing or PACKAGES has changed, with the package index that pip or
uv is set up for. A peer that cannot be installed, or fails, is left out with a word, and the exit status says so.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple

import msgspec

import taximeter
from measure import rows_in, tell

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venv" / "peers"
TIMEOUT_S = 60
_MARKER = re.compile(rb"bench-[0-9]{8}")


class Peer(NamedTuple):
    """Where a peer runs and what it delivers to."""

    name: str
    environment: str
    sink: str


class Part(NamedTuple):
    """A part of the course: what it is, how many calls or how many a second, and for how many seconds at most."""

    name: str
    calls: int
    seconds: float


FLAT_OUT = Part("flat_out", 100_000, 3)
FLOOD = Part("flat_out", 300_000, 3)
TURNS = Part("turns", 100_000, 4)
PACED = Part("paced", 2000, 2)
SIDE = Part("flat_out", 100_000, 0.5)
ROUNDS = 5
SIDE_BY_SIDE = ("taximeter_build", "opentelemetry_span")
SUBTRACTED = ("litellm_callback",)
"""Peers that are a part of something bigger, which is measured without them too."""

PACKAGES = {
    "logs": ("structlog", "orjson", "picologging", "posthog"),
    "telemetry": ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "langfuse", "logfire"),
    "litellm": ("litellm",),
    "opik": ("opik",),
}
PEERS = (
    Peer("taximeter_track", "", "usage.db"),
    Peer("taximeter_build", "", "usage.db"),
    Peer("logging_queue", "", "lines"),
    Peer("picologging_queue", "logs", "lines"),
    Peer("structlog_file", "logs", "lines"),
    Peer("opentelemetry_log", "telemetry", "server"),
    Peer("opentelemetry_span", "telemetry", "server"),
    Peer("posthog_capture", "logs", "server"),
    Peer("langfuse_generation", "telemetry", "server"),
    Peer("logfire_info", "telemetry", "server"),
    Peer("litellm_callback", "litellm", "lines"),
    Peer("opik_span", "opik", "server"),
)


class Collector:
    """A server that takes everything, and knows which markers have come."""

    def __init__(self) -> None:
        self.markers: set[bytes] = set()
        lock = Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                found = set(_MARKER.findall(_plain(self._body(), self.headers.get("content-encoding", ""))))
                with lock:
                    collector.markers |= found
                self._answer()

            def do_GET(self) -> None:
                self._answer()

            do_PUT = do_PATCH = do_POST  # noqa: N815 - the base class names them so

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("transfer-encoding", ""):
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self) -> None:
                self.send_response(200)
                data = b"" if "/v1/" in self.path and self.command == "POST" else b'{"status":"Ok"}'
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()


def _plain(body: bytes, encoding: str) -> bytes:
    """Return a body as it was before it was compressed."""
    return (
        zlib.decompress(body, wbits=47)
        if encoding in ("gzip", "deflate") or body[:2] == b"\x1f\x8b"
        else body
    )


def content() -> dict[str, Any]:
    """Return what our event of the call holds, as a flat dict of numbers and texts."""
    with (
        taximeter.start("memory:") as tracker,
        taximeter.scope(task_type="planning", agent="dispatcher", user="u-17"),
    ):
        response = json.loads((HERE / "bodies" / "openai.chat.text.json").read_bytes())
        event = tracker.events.build(provider="openai", response=response, task_duration_ms=812.5)
    said = msgspec.to_builtins(event)
    return {
        name: value if isinstance(value, str | int | float) else json.dumps(value)
        for name, value in said.items()
        if value is not None
    }


def interpreter(environment: str) -> Path:
    """Return the Python of an environment, which is made where it is missing or has other packages.

    Raises:
        OSError, ValueError: It cannot be made.
    """
    if not environment:
        return Path(sys.executable)
    folder = ENVIRONMENTS / environment
    python, complete = folder / "bin" / "python", folder / "complete"
    wanted = " ".join(PACKAGES[environment])
    if not complete.exists() or complete.read_text() != wanted:
        uv = shutil.which("uv")
        make: list[str | Path] = (
            [uv, "venv", "-q", "-p", sys.executable] if uv else [sys.executable, "-m", "venv"]
        )
        install: list[str | Path] = (
            [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        )
        for command in ([*make, "--clear", folder], [*install, "-q", *PACKAGES[environment]]):
            if subprocess.run(command, check=False).returncode:
                raise ValueError("it could not be installed")
        complete.write_text(wanted)
    return python


_ASK_VERSIONS = (
    "import json, sys; from importlib.metadata import version; "
    "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
)


def versions_in(environment: str) -> dict[str, str]:
    """Return the versions of an environment's packages; of ours the results tell already."""
    if not environment:
        return {}
    command = [str(interpreter(environment)), "-c", _ASK_VERSIONS, *PACKAGES[environment]]
    asked = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    found: dict[str, str] = json.loads(asked.stdout)
    return found


def arrived(peer: Peer, collector: Collector, folder: Path) -> int:
    """Return how many distinct calls have arrived, and forget them."""
    if peer.sink == "server":
        markers = collector.markers
        collector.markers = set()
        return len(markers)
    if peer.sink == "lines":
        return len(set(_MARKER.findall((folder / "lines").read_bytes())))
    return rows_in(folder / peer.sink)


def run_part(peer: Peer, part: Part, collector: Collector, told: str) -> dict[str, float]:
    """Run one part of the course in a process of its own; count what has arrived, and the lines of complaint.

    Raises:
        OSError, ValueError: It could not be run, or told nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = collector.url if peer.sink == "server" else str(Path(folder, peer.sink))
        python, file = interpreter(peer.environment), HERE / "peer" / f"{peer.name}.py"
        command = [str(each) for each in (python, file, target, told, *part)]
        with Path(folder, "told").open("w+") as out, Path(folder, "errors").open("w") as errors:
            with subprocess.Popen(command, stdout=out, stderr=errors, cwd=folder) as process:
                try:
                    process.wait(TIMEOUT_S)
                except subprocess.TimeoutExpired:  # it does not end; what has arrived until now counts
                    process.kill()
            out.seek(0)
            lines = [line for line in out.read().splitlines() if line.startswith('{"recorded"')]
        complaints = [line for line in Path(folder, "errors").read_text().splitlines() if line.strip()]
        if not lines:
            raise ValueError(" ".join(complaints[-1:]) or "it told nothing")
        found: dict[str, float] = json.loads(lines[-1])
        return found | {"arrived": arrived(peer, collector, Path(folder)), "complaints": len(complaints)}


def delivered_percent(found: dict[str, float]) -> float:
    """Return the share that has arrived."""
    return 100 * found["arrived"] / found["recorded"]


def figures_of(peer: Peer, collector: Collector, told: str) -> dict[str, float]:
    """Run all parts of the course, and print what came of them."""
    flat = run_part(peer, FLAT_OUT, collector, told)
    times = run_part(peer, TURNS, collector, told) if peer.name in SUBTRACTED else flat
    flooded = flat["recorded"] < FLAT_OUT.calls
    flood = flat if flooded else run_part(peer, FLOOD, collector, told)
    paced = run_part(peer, PACED, collector, told)
    parts = (flat, paced) if flooded else (flat, flood, paced)
    figures = {
        "us": times["us"],
        "caller_cpu_us": times["caller_cpu_us"],
        "of_floor_x": times["of_floor_x"],
        "flat_out_recorded": flat["recorded"],
        "flat_out_delivered_percent": delivered_percent(flat),
        "flood_recorded": flood["recorded"],
        "flood_delivered_percent": delivered_percent(flood),
        "paced_delivered_percent": delivered_percent(paced),
        "paced_recorded": paced["recorded"],
        "paced_lost": paced["recorded"] - paced["arrived"],
        "added_p99_ms": paced["added_p99_ms"],
        "complaints": sum(part["complaints"] for part in parts),
    }
    figures |= {name: times[name] for name in ("process_cpu_us", "without_cpu_us") if name in times}
    show(peer.name, figures)
    return figures


def show(name: str, figures: dict[str, float]) -> None:
    """Print a peer's line."""
    beyond = (
        f" ({figures['process_cpu_us']:.1f} in all threads) beyond {figures['without_cpu_us']:.0f} without it"
        if "without_cpu_us" in figures
        else ""
    )
    print(
        f"  {name:20} {figures['us']:8.1f} us, {figures['caller_cpu_us']:7.1f} of processor{beyond},"
        f" {figures['of_floor_x']:8.1f} x floor  delivered flat out {figures['flat_out_delivered_percent']:5.1f} % of"
        f" {figures['flat_out_recorded']:,}, flooded {figures['flood_delivered_percent']:5.1f} % of"
        f" {figures['flood_recorded']:,}, paced {figures['paced_delivered_percent']:5.1f} %,"
        f" added lag p99 {figures['added_p99_ms']:7.2f} ms, {figures['complaints']:,} complaints",
        flush=True,
    )


def side_by_side(collector: Collector, told: str) -> dict[str, float]:
    """Return what ours takes of OpenTelemetry's span, the median of rounds in which both take turns."""
    ours, span = (peer for peer in PEERS if peer.name in SIDE_BY_SIDE)
    rounds = [
        (run_part(ours, SIDE, collector, told), run_part(span, SIDE, collector, told)) for _ in range(ROUNDS)
    ]
    found = {
        "taximeter_of_span_x": statistics.median(a["caller_cpu_us"] / b["caller_cpu_us"] for a, b in rounds),
        "taximeter_of_span_clock_x": statistics.median(a["us"] / b["us"] for a, b in rounds),
    }
    print(
        f"  {' and '.join(SIDE_BY_SIDE)} in {ROUNDS} rounds: {found['taximeter_of_span_x']:.2f} x of processor,"
        f" {found['taximeter_of_span_clock_x']:.2f} x on the clock",
        flush=True,
    )
    return found


def ratios(figures: dict[str, float]) -> dict[str, float]:
    """Return what each peer takes of the processor, in times of ours."""
    ours, ending = figures.get("taximeter_build_caller_cpu_us"), "_caller_cpu_us"
    names = [name.removesuffix(ending) for name in figures if name.endswith(ending)]
    return {f"{name}_of_taximeter_x": figures[name + ending] / ours for name in names} if ours else {}


def named() -> list[Peer]:
    """Return the peers of the command line, all where none is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [peer.name for peer in PEERS]
    parser.add_argument("peer", nargs="*", help=f"all where none is given, of: {', '.join(names)}")
    asked = parser.parse_args().peer
    if unknown := [name for name in asked if name not in names]:
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(names)}")
    return [peer for peer in PEERS if not asked or peer.name in asked]


def attempted(
    name: str, ask: Callable[[Collector, str], dict[str, float]], collector: Collector, told: str
) -> dict[str, float]:
    """Return the figures, none where it failed, which is said."""
    try:
        return ask(collector, told)
    except (OSError, ValueError) as error:
        print(f"  {name:20} left out: {error}", flush=True)
        return {}


def main() -> None:
    """Answer the question; names of peers on the command line ask only those."""
    peers, collector, told = named(), Collector(), json.dumps(content())
    figures: dict[str, float] = {}
    versions: dict[str, str] = {}
    left_out = []
    for peer in peers:
        found = attempted(peer.name, partial(figures_of, peer), collector, told)
        if found:
            versions |= versions_in(peer.environment)
        else:
            left_out.append(peer.name)
        figures |= {f"{peer.name}_{name}": value for name, value in found.items()}
    figures |= ratios(figures)
    if all(f"{name}_us" in figures for name in SIDE_BY_SIDE):
        found = attempted("side by side", side_by_side, collector, told)
        left_out += [] if found else ["side by side"]
        figures |= found
    collector.close()
    print(json.dumps({"versions": versions}), flush=True)
    tell(figures)
    if left_out:
        sys.exit(f"left out: {', '.join(left_out)}")


if __name__ == "__main__":
    main()
