"""The schemas in schemas/ are the ones of the types."""

import json
from pathlib import Path

import pytest

from taximeter.schema import schema_text, schemas

FOLDER = Path(__file__).parent.parent / "schemas"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_file_is_what_the_types_say(name: str) -> None:
    """A change of a type shows as a change of its schema; `taximeter schema --out schemas` writes them."""
    assert (FOLDER / f"{name}.json").read_text() == schema_text(schemas()[name])


def test_no_schema_is_left_over() -> None:
    """Every event schema in the folder has its type."""
    ours = {f"{name}.json" for name in schemas()}
    assert {path.name for path in FOLDER.glob("*.json")} == ours


def test_unknown_words_are_valid() -> None:
    """The schema of a vocabulary allows words of other versions, as the readers do."""
    outcome = schemas()["event.v1"]["$defs"]["Outcome"]
    assert {"type": "string"} in outcome["anyOf"]
    assert "success" in json.dumps(outcome)
