"""The pytest plugin: fixtures for tests of programs that call models. Nothing is imported until a test asks for one."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from taximeter.testing import Captured


@pytest.fixture
def taximeter_events() -> "Iterator[Captured]":
    """What the test's calls of models left behind: every event that any tracker of this process was given.

    No sink sees them. `taximeter_events.tracker` is a tracker to hand to the program.
    """
    from taximeter.testing import capture  # noqa: PLC0415 - see above

    with capture() as captured:
        yield captured


@pytest.fixture
def assert_cost(taximeter_events: "Captured") -> Callable[..., None]:
    """Fail the test if its calls so far cost more: `assert_cost(max_usd="0.01", max_tokens=5000, max_calls=3)`."""
    return taximeter_events.assert_cost
