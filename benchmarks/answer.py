"""Answer: what one question found on one machine, as it is kept in `results/`."""

import json
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from taximeter.version import __version__

HERE = Path(__file__).parent
RESULTS = HERE / "results"
_PACKAGES = ("msgspec", "anyio", "httpx", "uvloop", "openai")
_CPUS = Path("/proc/cpuinfo")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run of a question; their names end in their unit, `_x` is a ratio to the floor."""

    question: str
    asks: str
    run: str = ""
    """When the run began that asked it, perhaps with others: figures of one run were found side by side."""
    at: str
    seconds: float
    taximeter: str
    machine: str
    load: float
    """Runnable processes a core in the minute before, which is how far absolute figures are to be believed."""
    versions: dict[str, str]
    figures: dict[str, float]


def answer(
    question: str, asks: str, *, run: str, seconds: float, load: float, figures: Mapping[str, float]
) -> Answer:
    """Return the figures with when, where and on what they were measured."""
    return Answer(
        question=question,
        asks=asks,
        run=run,
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        seconds=round(seconds, 1),
        taximeter=__version__,
        machine=_machine(),
        load=round(load, 2),
        versions={
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "sqlite": sqlite3.sqlite_version,
            **{name: version_of(name) for name in _PACKAGES},
        },
        figures=dict(figures),
    )


def _machine() -> str:
    parts = f"{platform.system()} {platform.machine()}", f"{os.cpu_count()} cores", cpu_model(_CPUS)
    return ", ".join(filter(None, parts))


def cpu_model(cpus: Path) -> str:
    """Return what the processor calls itself, as Linux lists it; elsewhere what the platform says, perhaps nothing."""
    listed = cpus.read_text(errors="replace") if cpus.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)", listed, re.MULTILINE)
    return found[1].strip() if found else platform.processor()


def version_of(package: str) -> str:
    """Return which version of a package is installed: none is no fault, as most questions do without most packages."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def keep(found: Answer, folder: Path = RESULTS) -> None:
    """Write an answer as the newest of its question."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(msgspec.to_builtins(found), indent=1) + "\n"
    put(folder / f"{found.question}.json", text)


def put(path: Path, text: str) -> None:
    """Write a file anew, beside the old one until it is whole: who is interrupted leaves the old one."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)


def kept(folder: Path = RESULTS) -> dict[str, Answer]:
    """Return the newest answers by their question; a file that holds none is named on stderr and left out."""
    answers = {}
    for path in sorted(folder.glob("*.json")):
        try:
            answers[path.stem] = msgspec.json.decode(path.read_bytes(), type=Answer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            print(f"{path.name} in {folder.name}/ is no answer and left out: {error}", file=sys.stderr)
    return answers
