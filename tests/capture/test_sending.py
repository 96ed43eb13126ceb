"""Layers below a call that is followed know of it, and nobody else does."""

import asyncio

import pytest

from taximeter.capture.sending import Sending, is_followed_above


def test_block_covers_what_is_inside() -> None:
    """It begins and ends with the block, and blocks may stand in each other."""
    assert not is_followed_above()
    with Sending():
        assert is_followed_above()
        with Sending():
            assert is_followed_above()
        assert is_followed_above()
    assert not is_followed_above()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_task_that_goes_on_is_on_its_own() -> None:
    """A task begun inside the block is below it for as long as that lasts."""
    over = asyncio.Event()

    async def look() -> tuple[bool, bool]:
        before = is_followed_above()
        await over.wait()
        return before, is_followed_above()

    with Sending():
        task = asyncio.ensure_future(look())
        await asyncio.wait([task], timeout=0)
        await asyncio.wait([task], timeout=0)
    over.set()
    assert await task == (True, False)
