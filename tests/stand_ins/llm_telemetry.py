"""A telemetry context of calls as pipelines have it, so that the code of those who leave it can be run."""

import json
import time
from pathlib import Path
from typing import Any, Self
from uuid import uuid4


class TelemetryClient:
    """Keeps runs, as the service would."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}

    def create_run(self, run: dict[str, Any]) -> None:
        """Begin a run."""
        self.runs[run["event_id"]] = run

    def update_run(self, event_id: str, fields: dict[str, Any]) -> None:
        """End it."""
        self.runs[event_id].update(fields)


class LLMTelemetryContext:
    """Tells of one call, when it begins and when it ends."""

    def __init__(
        self,
        *,
        telemetry_client: TelemetryClient | None,
        event_log_path: Path | None,
        call_id: str,
        run_id: str,
        trace_id: str,
        parent_span_id: str,
        model: str,
        temperature: float,
        max_tokens: int,
        prompt_hash: str,
        evidence_path: str | None,
    ) -> None:
        self._client = telemetry_client
        self._log = event_log_path
        self._ids = {"run_id": run_id, "trace_id": trace_id, "parent_span_id": parent_span_id}
        self._payload = {
            "call_id": call_id,
            "model": model,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "prompt_hash": prompt_hash,
            "evidence_path": evidence_path,
        }
        self._event_id = str(uuid4())
        self._usage: dict[str, Any] | None = None

    def record_usage(self, usage: dict[str, Any]) -> None:
        """Keep what the provider counted."""
        self._usage = usage

    def __enter__(self) -> Self:
        self._began = time.time()
        if self._client:
            self._client.create_run({"event_id": self._event_id, "status": "running", **self._ids})
        self._write("LLM_CALL_STARTED", self._payload)
        return self

    def __exit__(self, *error: object) -> None:
        done = self._usage is not None and error[0] is None
        if self._client:
            self._client.update_run(self._event_id, {"status": "success" if done else "failure"})
        latency_ms = (time.time() - self._began) * 1000
        payload = {"call_id": self._payload["call_id"], "latency_ms": latency_ms, "token_usage": self._usage}
        self._write("LLM_CALL_FINISHED" if done else "LLM_CALL_FAILED", payload)

    def _write(self, kind: str, payload: dict[str, Any]) -> None:
        if self._log:
            with self._log.open("a") as log:
                log.write(json.dumps({"type": kind, "payload": payload, **self._ids}) + "\n")
