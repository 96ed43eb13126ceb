"""Writes the tables of benchmarks/README.md from `results/`; `--check` only looks whether they are as they should be.

A result that is older than the last run, because its question failed in it or was not asked, is marked as kept.
"""

import argparse
import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from aims import AIMS
from answer import HERE, Answer, kept, put

README = HERE / "README.md"
_BEGIN, _END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def questions() -> list[Path]:
    """Return the files that ask something."""
    return sorted(path for path in HERE.glob("*.py") if _is_question(path))


def asked(path: Path) -> str:
    """Return what a file asks, the first line of its docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]


def _is_question(path: Path) -> bool:
    return path.name not in ("run.py", "table.py") and '\nif __name__ == "__main__":' in path.read_text()


def tables(answers: Mapping[str, Answer]) -> str:
    """Return all tables as Markdown."""
    return "\n".join(
        (*_origin(list(answers.values())), *_aims(answers), *_peers(answers), *_questions(answers))
    )


def _origin(answers: Collection[Answer]) -> Iterator[str]:
    machines = sorted({answer.machine for answer in answers})
    versions = sorted({f"{name} {version}" for a in answers for name, version in a.versions.items()})
    days = sorted({answer.at[:10] for answer in answers})
    loads = [answer.load for answer in answers]
    if days:
        yield f"Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} on {'; '.join(machines)}; {', '.join(versions)}."
        yield f"Runnable processes a core before each question: {min(loads):.1f} to {max(loads):.1f}."
        yield f"The {len(loads)} questions took {sum(answer.seconds for answer in answers):.0f} seconds.\n"


def _kept_notes(answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return what is to be said beside the answers of earlier runs than the last, and nothing for the others."""
    last = max((answer.run for answer in answers.values()), default="")
    return {name: "" if answer.run == last else f"kept from {answer.at}" for name, answer in answers.items()}


def _aims(answers: Mapping[str, Answer]) -> Iterator[str]:
    notes = _kept_notes(answers)
    yield "| what | measured | aim | |"
    yield "|---|---|---|---|"
    for aim in AIMS:
        value = answers[aim.question].figures.get(aim.figure) if aim.question in answers else None
        if value is None:
            yield f"| {aim.what} | not measured | {aim.text} | |"
        else:
            remarks = "; ".join(filter(None, ("" if aim.is_met(value) else "missed", notes[aim.question])))
            yield f"| {aim.what} | {value:.3g} {aim.unit} | {aim.text} | {remarks} |"
    yield ""


_COLUMNS = {
    "us": "us a call, flat out",
    "caller_cpu_us": "us of the caller's processor time",
    "of_floor_x": "x a bounded append (clock)",
    "of_taximeter_x": "x taximeter (processor)",
    "process_cpu_us": "the same of all threads",
    "flat_out_delivered_percent": "% delivered flat out",
    "flood_delivered_percent": "% of up to 300,000",
    "paced_delivered_percent": "% delivered at 2,000/s",
    "added_p99_ms": "p99 added to a 1 ms ticker, ms",
    "complaints": "lines of complaint",
}


def _peers(answers: Mapping[str, Answer]) -> Iterator[str]:
    if "peers" not in answers:
        return
    if note := _kept_notes(answers)["peers"]:
        yield f"The peers: {note}.\n"
    figures = answers["peers"].figures
    names = [name.removesuffix("_of_floor_x") for name in figures if name.endswith("_of_floor_x")]
    yield f"| peer | {' | '.join(_COLUMNS.values())} |"
    yield f"|---{'|---' * len(_COLUMNS)}|"
    for name in sorted(names, key=lambda name: figures[f"{name}_of_floor_x"]):
        cells = [figures.get(f"{name}_{column}") for column in _COLUMNS]
        yield f"| {name} | {' | '.join('' if cell is None else f'{cell:.4g}' for cell in cells)} |"
    yield ""


def _questions(answers: Mapping[str, Answer]) -> Iterator[str]:
    notes = _kept_notes(answers)
    yield "| question | file | figures | seconds | |"
    yield "|---|---|---|---|---|"
    for name, found in answers.items():
        file = f"[{found.question}](results/{found.question}.json)"
        yield f"| {found.asks} | {file} | {len(found.figures)} | {found.seconds:.0f} | {notes[name]} |"
    yield ""


def written() -> str:
    """Return the README with its tables as the results say."""
    text = README.read_text()
    head, rest = text.split(_BEGIN)
    _, tail = rest.split(_END)
    return f"{head}{_BEGIN}{tables(kept())}{_END}{tail}"


def main() -> None:
    """Write the README, or only look whether it is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where it differs")
    if parser.parse_args().check:
        sys.exit(written() != README.read_text())
    put(README, written())


if __name__ == "__main__":
    main()
