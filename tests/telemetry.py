"""The orchestrator example's telemetry service, as the tests' own."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "examples" / "orchestrator"))

from telemetry_service import RUNS, TelemetryService

__all__ = ["RUNS", "TelemetryService"]
