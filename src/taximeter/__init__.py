"""taximeter meters every LLM call a service makes: exact tokens, an integer cost, who and why.

Three doors, from least to most work::

    taximeter run -- python app.py                    # no code change

    tracker = taximeter.start("usage.db")             # one line a client
    client = tracker.meter(AsyncOpenAI())

    event = tracker.events.build(provider="anthropic", response=payload)
    tracker.track_task_completion(event)              # fire and forget

(PYTEST_DONT_REWRITE: a program that imports us before it starts pytest is not to be warned about our plugin.)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from taximeter.version import __version__

if TYPE_CHECKING:
    from taximeter import prices as prices
    from taximeter import testing as testing
    from taximeter.budget import Budget as Budget
    from taximeter.budget import Budgets as Budgets
    from taximeter.builder import EventBuilder as EventBuilder
    from taximeter.calls import call as call
    from taximeter.capture import meter_everything as meter_everything
    from taximeter.errors import BudgetExceeded as BudgetExceeded
    from taximeter.errors import ConfigurationError as ConfigurationError
    from taximeter.errors import TaximeterError as TaximeterError
    from taximeter.event import CallFailedEvent as CallFailedEvent
    from taximeter.event import CallFinishedEvent as CallFinishedEvent
    from taximeter.event import CallStartedEvent as CallStartedEvent
    from taximeter.event import Event as Event
    from taximeter.event import TaskCompletionEvent as TaskCompletionEvent
    from taximeter.event import decode_event as decode_event
    from taximeter.event import encode_event as encode_event
    from taximeter.middleware import Metered as Metered
    from taximeter.pricing import Catalog as Catalog
    from taximeter.pricing import Override as Override
    from taximeter.receipt import Receipt as Receipt
    from taximeter.runs import run as run
    from taximeter.scopes import current_scope as current_scope
    from taximeter.scopes import scope as scope
    from taximeter.settings import Settings as Settings
    from taximeter.settings.starting import start_configured as start_configured
    from taximeter.tracker import Tracker as Tracker
    from taximeter.tracker import start as start
    from taximeter.usage import Usage as Usage

_HOMES = {
    "Budget": "budget",
    "BudgetExceeded": "errors",
    "Budgets": "budget",
    "CallFailedEvent": "event",
    "CallFinishedEvent": "event",
    "CallStartedEvent": "event",
    "Catalog": "pricing",
    "ConfigurationError": "errors",
    "Event": "event",
    "EventBuilder": "builder",
    "Metered": "middleware",
    "Override": "pricing",
    "Receipt": "receipt",
    "Settings": "settings",
    "TaskCompletionEvent": "event",
    "TaximeterError": "errors",
    "Tracker": "tracker",
    "Usage": "usage",
    "call": "calls",
    "current_scope": "scopes",
    "decode_event": "event",
    "encode_event": "event",
    "meter_everything": "capture",
    "run": "runs",
    "scope": "scopes",  # not scope.py: importing a module of that name would put itself in the place of the class
    "start": "tracker",
    "start_configured": "settings.starting",
}

_MODULES = ("prices", "testing")
"""Public modules, there without an import of their own: `taximeter.prices.from_toml(...)`."""

__all__ = [  # noqa: PLE0604 - names made sure of by a test
    "__version__",
    *_HOMES,
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    """Import a public name's home when it is first asked for: `import taximeter` itself costs next to nothing."""
    if name in _MODULES:
        return import_module(f"taximeter.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'taximeter' has no attribute {name!r}")
    value = getattr(import_module(f"taximeter.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
