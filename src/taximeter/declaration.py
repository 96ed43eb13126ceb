"""Declaration: who answers at hosts of the user's own."""

import re
from collections.abc import Mapping
from typing import Any

from taximeter.errors import ConfigurationError

_HOST = re.compile(r"[^\s/:@]+")


def declared_hosts(hosts: Any) -> Mapping[str, str]:
    """Return who answers by host name, in lower case; None declares nobody.

    Raises:
        ConfigurationError: It is no table of names, or a host has a scheme, a port or a path.
    """
    if hosts is None:
        return {}
    if not isinstance(hosts, Mapping):
        raise ConfigurationError("hosts", hosts, 'a table such as {"llm.example.com": "openai"}, or None')
    for host, provider in hosts.items():
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise ConfigurationError(
                "hosts", host, "names of hosts such as llm.example.com, without scheme, port and path"
            )
        if not isinstance(provider, str) or not provider:
            raise ConfigurationError(f"hosts[{host}]", provider, "the name of a provider, such as openai")
    return {host.lower(): provider for host, provider in hosts.items()}
