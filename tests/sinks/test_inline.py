"""Calls run where they are submitted."""

import threading

from taximeter.sinks.inline import INLINE


def test_a_call_has_run_when_submit_returns() -> None:
    """In this thread, with its arguments."""
    future = INLINE.submit(lambda *args, **kwargs: (args, kwargs, threading.get_ident()), 1, a=2)
    assert future.done()
    assert future.result() == ((1,), {"a": 2}, threading.get_ident())


def test_an_exception_is_the_futures() -> None:
    """It is raised where the result is asked for."""
    assert isinstance(INLINE.submit(lambda: 1 // 0).exception(), ZeroDivisionError)
