"""Scopes: who and why, for everything inside a block."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Generator
from typing import Any

import anyio
import pytest

from taximeter.errors import ConfigurationError
from taximeter.scopes import NOBODY, current_scope, scope


def test_outside_of_all_scopes_nobody_calls() -> None:
    """Without a scope every field is unknown."""
    assert current_scope() is NOBODY


def test_inner_scopes_inherit_and_override() -> None:
    """What the inner one leaves open comes from the outer one; tags are added; leaving restores."""
    with (
        scope(agent="planner", user="u-17", tags={"team": "a"}),
        scope(agent="reviewer", tags={"pr": 9}) as inner,
    ):
        assert (inner.agent, inner.user, inner.tags) == ("reviewer", "u-17", {"team": "a", "pr": "9"})
    assert current_scope() is NOBODY


def test_spans_form_a_tree() -> None:
    """All scopes below one are in its trace, each the parent of the next."""
    with scope(run_id="r") as outer, scope() as inner:
        assert inner.trace_id == outer.trace_id
        assert inner.parent_span_id == outer.span_id
        assert inner.span_id != outer.span_id
        assert inner.run_id == "r"


def test_a_wrong_field_is_named() -> None:
    """A field that no scope has fails at construction and says what is allowed."""
    with pytest.raises(ConfigurationError, match=r"agnet.*agent"):
        scope(agnet="x")
    with pytest.raises(ConfigurationError, match="tags"):
        scope(tags=["a"])


def test_the_public_name_is_the_class_whatever_is_imported() -> None:
    """`taximeter.scope` stays callable after submodules were imported."""
    import taximeter.scopes  # noqa: PLC0415

    assert taximeter.scope is scope


def test_functions_run_in_the_scope_each_time() -> None:
    """As a decorator it covers each call, recursion included."""

    @scope(agent="worker")
    def depth(left: int) -> list[str | None]:
        return [current_scope().agent, *(depth(left - 1) if left else [])]

    assert depth(2) == ["worker"] * 3
    assert current_scope() is NOBODY


def test_methods_of_every_kind_can_be_decorated() -> None:
    """The scope may stand above staticmethod and classmethod as well as below."""

    class Worker:
        @scope(agent="static")
        @staticmethod
        def static() -> str | None:
            return current_scope().agent

        @scope(agent="class")
        @classmethod
        def of_class(cls) -> tuple[str, str | None]:
            return cls.__name__, current_scope().agent

    assert Worker.static() == "static"
    assert Worker.of_class() == ("Worker", "class")


@pytest.mark.parametrize("thing", [int, 5, object()])
def test_only_functions_can_be_decorated(thing: Any) -> None:
    """A class or a value is refused at once, not made into something else."""
    with pytest.raises(TypeError, match="decorates functions"):
        scope(agent="x")(thing)


def test_a_generator_keeps_its_scope_to_itself() -> None:
    """The body runs in the scope, its consumer between two items does not."""

    @scope(agent="producer")
    def agents() -> Generator[str | None, str, str]:
        sent = yield current_scope().agent
        try:
            yield f"{sent}:{current_scope().agent}"
        except KeyError:
            yield f"caught:{current_scope().agent}"
        return "done"

    items = agents()
    assert next(items) == "producer"
    assert current_scope() is NOBODY
    assert items.send("hi") == "hi:producer"
    assert items.throw(KeyError()) == "caught:producer"
    with pytest.raises(StopIteration, match="done"):
        next(items)


@pytest.mark.anyio
async def test_coroutines_and_async_generators_run_in_the_scope() -> None:
    """Both kinds of async function are covered, and the consumer keeps its own scope."""

    @scope(agent="a")
    async def one() -> str | None:
        await anyio.lowlevel.checkpoint()
        return current_scope().agent

    @scope(agent="g")
    async def many() -> AsyncIterator[str | None]:
        yield current_scope().agent
        await anyio.lowlevel.checkpoint()
        yield current_scope().agent

    assert await one() == "a"
    async for agent in many():
        assert agent == "g"
        assert current_scope() is NOBODY


@pytest.mark.anyio
async def test_tasks_started_inside_inherit() -> None:
    """A task group's tasks know the scope they were started in, and keep it when it has ended."""
    seen: list[str | None] = []
    release = anyio.Event()

    async def task() -> None:
        await release.wait()
        seen.append(current_scope().agent)

    async with anyio.create_task_group() as group:
        async with scope(agent="parent"):
            group.start_soon(task)
        release.set()
    assert seen == ["parent"]


@pytest.mark.anyio
async def test_concurrent_users_of_one_scope_object_do_not_mix() -> None:
    """A decorated coroutine may run many times at once."""

    @scope(agent="a")
    async def span() -> str | None:
        before = current_scope().span_id
        await anyio.lowlevel.checkpoint()
        assert current_scope().span_id == before
        return before

    spans: set[str | None] = set()

    async def collect() -> None:
        spans.add(await span())

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(collect)
    assert len(spans) == 20


def test_a_new_thread_starts_with_nobody() -> None:
    """Threads do not inherit by themselves, as context variables do not."""
    seen: list[object] = []
    with scope(agent="a"):
        thread = threading.Thread(target=lambda: seen.append(current_scope()))
        thread.start()
        thread.join()
    assert seen == [NOBODY]


def test_leaving_in_another_context_does_not_raise() -> None:
    """A scope closed by another task, as async generators are, leaves quietly."""
    block = scope(agent="a")
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    assert current_scope() is NOBODY


def test_each_event_loop_has_its_own() -> None:
    """Scopes do not leak from one loop to the next."""

    async def enter() -> None:
        scope(agent="left open").__enter__()
        await asyncio.sleep(0)

    asyncio.run(enter())
    assert current_scope() is NOBODY
