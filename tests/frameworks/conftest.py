"""What the tests of frameworks share; each framework lives in an environment of its own, see `make frameworks`."""

from collections.abc import Iterator

import pytest

from list_tracker import ListTracker
from loopback import DemoServer
from wire_server import small_certificate_store, wire_server


@pytest.fixture(scope="session")
def providers() -> Iterator[DemoServer]:
    """All providers on the loopback."""
    with wire_server() as running:
        yield running


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate store that is loaded at once."""
    return small_certificate_store(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def through_the_loopback(
    providers: DemoServer, one_certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make clients find the loopback server where they look for the real hosts."""
    monkeypatch.setenv("SSL_CERT_FILE", one_certificate)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, providers.url)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # it fetches a price list otherwise


@pytest.fixture
def tracker() -> ListTracker:
    """A tracker to look into."""
    return ListTracker()
