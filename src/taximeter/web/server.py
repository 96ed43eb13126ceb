"""Server: runs an application on a socket until the process is told to end."""

import signal
import socket
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette

_CONNECTIONS = 500
_GRACE_S = 10


class Certificate(msgspec.Struct, frozen=True):
    """What a server proves itself with: two PEM files."""

    chain: Path
    key: Path


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections.

    Args:
        host: An address or a name of this machine.
        port: 0 takes any that is free.

    Raises:
        OSError: The address is not this machine's, or taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def server_for(app: Starlette, certificate: Certificate | None = None) -> uvicorn.Server:
    """Return a server that logs nothing but trouble.

    Raises:
        OSError: The certificate cannot be read.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    config.load()
    return uvicorn.Server(config)


def end_on_signals(server: uvicorn.Server) -> None:
    """Let SIGINT and SIGTERM end the server from now on, once the requests that have begun are answered.

    It has handlers of its own while it runs, and raises the signal again afterwards: that would end the process.
    """

    def end(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
