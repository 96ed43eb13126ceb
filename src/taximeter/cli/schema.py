"""`taximeter schema`: the JSON Schemas of events, and the OpenAPI document of the HTTP contract."""

import sys
from pathlib import Path

from taximeter.errors import ConfigurationError
from taximeter.openapi import documents
from taximeter.schema import schema_text


def schema(name: str | None, folder: Path | None) -> None:
    """Print the names of the schemas, print one, or write one or all into a folder.

    Raises:
        ConfigurationError: There is no schema of that name.
        OSError: The folder cannot be written to.
    """
    known = documents()
    if name is not None:
        known = {_full_name(name, known): known[_full_name(name, known)]}
    if folder is not None:
        _write(known, folder)
    elif name is None:
        sys.stdout.writelines(f"{each}\n" for each in known)
    else:
        sys.stdout.writelines(schema_text(each) for each in known.values())


def _full_name(name: str, known: dict[str, dict[str, object]]) -> str:
    """Return the name with its version, which may be left out."""
    for each in known:
        if name in {each, each.rpartition(".")[0]}:
            return each
    raise ConfigurationError("NAME", name, f"one of {', '.join(known)}")


def _write(known: dict[str, dict[str, object]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, each in known.items():
        path = folder / f"{name}.json"
        path.write_text(schema_text(each), encoding="utf-8")
        sys.stdout.write(f"{path}\n")
