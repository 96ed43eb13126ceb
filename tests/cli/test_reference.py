"""The reference page and the commands agree."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from taximeter.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, each in below.items():
        yield from leaves(each, f"{path} {name}")


COMMANDS = dict(leaves(get_command(app), "taximeter"))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_described(path: str) -> None:
    """A command nobody wrote about is as good as missing."""
    section = PAGE.partition(f"\n## {path.split()[1]}\n")[2].partition("\n## ")[0]
    assert path in section
    common = PAGE.partition("**Options that several commands have**")[2].partition("\n## ")[0]
    for parameter in COMMANDS[path].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("-") and option not in {"--help", "-h"}:
                assert f"`{option}" in section + common or f"[{option}" in section, option


def test_no_command_is_described_that_is_not_there() -> None:
    """The page promises nothing that would answer "no such command"."""
    described = re.findall(r"^(taximeter(?: [a-z]+)+)", PAGE, re.MULTILINE)
    assert set(described) == set(COMMANDS)
