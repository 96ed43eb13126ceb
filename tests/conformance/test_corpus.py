"""Recorded traffic of many providers is read as expected, whole and in pieces."""

from collections.abc import Mapping
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from taximeter.providers import Reading

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus" / "dev.jsonl.gz"


def _tool() -> ModuleType:
    spec = spec_from_file_location("conformance_table", ROOT / "tools" / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are not part of the project")

ARGUED = 6
"""Records where we believe the provider rather than the expectation; docs/reference/wire-formats.md says why."""


@cache
def records() -> list[Mapping[str, Any]]:
    return [record for record in TOOL.load(CORPUS) if TOOL.is_scored(record)]


def test_recordings_are_read_as_expected() -> None:
    """Every scored field of every record is right, but for the few that the docs argue about."""
    wrong = {}
    for record in records():
        endpoint = TOOL.endpoint_of(record)
        if TOOL.is_inference(record):
            assert endpoint is not None, record["url"]
            if deviating := TOOL.deviations(record, TOOL.read(record, endpoint)):
                wrong[record["id"]] = deviating
    assert len(wrong) <= ARGUED, wrong


def test_other_calls_are_left_alone() -> None:
    """Token counts, moderation, files and model lists make no event."""
    others = [record for record in records() if not TOOL.is_inference(record)]
    assert [record["url"] for record in others if TOOL.endpoint_of(record) is not None] == []


def test_recorded_streams_may_be_cut_at_odd_places() -> None:
    """Chunks of 1, 7 and 4093 bytes give the facts of the whole."""
    for record in (record for record in records() if record["streaming"] and TOOL.is_inference(record)):
        endpoint, body = TOOL.endpoint_of(record), TOOL.body_of(record)
        assert endpoint is not None
        whole = TOOL.read(record, endpoint)
        for size in (1, 7, 4093) if len(body) < 50_000 else (4093,):
            reading = Reading(endpoint, record["request"])
            reading.respond(record["status"], record["response_headers"])
            for start in range(0, len(body), size):
                reading.feed(body[start : start + size])
            assert reading.finish() == whole, record["id"]
