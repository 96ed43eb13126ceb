"""Schemas: the JSON Schema of every kind of event, made from the types."""

from typing import Any

import msgspec

from taximeter import event, vocabulary

_TYPES: dict[str, Any] = {
    "event": event.Event,
    "task_completion_event": event.TaskCompletionEvent,
    "call_started_event": event.CallStartedEvent,
    "call_finished_event": event.CallFinishedEvent,
    "call_failed_event": event.CallFailedEvent,
    "run_started_event": event.RunStartedEvent,
    "run_finished_event": event.RunFinishedEvent,
    "call_content_event": event.CallContentEvent,
    "call_content_payload": event.CallContentPayload,
    "call_started_payload": event.CallStartedPayload,
    "call_finished_payload": event.CallFinishedPayload,
    "call_failed_payload": event.CallFailedPayload,
    "run_started_payload": event.RunStartedPayload,
    "run_finished_payload": event.RunFinishedPayload,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema (draft 2020-12) of each kind, by `name.vN`; readers accept unknown fields and words."""
    return {f"{name}.v{event.SCHEMA_VERSION}": _schema(kind) for name, kind in _TYPES.items()}


def _schema(kind: Any) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    if "$defs" in schema:
        schema["$defs"] = open_vocabularies(schema["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def open_vocabularies(definitions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the definitions, with vocabularies that allow words of other versions beside the known ones."""
    return {
        name: _open(definition) if name in _VOCABULARIES else definition
        for name, definition in definitions.items()
    }


_VOCABULARIES = {kind.__name__ for kind in vocabulary.Vocabulary.__subclasses__()}


def _open(definition: dict[str, Any]) -> dict[str, Any]:
    known = {"enum": definition.pop("enum")}
    return {**definition, "anyOf": [known, {"type": "string"}]}


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
