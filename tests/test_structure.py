"""The shape of the project: imports point one way, the surface is what it says, importing is nearly free."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import taximeter

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "taximeter"

ORDER = [
    {"version", "errors", "vocabulary", "fork", "unforked"},
    {"identifier"},
    {"usage", "event", "trace_context", "wrapping", "foresight"},
    {"ambient_span"},
    {"http_contract"},
    {"schema"},
    {"openapi"},
    {"framing"},
    {"providers"},
    {"pricing"},
    {"inference", "scopes", "prices"},
    {"allowance"},
    {"builder", "observation", "sighting"},
    {"scrubber", "digest"},
    {"fault", "call_moments"},
    {"losses", "policy", "declaration", "private_file", "given_path", "sqlite_file"},
    {"queue", "receipt", "health"},
    {"alarm"},
    {"privacy"},
    {"said"},
    {"encoding"},
    {"sinks"},
    {"breaker", "dead_letters", "delivery", "courier", "redelivery", "lane", "outlet"},
    {"journal", "memory_outlet"},
    {"journal_outlet", "packer"},
    {"flusher", "flushes", "ending"},
    {"report"},
    {"tracker"},
    {"settings"},
    {"capture", "calls", "middleware"},
    {"runs", "stream_call"},
    {"streams"},
    {"recording", "store", "exports"},
    {"budget", "forecast"},
    {"testing"},
    {"pytest_plugin"},
    {"web"},
    {"cli", "__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the rooms that a file imports when it is loaded or run, type hints included."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            package, _, room = name.partition(".")
            if package == "taximeter" and room:
                yield room.partition(".")[0]


FILES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    """A room imports only rooms that come before it on the way of an event; late imports are marked by their reason."""
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    assert room in RANK, f"{room} has no place in the order"
    above = {name for name in imports_of(path) if RANK[name] > RANK[room]}
    assert above <= COMPOSED_LATE.get(room, set())


COMPOSED_LATE = {"tracker": {"budget", "capture", "calls", "forecast", "streams"}}
"""What a room hands out but does not stand on: `tracker.meter` loads capture when it is called."""


def in_fresh_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout


HEAVY = ("httpx", "httpx2", "sqlite3", "aiofiles", "rich", "typer", "openai", "anthropic", "google", "ollama")


def test_importing_loads_nothing_heavy() -> None:
    """`import taximeter` loads no client library, no database, no SDK and no command line."""
    loaded = json.loads(
        in_fresh_python("import sys, json, taximeter; print(json.dumps(sorted(sys.modules)))")
    )
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


def test_importing_opens_nothing() -> None:
    """`import taximeter` opens no file but code, no socket, and starts no thread or process."""
    opened = json.loads(
        in_fresh_python(
            "import json, sys\n"
            "seen = []\n"
            "def hook(event, args):\n"
            "    if event == 'open' and not str(args[0]).endswith(('.py', '.pyc', '.so', '.pth')):\n"
            "        seen.append(str(args[0]))\n"
            "    elif event.startswith(('socket.', 'subprocess.', 'os.fork', '_thread.')):\n"
            "        seen.append(event)\n"
            "sys.addaudithook(hook)\n"
            "import taximeter\n"
            "print(json.dumps(seen))"
        )
    )
    assert opened == []


def test_tracking_types_load_without_a_client_library() -> None:
    """Building and tracking events needs neither httpx nor sqlite3 until a sink asks for them."""
    code = (
        "import sys, json, taximeter\n"
        "tracker = taximeter.start('memory:')\n"
        "tracker.track_task_completion(tracker.events.build(provider='openai', model='gpt-4o'))\n"
        "tracker.close()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert not {name.partition(".")[0] for name in json.loads(in_fresh_python(code))} & set(HEAVY)


@pytest.mark.parametrize("name", taximeter.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """What `__all__` lists can be had, has a docstring, and shows in `dir`."""
    value = getattr(taximeter, name)
    assert name in dir(taximeter)
    assert name == "__version__" or getattr(value, "__doc__", None)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typing mistake reads as one."""
    with pytest.raises(AttributeError, match="trakcer"):
        taximeter.trakcer  # noqa: B018 - looking is the test


def test_the_static_and_the_lazy_names_agree() -> None:
    """What type checkers see is what is loaded when asked."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    static = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "taximeter"
        for alias in node.names
    }
    assert static - {None} | {"__version__"} == set(taximeter.__all__)


@pytest.mark.parametrize(
    ("page", "tool"),
    [
        ("events", "event_reference"),
        ("clients", "clients_reference"),
        ("configuration", "settings_reference"),
        ("focus", "focus_reference"),
    ],
)
def test_written_references_are_up_to_date(page: str, tool: str) -> None:
    """The pages of the event's fields, of the clients, of the settings and of FOCUS are what their tools write today."""
    written = subprocess.run(
        [sys.executable, f"tools/{tool}.py"], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    assert (ROOT / "docs" / "reference" / f"{page}.md").read_text() == written
