"""OpenTelemetry's span is found where there is one, and nothing comes of it where there is none."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace

from taximeter.ambient_span import ambient_span
from taximeter.trace_context import SpanContext


def test_the_current_span_is_told_as_w3c_writes_it() -> None:
    """Ids in hex of full length, flags in two digits."""
    context = trace.SpanContext(0xA, 0xB, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert ambient_span() == SpanContext("0" * 31 + "a", "0" * 15 + "b", "01")
    assert ambient_span() is None


@pytest.mark.parametrize("module", [SimpleNamespace(), SimpleNamespace(get_current_span=lambda: None), None])
def test_a_library_that_is_built_differently_has_none(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half imported, of another version, or blocked."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert ambient_span() is None


def test_it_is_not_imported_for_this() -> None:
    """A program without OpenTelemetry stays without."""
    code = "import sys, taximeter; taximeter.current_scope(); print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
