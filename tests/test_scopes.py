"""Scopes: who and why, for everything inside a block."""

import asyncio
import contextvars
import gc
import inspect
import pickle
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

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
    import taximeter.scopes  # noqa: PLC0415 - what is tested is the import

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
async def test_an_async_generator_is_driven_as_without_a_scope() -> None:
    """What is sent and thrown in reaches the body, in its scope; so does the end of one that is left half way."""
    seen: list[Any] = []

    @scope(agent="producer")
    async def agents() -> AsyncGenerator[str | None, str]:
        try:
            sent = yield current_scope().agent
            try:
                yield f"{sent}:{current_scope().agent}"
            except KeyError:
                yield f"caught:{current_scope().agent}"
        finally:
            seen.append(current_scope().agent)

    items: Any = agents()
    assert await items.asend(None) == "producer"
    assert await items.asend("hi") == "hi:producer"
    assert await items.athrow(KeyError()) == "caught:producer"
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    left = agents()
    await anext(left)
    await left.aclose()
    assert inspect.isasyncgen(left)
    assert seen == ["producer", "producer"]


def test_an_async_generator_that_is_left_to_the_loop_ends_in_its_scope() -> None:
    """Calls that clean up after it belong to it too."""
    seen: list[Any] = []

    @scope(agent="producer")
    async def items() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append(current_scope().agent)

    async def leave() -> None:
        async for _ in items():
            break
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert seen == ["producer"]


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


def agent_now() -> str | None:
    return current_scope().agent


def test_bound_functions_take_the_scope_into_threads() -> None:
    """On request a thread, or a pool's worker, knows who asked."""
    with scope(agent="a"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(agent_now).result() is None
        assert pool.submit(scope.bind(agent_now)).result() == "a"
        assert pool.submit(agent_now).result() is None


def test_bound_functions_can_be_pickled() -> None:
    """For the pools of other processes."""
    with scope(agent="a"):
        bound = scope.bind(agent_now)
    assert pickle.loads(pickle.dumps(bound))() == "a"
    assert bound.__name__ == "agent_now"


@pytest.mark.anyio
async def test_bound_coroutine_functions_run_in_the_scope_later() -> None:
    """It is the scope of the binding, not of the call or of the task that waits."""
    with scope(agent="binder") as around:

        async def agent() -> str | None:
            await anyio.lowlevel.checkpoint()
            return agent_now()

        bound = around.bind(agent)
    with scope(agent="caller"):
        assert await bound() == "binder"


def test_bound_generators_run_in_the_scope() -> None:
    """Step by step, and their consumer does not."""

    def agents() -> Generator[str | None, None, None]:
        yield agent_now()
        yield agent_now()

    with scope(agent="a"):
        bound = scope.bind(agents)
    assert list(bound()) == ["a", "a"]


def sent(headers: Any, **fields: Any) -> Any:
    with scope.from_headers(headers, **fields) as inner:
        return inner


def test_headers_carry_the_scope_to_another_service() -> None:
    """It has the same trace, our span as parent, and knows run, agent, user, tags and the like."""
    with scope(
        run_id="r 1",
        agent="planner",
        user="u,17",
        task_type="my own",
        service="here",
        tags={"pull request": "812", "ü": "\n"},
    ) as here:
        headers = here.headers()
    there = sent(headers)
    assert (there.trace_id, there.parent_span_id) == (here.trace_id, here.span_id)
    assert there.span_id not in {None, here.span_id}
    names = ("run_id", "agent", "user", "task_type", "tags")
    assert [getattr(there, name) for name in names] == [getattr(here, name) for name in names]
    assert there.service is None


@given(
    st.dictionaries(
        st.sampled_from(["run_id", "agent", "user", "session"]), st.text(min_size=1, max_size=40)
    ),
    st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5),
)
def test_any_scope_comes_back_from_its_headers(fields: dict[str, str], tags: dict[str, str]) -> None:
    """Only what no header can hold, a lone surrogate, is replaced."""
    here = NOBODY.within(**fields, tags=tags)
    there = sent(here.headers())
    clean = {name: replaced(text) for name, text in fields.items()}
    assert {name: getattr(there, name) for name in fields} == clean
    assert there.tags == ({replaced(name): replaced(text) for name, text in tags.items()} or None)


def replaced(text: str) -> str:
    return text.encode(errors="replace").decode()


def test_headers_are_read_in_every_shape() -> None:
    """Any case, bytes, pairs as ASGI has them, several lines of baggage."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    pairs = [
        (b"TraceParent", parent.encode()),
        (b"baggage", b"taximeter.agent=a"),
        (b"baggage", b"taximeter.user=u,other=1"),
    ]
    there = sent(pairs)
    assert (there.trace_id, there.agent, there.user) == ("0af7651916cd43dd8448eb211c80319c", "a", "u")
    assert there.headers()["traceparent"].endswith("-00")
    assert sent({"TRACEPARENT": parent}).parent_span_id == "b7ad6b7169203331"


@pytest.mark.parametrize(
    "headers", [{}, {"traceparent": "nonsense", "baggage": ",=;"}, [("traceparent",)], None, 5, {1: object()}]
)
def test_malformed_headers_begin_a_trace_of_their_own(headers: Any) -> None:
    """They never raise, and what they do not say is as without them."""
    there = sent(headers, agent="a")
    assert there.agent == "a"
    assert there.trace_id
    assert there.parent_span_id is None


def test_two_traceparents_are_none() -> None:
    """Which one is meant cannot be told."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    assert sent([("traceparent", parent), ("traceparent", parent)]).parent_span_id is None


def test_fields_given_win_over_headers() -> None:
    """A service may know better who it is working for."""
    assert sent({"baggage": "taximeter.user=u-1"}, user="u-2").user == "u-2"


def test_nobody_sends_no_headers() -> None:
    """Neither does a scope whose ids are its own invention."""
    assert NOBODY.headers() == {}
    assert "traceparent" not in NOBODY.within(trace_id="mine").headers()


def test_a_process_inherits_by_its_environment() -> None:
    """Two variables, named as OpenTelemetry names them."""
    with scope(run_id="r", agent="parent") as here:
        environment = here.environment()
    assert set(environment) == {"TRACEPARENT", "BAGGAGE"}
    with scope.from_environment({"PATH": "/", **environment}) as there:
        assert (there.trace_id, there.parent_span_id, there.run_id) == (here.trace_id, here.span_id, "r")


def opentelemetry_span(n: int) -> Any:
    """Return a context manager in which OpenTelemetry's current span has these ids."""
    context = trace.SpanContext(n, n, is_remote=False, trace_flags=trace.TraceFlags(0))
    return trace.use_span(trace.NonRecordingSpan(context))


def test_the_current_span_of_opentelemetry_is_the_parent() -> None:
    """Around a scope, and inside it; what is innermost is the parent of what comes next."""
    with opentelemetry_span(7):
        assert current_scope().span_id == f"{7:016x}"
        assert current_scope().trace_id == f"{7:032x}"
        with scope(agent="a") as inner:
            assert inner.parent_span_id == f"{7:016x}"
            assert inner.trace_id == f"{7:032x}"
            assert current_scope() is inner
            with opentelemetry_span(8):
                assert (current_scope().agent, current_scope().span_id) == ("a", f"{8:016x}")
                with scope() as innermost:
                    assert innermost.parent_span_id == f"{8:016x}"
            assert current_scope() is inner
            assert inner.headers()["traceparent"].endswith("-00")
    assert current_scope() is NOBODY


def test_an_ended_or_invalid_span_is_no_parent() -> None:
    """OpenTelemetry says so itself."""
    with trace.use_span(trace.INVALID_SPAN):
        assert current_scope() is NOBODY


@pytest.mark.anyio
async def test_threads_of_anyio_inherit_and_come_back() -> None:
    """A worker thread knows the scope, a call from there into the loop does too."""

    async def agent() -> str | None:
        return agent_now()

    with scope(agent="a"):
        seen = await anyio.to_thread.run_sync(lambda: (agent_now(), anyio.from_thread.run(agent)))
    assert seen == ("a", "a")


@pytest.mark.anyio
async def test_a_cancelled_task_group_leaves_its_scopes() -> None:
    """Tasks that are cancelled inside scopes of their own change nothing outside."""
    seen = []

    async def task(name: str) -> None:
        async with scope(agent=name):
            try:
                await anyio.sleep_forever()
            finally:
                seen.append(agent_now())

    with scope(agent="outer"):
        async with anyio.create_task_group() as group:
            group.start_soon(task, "one")
            group.start_soon(task, "two")
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert agent_now() == "outer"
    assert sorted(filter(None, seen)) == ["one", "two"]


def test_a_loop_inside_a_loop_inherits() -> None:
    """As in a notebook, where a second loop runs inside the first one's task, in a thread of its own."""

    async def inner() -> str | None:
        return agent_now()

    async def outer() -> str | None:
        with scope(agent="cell"):
            context = contextvars.copy_context()
            return await asyncio.to_thread(lambda: context.run(asyncio.run, inner()))

    assert asyncio.run(outer()) == "cell"


def test_decorated_functions_stay_what_they_are() -> None:
    """Frameworks ask `inspect` whether to await a function or to iterate what it gives."""

    @scope(agent="a")
    async def items() -> AsyncIterator[int]:
        yield 1

    @scope(agent="a")
    async def ask() -> int:
        return 1

    @scope(agent="a")
    def numbers() -> Generator[int]:
        yield 1

    assert inspect.isasyncgenfunction(items)
    assert inspect.iscoroutinefunction(ask)
    assert inspect.isgeneratorfunction(numbers)


def test_scopes_left_out_of_order_leave_the_outer_one_alone() -> None:
    """Leaving a scope ends those inside it too; one that has ended stays so, however often it is left."""
    outside = current_scope()
    early, late = scope(agent="early"), scope(agent="late")
    with scope(agent="outer"):
        early.__enter__()
        late.__enter__()
        early.__exit__(None, None, None)
        assert current_scope().agent == "outer"
        late.__exit__(None, None, None)
        late.__exit__(None, None, None)
        assert current_scope().agent == "outer"
    assert current_scope() == outside


def test_only_what_can_be_called_is_bound() -> None:
    """A slip is told where it is made, and not in the thread that was to call it."""
    with pytest.raises(ConfigurationError, match="function=5: must be something that can be called"):
        scope.bind(5)  # type: ignore[type-var]  # what a type checker would have told
