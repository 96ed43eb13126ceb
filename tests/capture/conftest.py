"""What the capture tests share."""

from collections.abc import Iterator

import pytest

from list_tracker import ListTracker
from loopback import DemoServer


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    """Four providers on the loopback."""
    with DemoServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own proxies and keys out of the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tracker() -> ListTracker:
    """A tracker to look into."""
    return ListTracker()
