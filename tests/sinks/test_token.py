"""The secret that opens a server."""

from pathlib import Path
from typing import Any

import pytest

from taximeter.errors import ConfigurationError
from taximeter.sinks.token import Token, token_from


def test_a_token_is_not_shown() -> None:
    """Not by repr, str or format, which is how things get into logs."""
    token = Token("hunter2")
    assert "hunter2" not in f"{token} {token!r} {[token]}"
    assert token.authorization == b"Bearer hunter2"


@pytest.mark.parametrize("given", ["", "a b", "a\r\nX-Evil: 1", "é", "a\x00", 7, b"bytes"])
def test_what_no_header_can_hold_is_refused(given: Any) -> None:
    """At construction, and without repeating it."""
    with pytest.raises(ConfigurationError) as raised:
        Token(given)
    assert repr(given) not in str(raised.value)


def test_a_file_is_read_and_read_again(tmp_path: Path) -> None:
    """A secret that was exchanged is found; one that cannot be read leaves the old one."""
    (file := tmp_path / "token").write_text("first\n")
    token = Token(file)
    assert not token.reload()
    file.write_text("second\n")
    assert token.reload()
    assert token.authorization == b"Bearer second"
    for spoiled in ("", "two words"):
        file.write_text(spoiled)
        assert not token.reload()
        assert token.authorization == b"Bearer second"
    file.unlink()
    assert not token.reload()
    assert token.authorization == b"Bearer second"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """At the start, naming it."""
    with pytest.raises(ConfigurationError, match="missing"):
        Token(tmp_path / "missing")


def test_the_environment_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given in code goes before it; without either there is none."""
    monkeypatch.delenv("TAXIMETER_TOKEN", raising=False)
    assert token_from(None) is None
    monkeypatch.setenv("TAXIMETER_TOKEN", "")
    assert token_from(None) is None
    monkeypatch.setenv("TAXIMETER_TOKEN", "outer")
    for given, text in ((None, b"Bearer outer"), ("inner", b"Bearer inner")):
        token = token_from(given)
        assert token is not None
        assert token.authorization == text
