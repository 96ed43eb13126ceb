"""Who answers at hosts of the user's own."""

from typing import Any

import pytest

from taximeter import start
from taximeter.declaration import declared_hosts
from taximeter.errors import ConfigurationError


def test_hosts_are_compared_in_lower_case() -> None:
    """As host names are."""
    assert declared_hosts({"LLM.Example.com": "openai"}) == {"llm.example.com": "openai"}
    assert declared_hosts(None) == {}


@pytest.mark.parametrize(
    "hosts",
    ["llm.example.com", {"https://llm.example.com": "openai"}, {"llm.example.com:8080": "openai"}, {"a": ""}],
)
def test_what_cannot_be_a_declaration_is_refused(hosts: Any) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError, match="hosts"):
        start("memory:", hosts=hosts)
