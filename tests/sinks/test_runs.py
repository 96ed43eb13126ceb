"""The runs sink: calls and runs told to a telemetry service, each once and in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sink_doubles import batch
from taximeter.calls import call
from taximeter.errors import ConfigurationError
from taximeter.event import CallFinishedEvent, CallFinishedPayload, CallStartedEvent, TaskCompletionEvent
from taximeter.runs import run
from taximeter.sinks.protocol import Sink
from taximeter.sinks.refusal import AccessDenied, EventsRefused, PartTaken, TryLater
from taximeter.sinks.runs import RunsSink
from taximeter.sinks.table import sink_for
from taximeter.tracker import Tracker, start
from telemetry import RUNS, TelemetryService


@pytest.fixture
def service() -> Iterator[TelemetryService]:
    with TelemetryService() as running:
        yield running


@pytest.fixture
def tracker(service: TelemetryService) -> Iterator[Tracker]:
    with start(f"runs+{service.url}") as tracker:
        yield tracker


@pytest.fixture
def anyio_backend() -> str:
    """The flusher's loop is asyncio's, whatever the host uses."""
    return "asyncio"


def one(service: TelemetryService) -> dict[str, Any]:
    (found,) = service.runs.values()
    return found


def test_a_call_is_a_run_that_begins_and_ends(service: TelemetryService, tracker: Tracker) -> None:
    """Two requests, one run: what was asked at the begin, tokens and exact cost at the end."""
    with (
        run("nightly", run_id="r-1", agent="writer") as around,
        call(model="gpt-4o-mini", call_id="c-1", temperature=0.5, prompt="x", evidence_path="e.json") as it,
    ):
        it.record_usage({"prompt_tokens": 1, "completion_tokens": 2})
        it.note(finish_reasons=("stop",))
    assert tracker.flush().complete
    assert [method for method, _ in service.requests] == ["POST", "POST", "PATCH", "PATCH"]
    outer, inner = service.runs.values()
    assert (inner["run_id"], inner["parent_run_id"]) == ("r-1-llm-c-1", outer["run_id"])
    assert (inner["job_type"], inner["agent_name"], inner["status"]) == ("llm_call", "writer", "success")
    assert inner["start_time"] < inner["end_time"]
    assert inner["duration_ms"] > 0
    assert inner["metrics_json"] == {
        "input_tokens": 1,
        "output_tokens": 2,
        "total_tokens": 3,
        "finish_reason": "stop",
        "api_cost_usd": 0.00000135,
    }
    context = inner["context_json"]
    assert (context["trace_id"], context["parent_span_id"]) == (around.scope.trace_id, around.scope.span_id)
    assert context.keys() == {
        *("trace_id", "span_id", "parent_span_id", "call_id", "model", "temperature", "max_tokens"),
        *("prompt_hash", "evidence_path"),
    }
    assert (outer["job_type"], outer["status"], outer["metrics_json"]["calls"]) == ("nightly", "success", 1)
    assert outer["metrics_json"]["api_cost_usd"] == 0.00000135


def test_a_failed_call_is_a_failed_run(service: TelemetryService, tracker: Tracker) -> None:
    """With a summary of at most 500 characters."""
    with pytest.raises(ValueError, match="x"), call(keep_error_text=True):
        raise ValueError("x" * 900)
    assert tracker.flush().complete
    assert one(service)["status"] == "failure"
    assert one(service)["error_summary"] == "ValueError: " + "x" * 488
    assert "metrics_json" not in one(service)


def test_a_call_known_only_as_a_whole_is_a_run_too(service: TelemetryService, tracker: Tracker) -> None:
    """As metered clients make them."""
    event = tracker.events.build(provider="openai", model="gpt-4o", response={"prompt_tokens": 3})
    tracker.track_task_completion(event)
    tracker.track_task_completion(TaskCompletionEvent(outcome="failure", error_type="overloaded"))  # type: ignore[arg-type]  # a plain word
    assert tracker.flush().complete
    good, bad = service.runs.values()
    assert (good["event_id"], good["metrics_json"]["input_tokens"]) == (event.event_id, 3)
    assert (bad["status"], bad["error_summary"]) == ("failure", "overloaded")


@pytest.mark.parametrize("trouble", [500, 503, 429, 408])
def test_a_service_in_trouble_is_asked_again(
    service: TelemetryService, tracker: Tracker, trouble: int
) -> None:
    """What it has taken is not told twice, the order stays, and nothing is lost."""
    service.troubles = [
        200,
        trouble,
        trouble,
    ]  # the first is taken for granted, and so is found missing at the end
    with call(call_id="c"):
        pass
    assert tracker.flush().complete
    assert one(service)["status"] == "success"
    methods = [method for method, _ in service.requests]
    assert methods == ["POST", "PATCH", "PATCH", "PATCH", "POST", "PATCH"]


@pytest.mark.anyio
async def test_what_was_told_before_the_trouble_stays_told(service: TelemetryService) -> None:
    """And a batch that comes again as a whole, as after a crash, changes nothing."""
    events = [CallStartedEvent(span_id=f"{n:016x}", trace_id="t") for n in range(3)]
    service.troubles = [201, 422, 503]
    sink = RunsSink(service.url)
    with pytest.raises(PartTaken) as stopped:
        await sink.write(batch(*events))
    assert (stopped.value.count, stopped.value.refused) == (2, {1: "refused"})
    assert isinstance(stopped.value.cause, TryLater)
    await sink.write(batch(*events[2:]))
    assert len(service.requests) == 4
    await sink.aclose()
    fresh = RunsSink(service.url)
    await fresh.write(batch(*events))
    await fresh.aclose()
    assert len(service.runs) == 3


def test_a_service_that_fails_now_and_then_loses_nothing(service: TelemetryService) -> None:
    """However many requests a batch needs: one in four fails here."""
    service.troubles = [0, 0, 503, 0] * 50
    with start(f"runs+{service.url}", retry_budget_s=1.0, close_timeout_s=60.0) as tracker:
        for _ in range(40):
            with call(tracker=tracker):
                pass
    assert tracker.receipt().complete
    assert [run["status"] for run in service.runs.values()] == ["success"] * 40


@pytest.mark.anyio
async def test_what_the_service_will_never_take_is_refused_alone(service: TelemetryService) -> None:
    """One event; those around it are told."""
    sink = RunsSink(service.url)
    service.troubles = [201, 422, 201]
    with pytest.raises(EventsRefused) as refused:
        await sink.write(batch(*(CallStartedEvent() for _ in range(3))))
    assert refused.value.by_index == {1: "refused"}
    await sink.aclose()


@pytest.mark.anyio
async def test_the_end_of_an_unknown_run_begins_it(service: TelemetryService) -> None:
    """Its beginning was lost, or the service has forgotten it."""
    sink = RunsSink(service.url)
    payload = CallFinishedPayload(call_id="c", latency_ms=1000)
    await sink.write(batch(CallFinishedEvent(run_id="r", span_id="s", payload=payload)))
    assert (one(service)["run_id"], one(service)["status"]) == ("r-llm-c", "success")
    assert one(service)["start_time"] < one(service)["end_time"]
    await sink.aclose()


@pytest.mark.anyio
async def test_an_id_of_the_applications_own_stays_in_its_place(service: TelemetryService) -> None:
    """However it looks, it is one part of the path."""
    sink = RunsSink(service.url)
    with pytest.raises(EventsRefused):
        await sink.write(batch(TaskCompletionEvent(event_id="../../users?x#y ü")))
    assert service.requests[-1] == ("PATCH", f"{RUNS}/..%2F..%2Fusers%3Fx%23y%20%C3%BC")
    await sink.aclose()


@pytest.mark.anyio
async def test_a_token_opens_the_service_and_is_read_anew(tmp_path: Path) -> None:
    """From its file, when the service says no; a wrong one is said to be wrong."""
    (tmp_path / "token").write_text("old")
    with TelemetryService(token="new") as service:
        sink = RunsSink(service.url, token=tmp_path / "token")
        with pytest.raises(AccessDenied):
            await sink.write(batch(CallStartedEvent()))
        (tmp_path / "token").write_text("new")
        await sink.write(batch(CallStartedEvent()))
        assert len(service.runs) == 1
        await sink.aclose()


@pytest.mark.anyio
async def test_another_server_is_no_telemetry_service(service: TelemetryService) -> None:
    """Its 404 is a wrong address, which somebody has to mend; the events are kept until then."""
    sink = RunsSink(f"{service.url}/elsewhere")
    with pytest.raises(AccessDenied):
        await sink.write(batch(CallStartedEvent()))
    assert service.requests == [("POST", f"/elsewhere{RUNS}")]
    await sink.aclose()


def test_it_is_found_by_its_address() -> None:
    """With `runs+` before that of the service; its name is host and path."""
    sink: Sink = sink_for("runs+http://127.0.0.1:9/api")
    assert isinstance(sink, RunsSink)
    assert sink.name == "127.0.0.1:9/api"
    with pytest.raises(ConfigurationError, match="url"):
        sink_for("runs+https://user:password@host")


def test_nobody_waits_for_a_service_that_is_not_there() -> None:
    """The call goes on; its events are counted as lost once the budget is spent."""
    with start("runs+http://127.0.0.1:9", retry_budget_s=0.05) as tracker, call(tracker=tracker):
        pass
    assert sum(tracker.receipt().sinks["127.0.0.1:9"].dropped.values()) == 3
