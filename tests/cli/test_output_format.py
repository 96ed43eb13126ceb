"""Answers for programs and pages."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taximeter.cli.output_format import escape_markdown, json_document, read_format, write_csv, write_markdown
from taximeter.errors import ConfigurationError


def test_the_format_is_a_table_unless_told_otherwise() -> None:
    """`--json` is short for `--format json`."""
    assert (read_format(None), read_format("csv"), read_format(None, as_json=True)) == (
        "table",
        "csv",
        "json",
    )
    assert read_format("json", as_json=True) == "json"


@pytest.mark.parametrize(("name", "as_json"), [("cvs", False), ("csv", True), ("", False)])
def test_a_format_that_cannot_be_is_refused(name: str, as_json: bool) -> None:
    """Unknown, or two at once."""
    with pytest.raises(ConfigurationError, match="--format"):
        read_format(name, as_json=as_json)


def test_json_is_utf8_in_every_locale() -> None:
    """Programs that read it do not ask for the locale."""
    assert json_document({"agent": "ä"}) == '{\n  "agent": "ä"\n}\n'.encode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\r", "\n"])
def test_no_text_is_a_formula(start: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a spreadsheet would run is marked as text; numbers, negative ones too, stay numbers."""
    write_csv(["name", "n"], [[f"{start}HYPERLINK(1)", -5], [None, "-1.50"]])
    (heading, row, last) = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    assert heading == ["name", "n"]
    assert row == [f"'{start}HYPERLINK(1)".replace("\r", "\n"), "-5"]
    assert last == ["", "-1.50"]


def test_no_text_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is looked at with `cat` writes letters only."""
    write_csv(["\x1bname"], [["\x1b[31mred\t\x00"]])
    odd = "\N{REPLACEMENT CHARACTER}"
    assert capsys.readouterr().out == f"{odd}name\n{odd}[31mred{odd}{odd}\n"


def test_markdown_holds_no_markup_of_others(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe or a line break in a name does not break the table, and names are shown as they are."""
    write_markdown(["model", "calls"], [False, True], [["a|b\n<img>", "1"], ["text_embedding", "2"]])
    assert capsys.readouterr().out == (
        "| model | calls |\n| --- | ---: |\n| a\\|b \\<img\\> | 1 |\n| text_embedding | 2 |\n"
    )


@given(st.text())
def test_a_cell_of_markdown_is_one_line_without_bare_pipes(text: str) -> None:
    """Whatever a name holds."""
    escaped = escape_markdown(text)
    assert escaped.isprintable()
    assert "|" not in escaped.replace("\\\\", "").replace("\\|", "")
