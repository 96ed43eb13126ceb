"""The reference receiver, running in a thread of the tests."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from taximeter.sinks.sqlite import SqliteSink
from taximeter.sinks.token import Token
from taximeter.web.intake import Intake
from taximeter.web.receiver import receiver
from taximeter.web.server import listen, server_for

TOKEN = "canary-Zf3kQ9"


@contextmanager
def receiving(store: Path) -> Iterator[str]:
    """Yield the address of a receiver that lets in who has `TOKEN`."""
    with listen("127.0.0.1", 0) as listener:
        server = server_for(receiver(Intake(SqliteSink(store)), Token(TOKEN)))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def models_in(store: Path) -> list[str]:
    """Return the models of the stored events in the order they came."""
    connection = sqlite3.connect(store)
    models = [model for (model,) in connection.execute("SELECT model FROM events ORDER BY rowid")]
    connection.close()
    return models
