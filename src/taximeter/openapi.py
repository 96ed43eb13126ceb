"""OpenAPI: the contract between the HTTP sink and a server, in the form that other tools read, made from the types."""

from typing import Any

import msgspec

from taximeter.event import EVENT_TYPES, SCHEMA_VERSION
from taximeter.http_contract import (
    BATCH_PATH,
    HEALTH_PATH,
    LOSSES_PATH,
    BatchResult,
    EventBatch,
    Health,
    LossesNoted,
    LossReport,
    Problem,
)
from taximeter.schema import open_vocabularies, schemas

_TYPES = (EventBatch, BatchResult, LossReport, LossesNoted, Problem, Health)
_JSON = "application/json"

_REFUSALS = {
    "400": "The body is no JSON, or not the gzip it says it is.",
    "401": "The request shows no valid token.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "415": "The body is of a kind that is not read here.",
    "422": "The body is JSON of another shape.",
    "503": "The server is busy, or cannot store.",
}
_OF_A_BATCH = {
    **dict.fromkeys(("400", "413", "422"), "The sink tries halves of the batch."),
    **dict.fromkeys(("408", "503"), "The sink tries again."),
    "401": "The sink keeps its events and asks again now and then.",
}
"""What becomes of a batch that is refused so."""
_HEADERS = {
    "401": {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    "503": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}},
}


def documents() -> dict[str, dict[str, Any]]:
    """Return all that is in schemas/, by `name.vN`: the JSON Schemas of events, and the OpenAPI document."""
    return {**schemas(), f"openapi.v{SCHEMA_VERSION}": openapi()}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the contract."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "taximeter events",
            "version": str(SCHEMA_VERSION),
            "description": "What the HTTP sink of taximeter sends, and what a server answers.",
        },
        "paths": {
            BATCH_PATH: {"post": _batch_post()},
            LOSSES_PATH: {"post": _losses_post()},
            HEALTH_PATH: {"get": _health_get()},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas() -> dict[str, dict[str, Any]]:
    _, components = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    for kind in EVENT_TYPES:  # which make an id where there is none, when they are read back
        components[kind.__name__]["required"].append("event_id")
    return open_vocabularies(components)


def _batch_post() -> dict[str, Any]:
    return {
        "operationId": "postEventBatch",
        "summary": "Store a batch of events. An event whose id is there already adds nothing.",
        "security": [{"token": []}],
        "parameters": [
            _header("Idempotency-Key", "The same for the same events in the same order.", required=True),
            _header("Content-Encoding", "How the body is packed; not at all without it.", enum=["gzip"]),
        ],
        "requestBody": {"required": True, "content": _content(EventBatch)},
        "responses": {
            "200": {
                "description": "Every event is stored, was there before, or is rejected for good.",
                "content": _content(BatchResult),
            },
            **{status: _refusal(status, _OF_A_BATCH.get(status)) for status in _REFUSALS},
        },
    }


def _losses_post() -> dict[str, Any]:
    return {
        "operationId": "postLosses",
        "summary": "Keep how many events of a source will never come. Counts that were told before add nothing.",
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": _content(LossReport)},
        "responses": {
            "200": {"description": "They are stored.", "content": _content(LossesNoted)},
            "404": {"description": "The server has no room for them. The sink does not ask again."},
            **{status: _refusal(status) for status in _REFUSALS},
        },
    }


def _health_get() -> dict[str, Any]:
    return {
        "operationId": "getHealth",
        "summary": "Say whether the server takes requests.",
        "security": [],
        "responses": {"200": {"description": "It does.", "content": _content(Health)}},
    }


def _header(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _refusal(status: str, consequence: str | None = None) -> dict[str, Any]:
    description = " ".join(filter(None, (_REFUSALS[status], consequence)))
    refusal: dict[str, Any] = {"description": description, "content": _content(Problem)}
    return {**refusal, "headers": _HEADERS[status]} if status in _HEADERS else refusal


def _content(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {_JSON: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
