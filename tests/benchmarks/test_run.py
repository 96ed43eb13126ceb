"""Tests of what `benchmarks/run.py` makes of answers; nothing is measured, its questions are made up."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import run
from answer import Answer, kept
from benchmark_samples import BENCHMARKS, FOUND


def now(**changes: object) -> Answer:
    """Return a later answer to the same question."""
    return msgspec.structs.replace(FOUND, run="2026-11-23T01:00:00Z", at="2026-11-23T01:05Z", **changes)


def said_of(*, fault: str = "", **changes: object) -> list[str]:
    """Return what is said of a later answer."""
    return list(run.remarks(run.Told(now(**changes), fault), FOUND))


def question(folder: Path, *lines: str) -> Path:
    """Write a question of these lines."""
    path = folder / "made_up.py"
    path.write_text("\n".join(('"""How much is it?"""', *lines)))
    return path


def test_an_answer_like_the_last_is_as_before() -> None:
    assert said_of() == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(2.4, "aim met -> missed"), (None, "aim met -> not measured")],
    ids=["missed", "not measured"],
)
def test_an_aim_that_is_met_no_more_is_named_however_little_the_figure_changed(
    value: float | None, words: str
) -> None:
    figures = {"track_ns": 114.6} | ({} if value is None else {"track_x": value})
    assert said_of(figures=figures)[0].startswith(f"{words}: `track` flat out")


def test_an_aim_that_is_met_again_is_named() -> None:
    missed = msgspec.structs.replace(FOUND, figures={"track_x": 2.1})
    (said,) = run.turned(missed, now(figures={"track_x": 1.9}))
    assert said.startswith("aim missed -> met")
    assert said.endswith("2.1 -> 1.9, <= 2 x")


def test_figures_that_are_large_new_or_gone_are_named() -> None:
    figures = {"track_x": 1.951, "paced_p50_ns": 501.0}
    assert said_of(figures=figures) == ["track_ns is gone, it was 114.6", "paced_p50_ns is new: 501"]
    assert said_of(figures={"track_x": 1.951, "track_ns": 200.0}) == ["track_ns: 114.6 -> 200, 1.75 x"]


def test_another_load_is_named() -> None:
    assert said_of(load=1.4) == ["load: 0.4 -> 1.4 runnable processes a core"]
    assert said_of(load=0.5) == []


def test_another_machine_and_other_versions_are_named_with_their_questions() -> None:
    later = now(machine="Darwin arm64, 8 cores", versions={"python": "CPython 3.12.1", "uvloop": "0.23.0"})
    assert run.surroundings([(FOUND, later)]) == {
        "machine: Linux x86_64, 2 cores -> Darwin arm64, 8 cores": ["hot_path"],
        "python: CPython 3.11.7 -> CPython 3.12.1": ["hot_path"],
        "uvloop: unknown -> 0.23.0": ["hot_path"],
    }


def test_a_question_that_fails_after_its_figures_is_told_with_the_assertion(tmp_path: Path) -> None:
    told = run.ask(question(tmp_path, "print('{\"a_ns\": 1}')", "assert 1 == 2, 'lost'"), "now")
    assert told.answer is not None
    assert told.answer.figures == {"a_ns": 1}
    assert told.fault == "exit status 1, assert 1 == 2, 'lost', AssertionError: lost"
    assert list(run.remarks(told, None)) == [f"failed, {told.fault}", "no earlier result"]


@pytest.mark.parametrize("line", ["", "print('{}')", "print('[1]')", 'print(\'{"a_ns": "fast"}\')'])
def test_a_question_without_figures_has_failed(tmp_path: Path, line: str) -> None:
    assert run.ask(question(tmp_path, line), "now") == (None, "no figures in the last line")


def test_only_an_answer_without_a_fault_is_kept(tmp_path: Path) -> None:
    faulty = msgspec.structs.replace(FOUND, question="faulty")
    found = {
        "hot_path": run.Told(FOUND),
        "faulty": run.Told(faulty, "exit status 1"),
        "mute": run.Told(None, "x"),
    }
    run.keep_all(found, tmp_path)
    assert kept(tmp_path) == {"hot_path": FOUND}


@pytest.mark.parametrize("arguments", [["nonsense"], ["--check", "nonsense"], ["price", "price.json"]])
def test_an_unknown_question_is_an_error_that_names_the_known(arguments: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, BENCHMARKS / "run.py", *arguments], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert f"no question: {arguments[-1]}; there are budget_race, " in process.stderr
