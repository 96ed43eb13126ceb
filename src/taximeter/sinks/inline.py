"""Inline: an executor that runs each call where it is submitted."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Makes aiofiles work in the flusher's own thread.

    That thread has nothing else to do while it writes, and a pool could start no thread when the interpreter is
    ending (Python 3.12), which is when the last events are written.
    """

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the call and return its future, done."""
        future: Future[T] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


INLINE = InlineExecutor()
