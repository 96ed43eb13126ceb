"""Files of lines are read one line at a time, and none fills the memory."""

import gzip
from pathlib import Path

import pytest

from taximeter.store.line_file import LineFile


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_end_is_cut(tmp_path: Path, packed: bool) -> None:
    """What follows it is read as ever, under its own number."""
    path = tmp_path / "lines"
    body = b"short\n" + b"x" * 5000 + b"\n" + b"y" * 16 + b"\nlast"
    path.write_bytes(gzip.compress(body) if packed else body)
    with LineFile(path, longest_line_bytes=16) as lines:
        assert [(lines.line_number, line) for line in lines] == [
            (1, b"short\n"),
            (2, b"x" * 16),
            (3, b"y" * 16),
            (4, b"last"),
        ]
