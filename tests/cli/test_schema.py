"""`taximeter schema`."""

import json
from pathlib import Path

from console_script import run
from taximeter.openapi import documents
from taximeter.schema import schema_text

WRITTEN = {name: json.loads(schema_text(schema)) for name, schema in documents().items()}


def test_without_a_name_the_schemas_are_listed() -> None:
    """One name a line."""
    assert run("schema").stdout.split() == list(documents())


def test_one_is_printed_by_its_name() -> None:
    """With or without the version, it is the schema made from the type."""
    for name in ("task_completion_event", "task_completion_event.v1"):
        assert json.loads(run("schema", name).stdout) == WRITTEN["task_completion_event.v1"]


def test_all_are_written_into_a_folder(tmp_path: Path) -> None:
    """The folder is made, the files are named after the schemas, and stdout lists them."""
    done = run("schema", "--out", "made/here", cwd=tmp_path)
    files = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "made/here").iterdir()}
    assert files == WRITTEN
    assert sorted(done.stdout.split()) == sorted(f"made/here/{name}.json" for name in documents())


def test_one_is_written_into_a_folder(tmp_path: Path) -> None:
    """A name and a folder write one file."""
    run("schema", "event", "--out", ".", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["event.v1.json"]


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    """The complaint lists the names; a folder that cannot be made is a complaint too."""
    done = run("schema", "nope")
    assert done.returncode == 2
    assert "must be one of event.v1" in done.stderr
    (tmp_path / "file").write_text("")
    done = run("schema", "--out", "file/below", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
