"""Writes docs/reference/events.md from the event types: `python tools/event_reference.py > docs/reference/events.md`."""

import ast
import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from taximeter import event, vocabulary

_HEAD = """# The event

Written by `tools/event_reference.py` from the types; the JSON Schemas are in [`schemas/`](../../schemas).

One line of NDJSON is one event, told apart by `type`. Fields at their default are left out, except those every line
must have. Null means unknown, never zero. Unknown fields and words of other versions are accepted and, the words, kept.
"""


def main() -> None:
    """Print the page."""
    print(_HEAD)
    for kind in event.EVENT_TYPES:
        print("\n".join(_section(kind)))
    print("## Vocabularies\n")
    print("\n".join(_words()))


def _section(kind: Any) -> Iterator[str]:
    summary = inspect.cleandoc(kind.__doc__).replace("\n\n", " ").replace("\n", " ")
    yield from (
        f"## `{kind.__struct_config__.tag}`\n",
        summary + "\n",
        "| field | type | meaning |",
        "|---|---|---|",
    )
    meanings = _meanings(kind)
    for field in msgspec.structs.fields(kind):
        yield f"| `{field.name}` | {_type_text(field.type)} | {meanings.get(field.name, '')} |"
    yield ""


def _meanings(kind: Any) -> dict[str, str]:
    """Return the text under each field of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__ == event.__name__:
            found.update(_docstrings(ast.parse(inspect.getsource(base)).body[0]))
    return found


def _docstrings(source: ast.stmt) -> Iterator[tuple[str, str]]:
    body = source.body if isinstance(source, ast.ClassDef) else []
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield field.target.id, " ".join(value.value.split())


def _type_text(kind: Any) -> str:
    text = (
        getattr(kind, "__name__", None)
        if isinstance(kind, type) and not hasattr(kind, "__args__")
        else str(kind)
    )
    return (
        (text or "")
        .replace("taximeter.vocabulary.", "")
        .replace("taximeter.event.", "")
        .replace("typing.", "")
        .replace(" | ", " or ")
        .replace("None", "null")
    )


def _words() -> Iterator[str]:
    for kind in vocabulary.Vocabulary.__subclasses__():
        yield f"- **{kind.__name__}**: " + ", ".join(f"`{word.value}`" for word in kind)


if __name__ == "__main__":
    main()
