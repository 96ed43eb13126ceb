"""File: which one holds the settings, and what stands in it."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError

OWN_NAME = "taximeter.toml"
SHARED_NAME = "pyproject.toml"
_WRITABLE_BY_OTHERS = 0o002
_ALLOWED = "a TOML file that can be read"


class File(msgspec.Struct, frozen=True):
    """A file of settings and its content."""

    path: Path
    content: Mapping[str, Any]

    @property
    def where(self) -> str:
        """The file, and the table in it, as errors and people call it."""
        return f"{self.path} [tool.taximeter]" if self.path.name == SHARED_NAME else str(self.path)


def read_file(path: Path) -> File:
    """Read a file that somebody has named: its top level, or `[tool.taximeter]` of a `pyproject.toml`.

    Raises:
        ConfigurationError: It cannot be read, or is no TOML.
    """
    found = _read(path)
    return File(path, {}) if found is None else found


def find_file(folder: Path) -> File | None:
    """Look for a file from a folder upwards, to the root: the first folder that has one decides.

    In each folder `taximeter.toml` comes before a `pyproject.toml`, which counts only where it has a table
    `[tool.taximeter]`.

    Raises:
        ConfigurationError: The file cannot be read, or somebody else could have put it there.
    """
    for place in (folder, *folder.parents):
        for name in (OWN_NAME, SHARED_NAME):
            path = place / name
            if _is_file(path) and (found := _read(path)) is not None:
                _check_owner(path)
                return found
    return None


def _is_file(path: Path) -> bool:
    """Whether it is one, as far as this user may look: a folder above may be somebody else's."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path) -> File | None:
    """Return the file; None for a pyproject.toml that says nothing of us."""
    try:
        text = path.read_text(
            encoding="utf-8-sig"
        )  # some editors begin a file with a mark that TOML does not know
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("config", str(path), _ALLOWED) from error
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and nesting beyond what Python reads
        raise ConfigurationError("config", str(path), f"{_ALLOWED}, and it is none: {error}") from error
    if path.name != SHARED_NAME:
        return File(path, content)
    tools = content.get("tool")
    own = tools.get("taximeter") if isinstance(tools, dict) else None
    if own is not None and not isinstance(own, dict):
        raise ConfigurationError("tool.taximeter", type(own).__name__, "a table", where=str(path))
    return None if own is None else File(path, own)


def _check_owner(path: Path) -> None:
    """Refuse a file that another user of the machine has put on our way up: it may name code to run."""
    own_id = getattr(os, "geteuid", None)
    if own_id is None:  # Windows
        return
    status = path.stat()
    if status.st_uid not in (0, own_id()) or status.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigurationError(
            "config",
            str(path),
            "a file of this user or of root that not everybody may write; name it in TAXIMETER_CONFIG to trust it",
        )
