"""Answer: what one question found on one machine, as it is kept in `results/`."""

import json
import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from taximeter.version import __version__

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_PACKAGES = ("msgspec", "anyio", "httpx", "uvloop", "openai")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run of a question; their names end in their unit, `_x` is a ratio to the floor."""

    question: str
    asks: str
    at: str
    seconds: float
    taximeter: str
    machine: str
    load: float
    """Runnable processes a core in the minute before, which is how far absolute figures are to be believed."""
    versions: dict[str, str]
    figures: dict[str, float]


def answer(question: str, asks: str, seconds: float, load: float, figures: dict[str, float]) -> Answer:
    """Return the figures with when, where and on what they were measured."""
    return Answer(
        question=question,
        asks=asks,
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        seconds=round(seconds, 1),
        taximeter=__version__,
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        load=round(load, 2),
        versions={
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "sqlite": sqlite3.sqlite_version,
            **{name: metadata.version(name) for name in _PACKAGES},
        },
        figures=figures,
    )


def keep(found: Answer, folder: Path = RESULTS) -> None:
    """Write an answer as the newest of its question."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(msgspec.to_builtins(found), indent=1) + "\n"
    (folder / f"{found.question}.json").write_text(text)


def kept(folder: Path = RESULTS) -> dict[str, Answer]:
    """Return the newest answers by their question."""
    paths = sorted(folder.glob("*.json"))
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Answer) for path in paths}
