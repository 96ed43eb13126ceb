"""`taximeter price`."""

import json
from pathlib import Path
from typing import Any

import pytest

from console_script import run
from taximeter.pricing import Catalog

RECORD = {
    "id": "a",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "api": "messages",
    "at": "2025-11-01T00:00:00Z",
    "context": {},
    "raw_usage": {"usage": {"input_tokens": 10, "output_tokens": 100, "cache_read_input_tokens": 1000}},
}
NANOS = 10 * 3_000 + 100 * 15_000 + 1000 * 300


def priced(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORD),
        json.dumps(RECORD, indent=2),
        json.dumps([RECORD], indent=2),
        json.dumps({"notes": "what this is", "cases": [RECORD]}),
        json.dumps({"notes": "what this is", "cases": [RECORD]}, indent=1),
    ],
)
def test_json_of_any_shape_is_priced(text: str, tmp_path: Path) -> None:
    """A record, a list of them, or a document with `cases`, on one line or many."""
    (tmp_path / "usage.json").write_text(text)
    (found,) = priced(run("price", "usage.json", cwd=tmp_path).stdout)
    assert (found["id"], found["cost_status"], found["cost_usd_nanos"]) == ("a", "priced", NANOS)
    assert found["cost_usd_micros"] == NANOS // 1000
    assert found["price_version"] == Catalog.default().version
    assert [(part["kind"], part["quantity"]) for part in found["components"]] == [
        ("input", 10),
        ("cache_read", 1000),
        ("output", 100),
    ]
    assert sum(part["usd_nanos"] for part in found["components"]) == NANOS


def test_lines_come_back_in_order() -> None:
    """One answer a record, in the order of the records, from a pipe as well."""
    lines = "".join(json.dumps({**RECORD, "id": number}) + "\n" for number in range(50))
    assert [found["id"] for found in priced(run("price", "-", stdin=lines).stdout)] == list(range(50))


def test_an_unknown_model_has_no_price() -> None:
    """Unknown is null, never 0."""
    (found,) = priced(run("price", "-", stdin=json.dumps({**RECORD, "model": "made-up"})).stdout)
    assert (found["cost_status"], found["cost_usd_micros"], found["cost_usd_nanos"]) == (
        "unknown",
        None,
        None,
    )


@pytest.mark.parametrize(
    "wrong", [{"at": "yesterday"}, {"context": "none"}, {"context": {"user_override": {"rebate": 3}}}]
)
def test_a_record_that_cannot_be_priced_says_why(wrong: dict[str, Any]) -> None:
    """It is answered all the same, so that answers and records stay side by side."""
    lines = "\n".join(json.dumps(record) for record in (RECORD, {**RECORD, **wrong}, RECORD))
    first, second, third = priced(run("price", "-", stdin=lines).stdout)
    assert (first["cost_usd_nanos"], second["cost_usd_nanos"], third["cost_usd_nanos"]) == (
        NANOS,
        None,
        NANOS,
    )
    assert second["error"]


def test_bad_lines_are_named_and_passed_over() -> None:
    """One line that is no record does not cost the others, wherever it stands."""
    good = json.dumps(RECORD)
    for number, lines in ((1, ["{broken", good]), (2, [good, "[3]"]), (4, ["", good, "", "{broken"])):
        done = run("price", "-", stdin="\n".join(lines))
        assert [found["id"] for found in priced(done.stdout)] == ["a"]
        assert f"line {number}: not a record" in done.stderr
        assert done.returncode == 0


def test_a_file_without_any_record_is_an_error(tmp_path: Path) -> None:
    """A wrong file is told, not priced at nothing."""
    (tmp_path / "text").write_text("hello\n")
    done = run("price", "text", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds no record" in done.stderr
    assert run("price", "missing", cwd=tmp_path).returncode == 2
