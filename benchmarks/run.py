"""Asks all questions, or those named, each in a process of its own, and keeps what they found.

python benchmarks/run.py [question ...]     writes results/*.json and the tables of README.md
python benchmarks/run.py --check [...]      compares with results/ and writes nothing; always ends well
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import table
from answer import Answer, answer, keep, kept

_NOTABLE = 1.5
"""A figure that has become so many times what it was is shown by `--check`."""


def ask(path: Path) -> Answer | None:
    """Run one question, show what it prints and return what its last line says; None where it failed."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    begun = perf_counter()
    print(f"\n== {path.stem}", flush=True)
    process = subprocess.run([sys.executable, str(path)], stdout=subprocess.PIPE, text=True, check=False)
    *lines, last = process.stdout.rstrip().splitlines() or [""]
    print("\n".join(lines))
    try:
        figures = json.loads(last)
        seconds = perf_counter() - begun
        return answer(path.stem, table.asked(path), seconds, load, {name: figures[name] for name in figures})
    except (ValueError, TypeError, AttributeError):
        print(f"{last}\n{path.name}: no figures in the last line, exit status {process.returncode}")
        return None


def differences(before: Answer, now: Answer) -> Iterator[str]:
    """Yield the figures that have changed notably, and those that are gone."""
    for name, then in before.figures.items():
        value = now.figures.get(name)
        if value is None:
            yield f"{name}: {then:g}, now missing"
        elif then * value <= 0:
            if then != value:
                yield f"{name}: {then:g} -> {value:g}"
        elif not 1 / _NOTABLE < value / then < _NOTABLE:
            yield f"{name}: {then:g} -> {value:g}, {value / then:.2f} x"


def compare(found: dict[str, Answer]) -> None:
    """Report what differs from the committed results."""
    committed = kept()
    print("\n== compared with the committed results")
    for question, now in found.items():
        before = committed.get(question)
        lines = [*differences(before, now)] if before else ["not asked before"]
        print(f"{question}: {'; '.join(lines) or 'as before'}")


def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", nargs="*", help="names of files here; all where none is given")
    parser.add_argument("--check", action="store_true", help="compare with the committed results")
    options = parser.parse_args()
    paths = [path for path in table.questions() if not options.question or path.stem in options.question]
    found = {path.stem: told for path in paths if (told := ask(path)) is not None}
    if options.check:
        compare(found)
        return
    for told in found.values():
        keep(told)
    table.README.write_text(table.written())
    sys.exit(len(found) < len(paths))


if __name__ == "__main__":
    main()
