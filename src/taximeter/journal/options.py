"""Options: how a tracker keeps its journal."""

import os
from pathlib import Path
from typing import Any

import msgspec

from taximeter.errors import ConfigurationError
from taximeter.given_path import path_from
from taximeter.journal.sync import Sync

_ALLOWED = "a folder, or a path in a folder that exists; no link"


class JournalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where the journal is and what it promises."""

    path: Path
    sync: Sync = Sync.JOURNALED
    """What has happened to an event some 50 ms after it was tracked; with `write_through`, once it is tracked."""
    write_through: bool = False
    """Whether an event is in the journal before `track_task_completion` returns."""
    carry: bool = True
    """Whether this process may take the folder's events to the sinks; False leaves that to `taximeter drain`."""


def journal_options(
    path: str | os.PathLike[str] | None, sync: str, *, write_through: bool, carry: bool
) -> JournalOptions | None:
    """Return the options, or None without a journal. Opens nothing.

    Raises:
        ConfigurationError: There is no such sync policy, the path cannot be a journal's folder, or an option asks for
            a journal and there is none.
    """
    try:
        policy = Sync(sync)
    except ValueError as error:
        raise ConfigurationError("sync", sync, f"one of {', '.join(Sync)}") from error
    for key, value in (("write_through", write_through), ("carry", carry)):
        if not isinstance(value, bool):  # a text "false" of the environment would mean the opposite
            raise ConfigurationError(key, value, "True or False")
    if path is None:
        _refuse("write_through", write_through, allowed=False)
        _refuse("carry", carry, allowed=True)
        _refuse("sync", policy, allowed=Sync.JOURNALED)
        return None
    folder = path_from("journal", path, _ALLOWED)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or not folder.parent.is_dir():
        raise ConfigurationError("journal", str(path), _ALLOWED)
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise ConfigurationError("journal", str(path), "a folder that belongs to the user of this process")
    return JournalOptions(path=folder, sync=policy, write_through=write_through, carry=carry)


def _refuse(key: str, value: Any, *, allowed: Any) -> None:
    if value != allowed:
        raise ConfigurationError(key, value, f"{allowed!r} where no journal=folder is given")
