"""Tests of how `benchmarks/answer.py` says where it was measured, and keeps what was found."""

import platform
from pathlib import Path

import msgspec
import pytest

from answer import Answer, answer, cpu_model, keep, kept, put, version_of


def an_answer() -> Answer:
    """Return an answer that was found now."""
    return answer(
        "price", "How long?", run="2026-11-23T01:00:00Z", seconds=3.91, load=0.471, figures={"a_ns": 1}
    )


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    found = an_answer()
    keep(found, tmp_path / "results")
    keep(found, tmp_path / "results")
    assert kept(tmp_path / "results") == {"price": found}
    assert [path.name for path in tmp_path.glob("results/*")] == ["price.json"]


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """Who cannot write the new one to its end leaves the old one."""
    path = tmp_path / "price.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        put(path, "new" * 100_000 + "\udc80")
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b'{"question": "pri', b'{"bought": 1}', b"[]", b"", b"\xff\xfe"])
def test_a_file_that_holds_no_answer_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    keep(an_answer(), tmp_path)
    (tmp_path / "broken.json").write_bytes(content)
    assert list(kept(tmp_path)) == ["price"]
    assert capsys.readouterr().err.startswith("broken.json in ")


def test_a_package_that_is_not_there_is_told_so() -> None:
    assert version_of("no-such-package") == "not installed"
    assert version_of("msgspec") == msgspec.__version__


def test_the_processor_is_named_as_linux_lists_it(tmp_path: Path) -> None:
    cpus = tmp_path / "cpuinfo"
    cpus.write_text("processor\t: 0\nmodel name\t: AMD EPYC\ncache size\t: 512 KB\n" * 2)
    assert cpu_model(cpus) == "AMD EPYC"
    assert cpu_model(tmp_path / "none") == platform.processor()
