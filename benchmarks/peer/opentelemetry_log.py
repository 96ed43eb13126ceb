"""OpenTelemetry's log records through `BatchLogRecordProcessor` and OTLP over HTTP, all at their defaults."""

from collections.abc import Callable
from time import time_ns

from course import Record, run
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource


def open_peer(target: str) -> tuple[Record, Callable[[], object]]:
    """Export to a collector's address."""
    provider = LoggerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{target}/v1/logs")))
    logger = provider.get_logger("bench")

    def record(content: dict[str, object]) -> None:
        logger.emit(
            LogRecord(
                timestamp=time_ns(),
                severity_number=SeverityNumber.INFO,
                body="call",
                attributes=content,  # type: ignore[arg-type, unused-ignore]  # as in `opentelemetry_span`
            )
        )

    return record, provider.shutdown


if __name__ == "__main__":
    run(open_peer)
