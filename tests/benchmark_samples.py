"""The folder of the benchmarks, and an answer as one of its questions gives it."""

from pathlib import Path

from answer import Answer

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

FOUND = Answer(
    question="hot_path",
    asks="What?",
    run="2026-11-22T01:00:00Z",
    at="2026-11-22T01:05Z",
    seconds=30,
    taximeter="0.1.0",
    machine="Linux x86_64, 2 cores",
    load=0.4,
    versions={"python": "CPython 3.11.7"},
    figures={"track_x": 1.951, "track_ns": 114.6},
)
