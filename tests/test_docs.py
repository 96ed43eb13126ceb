"""The documentation is run: every Python block, and every `taximeter` command of README and tutorial."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDED = [ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-receipt.md"]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, without the indentation of a list they may stand in."""
    found = re.finditer(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{match[1]}", "", match[2], flags=re.MULTILINE) for match in found]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


PYTHON = [
    pytest.param(code, id=f"{name(p)}-{n}") for p in PAGES for n, code in enumerate(blocks(p, "python"))
]

TESTS = [each for each in PYTHON if "\ndef test_" in str(each.values[0])]
BEFORE = [
    pytest.param(code, id=f"{name(p)}-before-{n}")
    for p in PAGES
    for n, code in enumerate(blocks(p, "python before"))
]


@pytest.fixture(scope="module")
def providers() -> Iterator[dict[str, str]]:
    """Yield the environment of a program whose providers are on loopback."""
    path = ROOT / "examples" / "demo" / "server.py"
    spec = importlib.util.spec_from_file_location("demo_server", path)
    assert spec is not None
    assert spec.loader is not None
    server: Any = importlib.util.module_from_spec(spec)
    sys.modules["demo_server"] = server
    spec.loader.exec_module(server)
    with server.DemoServer() as running:
        yield {
            **{key: value for key, value in os.environ.items() if not key.startswith("TAXIMETER_")},
            "OPENAI_BASE_URL": f"{running.url}/v1",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_BASE_URL": running.url,
            "ANTHROPIC_API_KEY": "none",
            "OLLAMA_HOST": running.url,
            "GEMINI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": running.url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("code", [each for each in PYTHON if each not in TESTS])
def test_python_blocks_run(code: str, tmp_path: Path, providers: dict[str, str]) -> None:
    """Each block runs by itself, warnings being errors, in an empty folder."""
    (tmp_path / "block.py").write_text(code)
    run([sys.executable, "-W", "error", "block.py"], tmp_path, providers)


@pytest.mark.parametrize("code", BEFORE)
def test_code_of_those_who_move_here_runs(code: str, tmp_path: Path, providers: dict[str, str]) -> None:
    """What a porting page calls `before` works with what it was written for."""
    (tmp_path / "block.py").write_text(code)
    stand_ins = {"PYTHONPATH": str(ROOT / "tests" / "stand_ins")}
    run([sys.executable, "-W", "error", "block.py"], tmp_path, {**providers, **stand_ins})


@pytest.mark.parametrize("code", TESTS)
def test_tests_pass(code: str, tmp_path: Path, providers: dict[str, str]) -> None:
    """A block that shows tests is run by pytest instead."""
    (tmp_path / "test_block.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-p", "taximeter.pytest_plugin", "-W", "error"]
    run(command, tmp_path, {**providers, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


@pytest.mark.parametrize("page", COMMANDED, ids=name)
def test_commands_run(page: Path, tmp_path: Path, providers: dict[str, str]) -> None:
    """The commands of a page work in the order they stand there, with the demo's program as app.py."""
    shutil.copy(ROOT / "examples" / "demo" / "app.py", tmp_path)
    commands = [
        line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("taximeter")
    ]
    assert commands
    for command in commands:
        run(shlex.split(command), tmp_path, providers)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of the documentation points at something that exists."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_the_readme_names_the_two_commands() -> None:
    """A user on a fresh machine finds `make demo` and `make test`, and the Makefile has them."""
    makefile = (ROOT / "Makefile").read_text()
    for task in ("demo", "test"):
        assert f"make {task}" in (ROOT / "README.md").read_text()
        assert f"\n{task}:" in makefile
