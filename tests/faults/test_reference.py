"""The page that names faults and their tests names what is there."""

import re
from pathlib import Path

from faults.__main__ import FAULTS
from faults.mutations import MUTATIONS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "reference" / "faults.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed or removed takes its line along."""
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in named if not _is_there(path, name)]
    assert missing == []


def test_every_row_of_the_table_is_explained() -> None:
    """And none that is not there."""
    section = PAGE.partition("## The table")[2].partition("## Seen elsewhere")[0]
    rows = [
        line.partition("|")[2].partition("|")[0] for line in section.splitlines() if line.startswith("| `")
    ]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == FAULTS.keys()


def test_every_mutation_fits_the_source() -> None:
    """The guard is where it is taken away, and the test that misses it exists."""
    for mutation in MUTATIONS:
        assert mutation.old in (ROOT / "src" / mutation.path).read_text(), mutation.guard
        path, _, name = mutation.test.partition("::")
        assert _is_there(path, name.partition("[")[0]), mutation.test


def _is_there(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and bool(
        re.search(rf"^(async def|def|class) {name}\b|^{name} =", file.read_text(), re.MULTILINE)
    )
