"""Token: the secret that opens a server, kept out of every text that could be shown."""

import os
import re
from contextlib import suppress
from pathlib import Path

from taximeter.errors import ConfigurationError

TOKEN_VARIABLE = "TAXIMETER_TOKEN"  # noqa: S105 - the name of one
ALLOWED = f"visible ASCII characters without a space, or the Path of a file that holds them (or {TOKEN_VARIABLE} in the environment)"

_FIT = re.compile(r"[!-~]+")


class Token:
    """A bearer token.

    Args:
        given: The token itself, or the path of a file that holds it, which is read again at `reload`.

    Raises:
        ConfigurationError: It is no token, or the file cannot be read; the token is not repeated.
    """

    __slots__ = ("_file", "_text")

    def __init__(self, given: "str | os.PathLike[str]") -> None:
        self._file = Path(given) if isinstance(given, os.PathLike) else None
        self._text = _checked(given) if self._file is None else _read(self._file)

    def __repr__(self) -> str:
        return "Token(...)"

    @property
    def authorization(self) -> bytes:
        """The value of the header `Authorization`."""
        return b"Bearer " + self._text.encode("ascii")

    def reload(self) -> bool:
        """Read the file again, if it came from one, and return whether it is another token now.

        What cannot be read changes nothing.
        """
        before = self._text
        if self._file is not None:
            with suppress(ConfigurationError):
                self._text = _read(self._file)
        return self._text != before


def token_from(given: "str | os.PathLike[str] | None") -> Token | None:
    """Return the token that was given, or else the one of the environment, or else None."""
    if given is None:
        given = os.environ.get(TOKEN_VARIABLE) or None
    return None if given is None else Token(given)


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError("token", path, "a file that can be read") from error
    return _checked(text.strip())


def _checked(text: object) -> str:
    if isinstance(text, str) and _FIT.fullmatch(text):
        return text
    raise ConfigurationError("token", "(not shown)", ALLOWED)
