"""Asks all questions, or those named, each in a process of its own, and keeps what they found.

python benchmarks/run.py [question ...]     writes results/*.json and the tables of README.md
python benchmarks/run.py --check [...]      compares with results/ and writes nothing; always ends well

A question that fails leaves its earlier result as it is.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec

import table
from aims import AIMS, Aim
from answer import RESULTS, Answer, answer, keep, kept, put

_NOTABLE = 1.5
"""A figure that has become so many times what it was is shown by `--check`."""
_NOTABLE_LOAD = 0.25
"""So many runnable processes a core more or less are shown too: half a program on two cores."""
Process = subprocess.CompletedProcess[str]
_MET = {None: "not measured", True: "met", False: "missed"}


class Told(NamedTuple):
    """What came of asking: figures where there were any, and what went wrong."""

    answer: Answer | None
    fault: str = ""


def ask(path: Path, run: str) -> Told:
    """Run one question, show what it prints and return what its last line says."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    begun = perf_counter()
    print(f"\n== {path.stem}", flush=True)
    command = [sys.executable, str(path)]
    process = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    seconds = perf_counter() - begun
    figures = figures_in(process)
    show(process, figures)
    fault = ", ".join(faults(process, figures))
    if not figures:
        return Told(None, fault)
    found = answer(path.stem, table.asked(path), run=run, seconds=seconds, load=load, figures=figures)
    found.versions.update(versions_in(process))
    return Told(found, fault)


def figures_in(process: Process) -> dict[str, float]:
    """Return the figures that the last line of a question tells, none where it tells none."""
    last = process.stdout.rstrip().rpartition("\n")[2]
    try:
        return msgspec.json.decode(last, type=dict[str, int | float])
    except msgspec.DecodeError:
        return {}


def versions_in(process: Process) -> dict[str, str]:
    """Return which versions of others' packages the line before the figures tells, none where it tells none."""
    lines = process.stdout.rstrip().splitlines()[:-1]
    try:
        return msgspec.json.decode("".join(lines[-1:]), type=dict[str, dict[str, str]])["versions"]
    except (msgspec.DecodeError, KeyError):
        return {}


def show(process: Process, figures: Mapping[str, float]) -> None:
    """Print what a question said, without the line for programs."""
    lines = process.stdout.rstrip().splitlines()
    print("\n".join(lines[:-1] if figures else lines), flush=True)
    print(process.stderr, end="", file=sys.stderr, flush=True)


def faults(process: Process, figures: Mapping[str, float]) -> Iterator[str]:
    """Yield what went wrong."""
    if process.returncode:
        yield f"exit status {process.returncode}"
        yield from complaint(process.stderr)
    if not figures:
        yield "no figures in the last line"


def complaint(errors: str) -> Iterator[str]:
    """Yield the last line of a traceback, and before it the assertion where one has failed."""
    lines = [line.strip()[:200] for line in errors.strip().splitlines()]
    for last in lines[-1:]:
        if last.startswith("AssertionError"):
            yield from [line for line in lines if line.startswith("assert ")][-1:]
        yield last


def compare(found: Mapping[str, Told], committed: Mapping[str, Answer]) -> None:
    """Report what differs from the committed results."""
    print("\n== compared with the committed results")
    for question, told in found.items():
        lines = list(remarks(told, committed.get(question)))
        print(f"{question}:" if lines else f"{question}: as before", *lines, sep="\n  ")
    pairs = [(committed[q], told.answer) for q, told in found.items() if told.answer and q in committed]
    for line, asked in surroundings(pairs).items():
        print(f"{line} ({'everywhere' if len(asked) == len(pairs) else ', '.join(asked)})")


def remarks(told: Told, before: Answer | None) -> Iterator[str]:
    """Yield all that is to be said of one question."""
    if told.fault:
        yield f"failed, {told.fault}"
    if before is None:
        yield "no earlier result"
    elif told.answer is not None:
        yield from turned(before, told.answer)
        yield from differences(before, told.answer)


def turned(before: Answer, now: Answer) -> Iterator[str]:
    """Yield the aims that have become missed or met."""
    for aim in AIMS:
        if aim.question == now.question:
            was, value = before.figures.get(aim.figure), now.figures.get(aim.figure)
            if state(aim, was) != state(aim, value):
                yield f"aim {state(aim, was)} -> {state(aim, value)}: {aim.what}, {moved(was, value)}, {aim.text}"


def state(aim: Aim, value: float | None) -> str:
    """Return in a word or two how an aim stands."""
    return _MET[None if value is None else aim.is_met(value)]


def moved(was: float | None, value: float | None) -> str:
    """Return a figure before and now."""
    return " -> ".join("none" if each is None else f"{each:g}" for each in (was, value))


def differences(before: Answer, now: Answer) -> Iterator[str]:
    """Yield the figures that have changed notably, those that are gone or new, and the load where it was another."""
    for name, was in before.figures.items():
        value = now.figures.get(name)
        if value is None:
            yield f"{name} is gone, it was {was:g}"
        elif was * value <= 0:
            if was != value:
                yield f"{name}: {moved(was, value)}"
        elif not 1 / _NOTABLE < value / was < _NOTABLE:
            yield f"{name}: {moved(was, value)}, {value / was:.2f} x"
    yield from (f"{name} is new: {now.figures[name]:g}" for name in now.figures if name not in before.figures)
    if abs(before.load - now.load) >= _NOTABLE_LOAD:
        yield f"load: {moved(before.load, now.load)} runnable processes a core"


def surroundings(pairs: list[tuple[Answer, Answer]]) -> dict[str, list[str]]:
    """Return where machine and versions are others than before, each with the questions of which that is so."""
    found: dict[str, list[str]] = {}
    for before, now in pairs:
        was, here = (
            {"machine": each.machine, "taximeter": each.taximeter, **each.versions} for each in (before, now)
        )
        for name in was | here:
            if was.get(name) != here.get(name):
                line = f"{name}: {was.get(name, 'unknown')} -> {here.get(name, 'unknown')}"
                found.setdefault(line, []).append(now.question)
    return found


def keep_all(found: Mapping[str, Told], folder: Path = RESULTS) -> None:
    """Keep what did not fail, and say what did."""
    for question, told in found.items():
        if told.answer is not None and not told.fault:
            keep(told.answer, folder)
        else:
            print(f"{question}: failed, {told.fault}; its result is left as it was")


def main() -> None:
    """Ask."""
    known = {path.stem: path for path in table.questions()}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", nargs="*", help="names of files here; all where none is given")
    parser.add_argument("--check", action="store_true", help="compare with the committed results")
    options = parser.parse_args()
    names = [Path(name).name.removesuffix(".py") for name in options.question]
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no question: {', '.join(unknown)}; there are {', '.join(known)}")
    run = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    found = {name: ask(path, run) for name, path in known.items() if not names or name in names}
    if options.check:
        compare(found, kept())
        return
    keep_all(found)
    put(table.README, table.written())
    sys.exit(any(told.fault for told in found.values()))


if __name__ == "__main__":
    main()
