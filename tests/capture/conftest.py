"""What the capture tests share."""

import sys
from collections.abc import Iterator

import pytest

from list_tracker import ListTracker
from loopback import DemoServer
from wire_server import small_certificate_store, wire_server


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


@pytest.fixture(scope="module")
def providers() -> Iterator[DemoServer]:
    """All providers on the loopback."""
    with wire_server() as running:
        yield running


@pytest.fixture(scope="module")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate store that is loaded at once."""
    return small_certificate_store(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def through_the_loopback(
    providers: DemoServer, one_certificate: str, monkeypatch: pytest.MonkeyPatch, no_proxies: None
) -> Iterator[None]:
    """Make the clients find the loopback server where they look for the real hosts."""
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, providers.url)
    monkeypatch.setenv("SSL_CERT_FILE", one_certificate)
    yield
    if (hub := sys.modules.get("huggingface_hub")) is not None:
        hub.close_session()  # its clients share one, which the next test must not find metered
