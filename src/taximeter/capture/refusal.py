"""Refusal: how a call that there is no money for ends in a client that has not asked for budgets.

An exception from a transport is taken for the network's by SDKs, which try again and wrap what is left in an error of
their own. So the transport answers, with a status that none of them repeats and an error in a form that all of them
read. Most SDKs (openai, anthropic, groq, together, ollama and others) then ask the response to raise what its status
says; this one raises the `BudgetError` itself. The others make an error of their own that has its text, and
`BudgetError.behind` finds it there.
"""

import sys
from functools import cache
from typing import Any, Never

import msgspec

from taximeter.errors import BUDGET_ERROR, BudgetError

PAYMENT_REQUIRED = 402


def refused(request: Any, error: BudgetError) -> Any:
    """Return the answer to a request that is not sent, of the library that the request is of."""
    kind = "budget_exceeded"
    what = {
        "type": kind,
        "code": PAYMENT_REQUIRED,
        "status": kind.upper(),
        "message": str(error),
        "param": None,
    }
    body = msgspec.json.encode({"type": "error", "error": what, "message": str(error)})
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    response_class = _response_class(type(request).__module__.partition(".")[0])
    return response_class(PAYMENT_REQUIRED, headers=headers, content=body, extensions={BUDGET_ERROR: error})


@cache
def _response_class(library: str) -> Any:
    base: Any = sys.modules[library].Response
    return type("RefusedResponse", (base,), {"raise_for_status": _raise_refusal})


def _raise_refusal(response: Any) -> Never:
    """Raise why the request was not sent."""
    raise response.extensions[BUDGET_ERROR]
