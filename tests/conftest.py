"""What all tests share."""

import os
from collections.abc import Generator

import pytest

NO_SKIPS = bool(os.environ.get("TEST_NO_SKIPS"))
"""Whether a test that skips has failed: what it needs was to be installed."""
FROM_ELSEWHERE = "not part of the project"
"""In the reason of those that may skip even so: nothing can be installed to bring what they need."""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each async test on both event loops."""
    return str(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what skips, where nothing may."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that skips as a whole, where nothing may."""
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped and FROM_ELSEWHERE not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr}"
