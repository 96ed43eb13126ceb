"""The schemas in schemas/ are the ones of the types."""

import json
from pathlib import Path

import pytest

from taximeter.openapi import documents
from taximeter.schema import schema_text

FOLDER = Path(__file__).parent.parent / "schemas"


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_file_is_what_the_types_say(name: str) -> None:
    """A change of a type shows as a change of its schema; `taximeter schema --out schemas` writes them."""
    assert (FOLDER / f"{name}.json").read_text() == schema_text(documents()[name])


def test_no_schema_is_left_over() -> None:
    """Every document in the folder is one that is made."""
    ours = {f"{name}.json" for name in documents()}
    assert {path.name for path in FOLDER.glob("*.json")} == ours


def test_unknown_words_are_valid() -> None:
    """The schema of a vocabulary allows words of other versions, as the readers do."""
    outcome = documents()["event.v1"]["$defs"]["Outcome"]
    assert {"type": "string"} in outcome["anyOf"]
    assert "success" in json.dumps(outcome)
