"""Where the HTTP sink posts to."""

from typing import Any

import pytest

from taximeter.errors import ConfigurationError
from taximeter.http_contract import BATCH_PATH
from taximeter.sinks.server_address import is_loopback, proxy_for, server_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://host", "https://host/v1/events/batch"),
        ("https://host/", "https://host/v1/events/batch"),
        ("https://host:8443/team/a/", "https://host:8443/team/a/v1/events/batch"),
        ("HTTPS://HOST", "https://host/v1/events/batch"),
        ("http://[::1]:80", "http://[::1]/v1/events/batch"),
        ("https://bücher.example", "https://xn--bcher-kva.example/v1/events/batch"),
    ],
)
def test_batches_go_below_the_address(url: str, address: str) -> None:
    """Whether it ends with a slash or not."""
    assert server_address(url, BATCH_PATH) == address


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///path",
        "https:host",
        "https://h h/",
        "https://[::1",
        "https://host:port",
        "https://host:0",
        "https://host:99999",
        "ftp://host",
        "host",
        7,
        "https://me:hunter2@host",
        "https://hunter2@host",
        "https://host/?key=hunter2",
        "https://host/#hunter2",
        "https://me:hunter2@host:hunter2",
    ],
)
def test_what_is_no_address_is_refused(url: Any) -> None:
    """A credential in it too: it would be shown wherever addresses are. None is repeated."""
    with pytest.raises(ConfigurationError) as raised:
        server_address(url, BATCH_PATH)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("localhost", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("[::]", False),
    ],
)
def test_what_stays_on_this_machine(host: str, *, stays: bool) -> None:
    """Only names and addresses that cannot be elsewhere."""
    assert is_loopback(server_address(f"http://{host}:1", BATCH_PATH)) is stays


def clear_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variable", "value", "url", "proxy"),
    [
        ("HTTPS_PROXY", "http://me:hunter2@proxy:3128", "https://host", "http://proxy:3128"),
        ("https_proxy", "proxy:3128", "https://host", "http://proxy:3128"),
        ("ALL_PROXY", "http://proxy", "https://host", "http://proxy"),
        ("HTTP_PROXY", "http://proxy", "https://host", None),
        ("ALL_PROXY", "http://proxy", "http://127.0.0.1", None),
        ("ALL_PROXY", "http://proxy", "http://localhost:1", None),
    ],
)
def test_proxies_of_the_environment(
    variable: str, value: str, url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are used as other programs use them, and never for this machine."""
    clear_proxies(monkeypatch)
    monkeypatch.setenv(variable, value)
    found = proxy_for(server_address(url, BATCH_PATH))
    assert (found and str(found.url)) == proxy


def test_no_proxy_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is named there is reached directly."""
    clear_proxies(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("NO_PROXY", ".inside.example")
    assert proxy_for(server_address("https://usage.inside.example", BATCH_PATH)) is None
    assert proxy_for(server_address("https://usage.example", BATCH_PATH)) is not None


@pytest.mark.parametrize(
    "value", ["socks5://me:hunter2@proxy", "ftp://hunter2@proxy", "http://me:hunter2@[::1"]
)
def test_a_proxy_of_another_kind_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, and its password is not repeated."""
    clear_proxies(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ConfigurationError, match="https_proxy") as raised:
        proxy_for(server_address("https://host", BATCH_PATH))
    assert "hunter2" not in str(raised.value)
