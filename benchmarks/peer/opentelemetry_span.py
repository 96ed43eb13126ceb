"""OpenTelemetry's spans through `BatchSpanProcessor` and OTLP over HTTP, all at their defaults."""

from collections.abc import Callable

from course import Record, run
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Export to a collector's address."""
    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{target}/v1/traces")))
    tracer = provider.get_tracer("bench")

    def record(content: dict[str, object]) -> None:
        with tracer.start_as_current_span("chat gpt-4o-mini") as span:
            span.set_attributes(content)  # type: ignore[arg-type, unused-ignore]  # where the SDK is installed: a dict of its values is no Mapping of them

    return record, provider.shutdown


if __name__ == "__main__":
    run(open_peer)
