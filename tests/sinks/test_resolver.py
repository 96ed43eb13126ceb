"""The addresses of a host."""

import socket
from pathlib import Path

import anyio
import pytest

from sink_doubles import run_program
from taximeter.sinks.resolver import addresses_of, is_address


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's."""
    return "asyncio"


@pytest.mark.anyio
async def test_a_name_is_looked_up() -> None:
    """Each address once."""
    addresses = await addresses_of("localhost", 1)
    assert set(addresses) <= {"127.0.0.1", "::1"}
    assert len(addresses) == len(set(addresses)) > 0


@pytest.mark.anyio
async def test_an_address_is_its_own() -> None:
    """Nobody is asked."""
    assert await addresses_of("203.0.113.7", 1) == ["203.0.113.7"]
    assert await addresses_of("2001:db8::1", 1) == ["2001:db8::1"]
    assert not is_address("203.0.113.7.example")


@pytest.mark.anyio
async def test_a_name_that_nobody_has_is_an_error() -> None:
    """The system's own."""
    with pytest.raises(socket.gaierror):
        await addresses_of("no-such-host.invalid", 1)


@pytest.mark.anyio
async def test_a_look_up_can_be_given_up() -> None:
    """Its answer, should it come, goes nowhere."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await addresses_of("localhost", 1)
    await anyio.wait_all_tasks_blocked()


def test_a_look_up_works_when_the_interpreter_is_ending(tmp_path: Path) -> None:
    """That is when a short program sends its first batch, and when no pool of threads can be had any more."""
    code = (
        "import anyio, atexit\n"
        "from taximeter.sinks.resolver import addresses_of\n"
        "atexit.register(lambda: print(anyio.run(addresses_of, 'localhost', 1)))\n"
    )
    assert "1" in run_program(code, tmp_path)
