"""Resolver: the addresses of a host, looked up so that neither the flusher's thread nor the program's end waits."""

import asyncio
import socket
from _thread import start_new_thread
from contextlib import suppress
from ipaddress import ip_address


async def addresses_of(host: str, port: int) -> list[str]:
    """Return the host's addresses, the preferred one first.

    The event loop's own way takes a thread of a pool: none can be had when the interpreter is ending, and the end of
    the program would wait for one that a dead name server holds up. Here nobody waits for the thread.

    Raises:
        OSError: The name has no address, or nobody could be asked.
    """
    if is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if found.done():  # cancelled
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def look_up() -> None:
        addresses, error = _looked_up(host, port)
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, addresses, error)

    try:
        start_new_thread(look_up, ())
    except RuntimeError:  # Python 3.12 starts no thread any more when the interpreter is ending
        settle(*_looked_up(host, port))
    return await found


def is_address(host: str) -> bool:
    """Whether the host is an IP address and not a name."""
    with suppress(ValueError):
        ip_address(host)
        return True
    return False


def _looked_up(host: str, port: int) -> tuple[list[str], OSError | None]:
    try:
        # As bytes, or Python would import a codec for international names in this thread.
        answers = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        return [], error
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers)), None
