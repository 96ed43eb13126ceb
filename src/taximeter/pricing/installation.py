"""Installation: a newer price table in the user's data folder, taken in only when it makes sense."""

import logging
import os
import sys
import tempfile
from pathlib import Path
from time import time_ns
from urllib.parse import urlsplit

import msgspec

from taximeter.errors import ConfigurationError, TaximeterError
from taximeter.pricing.difference import Change, differences
from taximeter.pricing.table import Table, UnreadableTableError, decode_table, shipped_table

logger = logging.getLogger("taximeter")

FILE_NAME = "prices.bin"
_LIMIT_BYTES = 16 << 20
_TIMEOUT_S = 30.0
_MOST_USD_PER_MTOK = 10_000
_MOST_FACTOR = 20  # no provider has ever moved a price this far at once
_LEAST_KEPT = 0.8  # of the models
_DAY_US = 86_400_000_000


class SuspiciousTableError(TaximeterError):
    """A table that can be read but does not look right; `reasons` says why, at most twenty of them."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("the price table does not look right: " + "; ".join(reasons))
        self.reasons = reasons


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What an update did: the versions before and after, and what changed between them."""

    path: str
    old_version: str
    new_version: str
    changes: tuple[Change, ...]


def data_folder() -> Path:
    """Return where this user's data of taximeter lives: the platform's place, `$XDG_DATA_HOME` where it is set."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
    elif sys.platform == "darwin":
        base = home / "Library/Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return base / "taximeter"


def newest_table(folder: Path | None = None) -> Table:
    """Return the user's table where there is a valid one at least as new as ours, else the one that we came with.

    Args:
        folder: Where to look; None means `data_folder`.
    """
    shipped = shipped_table()
    try:
        own = read_table((data_folder() if folder is None else folder) / FILE_NAME)
    except (FileNotFoundError, NotADirectoryError, RuntimeError):  # none there, or a user without a home
        return shipped
    except (OSError, UnreadableTableError) as error:
        logger.warning("taximeter: the updated price table cannot be read, using the shipped one: %s", error)
        return shipped
    return own if _day(own) >= _day(shipped) else shipped


def read_table(path: str | Path) -> Table:
    """Read a table from a file.

    Raises:
        OSError: The file cannot be read.
        UnreadableTableError: It is no price table.
    """
    with Path(path).open("rb") as file:
        return decode_table(file.read(_LIMIT_BYTES + 1)[:_LIMIT_BYTES])


def install(source: str | Path, *, folder: Path | None = None, force: bool = False) -> Installed:
    """Take in a newer table: read it, check it against the one in use, and put it in place in one step.

    Processes that run already keep the table they have.

    Args:
        source: A file, or an http(s) URL.
        folder: Where it goes; None means `data_folder`.
        force: Take it even if it is older or does not look right.

    Raises:
        ConfigurationError: The source is neither a file nor a URL that answers.
        UnreadableTableError: It is no price table.
        SuspiciousTableError: Something in it does not look right, and *force* was not given.
    """
    data = _fetch(str(source))
    new, current = decode_table(data), newest_table(folder)
    reasons = doubts(new, current)
    if reasons and not force:
        raise SuspiciousTableError(reasons)
    place = (data_folder() if folder is None else folder) / FILE_NAME
    _replace(place, data)
    changes = differences(current, new)
    return Installed(path=str(place), old_version=current.version, new_version=new.version, changes=changes)


def doubts(new: Table, current: Table) -> list[str]:
    """Return what speaks against replacing *current* by *new*; empty when nothing does.

    Raises:
        UnreadableTableError: A provider's part of the new table cannot be read.
    """
    reasons = []
    if _day(new) < _day(current):
        reasons.append(f"it is of {_day(new)}, older than {_day(current)}")
    changes = differences(current, new, at_us=time_ns() // 1000)
    gone = sum(change.what == "removed" for change in changes)
    listed = sum(len(current_models) for current_models in _models(current).values())
    if gone > listed * (1 - _LEAST_KEPT):
        reasons.append(f"{gone} of {listed} models are gone")
    reasons += [
        f"{change.id} {change.kind} moves from {change.old} to {change.new}"
        for change in changes
        if change.factor is not None and not 1 / _MOST_FACTOR <= change.factor <= _MOST_FACTOR
    ]
    reasons += [
        f"{name}/{model} {kind} costs {rate / 10**9:g} USD a million"
        for name, models in _models(new).items()
        for model, rates in models.items()
        for kind, rate in rates
        if rate < 0 or (rate > _MOST_USD_PER_MTOK * 10**9 and kind in ("input", "output"))
    ]
    return reasons[:20]


def _models(table: Table) -> dict[str, dict[str, list[tuple[str, int]]]]:
    return {
        name: {
            model: [item for row in rows for item in row.rates.items()]
            for model, rows in provider.models.items()
        }
        for name in table.providers
        if (provider := table.provider(name)) is not None
    }


def _day(table: Table) -> str:
    return table.version.partition(".")[0]


def _fetch(source: str) -> bytes:
    if urlsplit(source).scheme in ("http", "https"):
        return _download(source)
    try:
        with Path(source).open("rb") as file:
            return file.read(_LIMIT_BYTES)
    except OSError as error:
        raise ConfigurationError("source", source, f"a file that can be read: {error.strerror}") from error


def _download(url: str) -> bytes:
    import httpx  # noqa: PLC0415 - only an update needs the network

    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            response.raise_for_status()
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > _LIMIT_BYTES:
                    raise ConfigurationError("source", url, f"at most {_LIMIT_BYTES >> 20} MB")
            return bytes(data)
    except httpx.HTTPError as error:
        raise ConfigurationError("source", url, f"a URL that answers: {error}") from error


def _replace(place: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, whole, also after a crash."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{FILE_NAME}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
