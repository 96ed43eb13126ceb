"""What does the meter add to a streamed call of 500 chunks against a loopback server?

The same openai client twice, plain and metered, its calls taking turns: time until the first chunk, in all, and the
processor's time of the calling thread, which other work on the machine disturbs less. The server is a process of its own.
Both streams are compared chunk by chunk before anything is timed.

Once the server sends as fast as it can, which no model does, and once at a pace: 500 chunks a second.
"""

import json
import multiprocessing
import platform
import socket
import statistics
from collections.abc import Iterator
from multiprocessing.queues import Queue
from threading import Thread
from time import perf_counter, sleep, thread_time

import openai

import taximeter
from measure import tell

CHUNKS = 500
ROUNDS = 60
PACED_ROUNDS = 8
PACE_S = 0.002
CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1767225600,
    "model": "gpt-4.1-mini",
    "choices": [{"index": 0, "delta": {"content": " fare"}, "logprobs": None, "finish_reason": None}],
}
USAGE = {"prompt_tokens": 100, "completion_tokens": CHUNKS, "total_tokens": 100 + CHUNKS}


def events(*, asked: bool) -> Iterator[bytes]:
    """Yield the stream, the usage only for those who ask."""
    extra: dict[str, object] = {"usage": None} if asked else {}
    for _ in range(CHUNKS):
        yield json.dumps(CHUNK | extra, separators=(",", ":")).encode()
    if asked:
        yield json.dumps(CHUNK | {"choices": [], "usage": USAGE}, separators=(",", ":")).encode()
    yield b"[DONE]"


def answer(connection: socket.socket) -> None:
    """Answer all requests of one connection, an event a packet."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as reader:
        while reader.readline():
            headers = iter(reader.readline, b"\r\n")
            length = next(
                int(line.split(b":")[1]) for line in headers if line.lower().startswith(b"content-length")
            )
            for _ in headers:
                pass
            body = reader.read(length)
            asked, pause_s = b"include_usage" in body, PACE_S if b'"paced"' in body else 0
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for event in events(asked=asked):
                connection.sendall(b"%x\r\ndata: %s\n\n\r\n" % (len(event) + 8, event))
                if pause_s:
                    sleep(pause_s)
            connection.sendall(b"0\r\n\r\n")


def serve(port: "Queue[int]") -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.put(listener.getsockname()[1])
        while True:
            Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def stream(
    client: openai.OpenAI, model: str = "gpt-4.1-mini"
) -> openai.Stream[openai.types.chat.ChatCompletionChunk]:
    """Begin a call."""
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "What is the fare? " * 50}], stream=True
    )


def milliseconds(client: openai.OpenAI, model: str) -> tuple[float, float, float]:
    """Return the time to the first chunk, to the end, and what of it the processor worked for this thread."""
    worked = thread_time()
    begun = perf_counter()
    chunks = stream(client, model)
    next(chunks)
    first = perf_counter()
    for _ in chunks:
        pass
    ended = perf_counter()
    return (first - begun) * 1e3, (ended - begun) * 1e3, (thread_time() - worked) * 1e3


def compare(plain: openai.OpenAI, metered: openai.OpenAI, model: str, rounds: int) -> dict[str, float]:
    """Time both, print what the meter adds and return it; the added time a chunk counts the whole call's work in."""
    figures: dict[str, float] = {}
    pairs = [(milliseconds(plain, model), milliseconds(metered, model)) for _ in range(rounds)]
    for index, name in enumerate(("first chunk", f"{CHUNKS} chunks", "processor")):
        before = statistics.median(pair[0][index] for pair in pairs)
        after = statistics.median(pair[1][index] for pair in pairs)
        key = f"{model.replace('.', '_').replace('-', '_')}_{('first_chunk', 'chunks', 'processor')[index]}"
        figures |= {f"{key}_plain_ms": before, f"{key}_added_ms": after - before, f"{key}_x": after / before}
        print(
            f"  {name:12} plain {before:7.3f} ms  metered {after:7.3f} ms"
            f"  added {after - before:6.3f} ms  {(after / before - 1) * 100:5.1f} %"
        )
    return figures


def main() -> None:
    """Answer the question."""
    spawn = multiprocessing.get_context("spawn")
    port: Queue[int] = spawn.Queue()
    server = spawn.Process(target=serve, args=(port,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}/v1"
    print(f"Python {platform.python_version()}, openai {openai.__version__}, median of {ROUNDS} calls each")
    with taximeter.start("memory:") as tracker, openai.OpenAI(base_url=url, api_key="none") as plain:
        metered = tracker.meter(openai.OpenAI(base_url=url, api_key="none"))
        assert [chunk.model_dump() for chunk in stream(plain)] == [
            chunk.model_dump() for chunk in stream(metered)
        ]
        figures = compare(plain, metered, "gpt-4.1-mini", ROUNDS)
        print(f"at a pace of {1 / PACE_S:.0f} chunks a second, median of {PACED_ROUNDS} calls each")
        figures |= compare(plain, metered, "paced", PACED_ROUNDS)
        receipt = tracker.flush()
        assert receipt.tracked == 1 + ROUNDS + PACED_ROUNDS
        assert receipt.complete
        metered.close()
    server.terminate()
    tell(figures)


if __name__ == "__main__":
    main()
