"""Server address: where sinks send to, and by which proxy, checked before anything is sent."""

from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import httpx

from taximeter.errors import ConfigurationError
from taximeter.sinks.resolver import is_address

ALLOWED = "https://host/path (http:// for this machine), without user, password, query or fragment"


def server_address(url: str, path: str) -> httpx.URL:
    """Return the address of *path* on the server.

    Raises:
        ConfigurationError: It is no address of a server; what may be a credential in it is not repeated.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError(
            "url", "(cannot be read)", ALLOWED
        ) from None  # which would repeat a part of it
    is_server = parsed.scheme in ("http", "https") and parsed.host and "%" not in parsed.host
    is_server = is_server and (parsed.port is None or 0 < parsed.port < 1 << 16)
    if not is_server or parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigurationError("url", shown(parsed), ALLOWED)
    return parsed.copy_with(path=parsed.path.rstrip("/") + path)


def shown(address: httpx.URL) -> str:
    """Return the address without what may be a credential."""
    return f"{address.scheme}://{address.netloc.decode('ascii', 'replace')}{address.path}"


def is_loopback(address: httpx.URL) -> bool:
    """Whether what is sent there does not leave this machine."""
    host = address.host
    return ip_address(host).is_loopback if is_address(host) else host == "localhost"


def proxy_for(address: httpx.URL) -> httpx.Proxy | None:
    """Return the proxy that the environment names for the address (`HTTPS_PROXY`, `NO_PROXY` ...), if any.

    Raises:
        ConfigurationError: It is of a kind that is not supported; its password is not repeated.
    """
    if is_loopback(address) or proxy_bypass(address.host):
        return None
    proxies = getproxies()
    url = proxies.get(address.scheme) or proxies.get("all")
    if not url:
        return None
    try:
        proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https"):
        raise ConfigurationError(f"{address.scheme}_proxy", "(not shown)", "an http:// or https:// address")
    return proxy
