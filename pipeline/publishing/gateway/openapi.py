"""The gateway described as OpenAPI 3.1, from the schemas that describe the events everywhere else."""

from functools import cache
from http import HTTPStatus
from typing import Any

from gapwatch.pipeline.publishing.gateway.batches import JSON, LINES, MAX_EVENTS
from gapwatch.schemas.events import CONTRACT_VERSION, EVENT_TYPES, EventType
from gapwatch.schemas.examples import EXAMPLES
from gapwatch.schemas.generate import components

_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before sending again."}}
_ERRORS: dict[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "No API key, or one that is not valid.",
    HTTPStatus.NOT_FOUND: "No such path.",
    HTTPStatus.REQUEST_TIMEOUT: "The body arrived too slowly.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body is too large, or holds more than {MAX_EVENTS:,} events.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Another Content-Type or Content-Encoding.",
    HTTPStatus.TOO_MANY_REQUESTS: "This key has sent more than it may.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too large.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Kafka did not acknowledge the events; none counts as accepted.",
}
_RESULTS: dict[HTTPStatus, str] = {
    HTTPStatus.ACCEPTED: "Kafka has acknowledged every event.",
    HTTPStatus.MULTI_STATUS: "Kafka has acknowledged the good events; `refused` names the others.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Every event was refused.",
}
_EITHER: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The body is no JSON of events.",
    HTTPStatus.FORBIDDEN: "This key may not publish this type, or no event was of a channel that it may.",
}
_AGAIN = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    paths = {f"/v1/events/{event_type}": {"post": _publish(event_type)} for event_type in EVENT_TYPES}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gapwatch gateway",
            "version": f"{CONTRACT_VERSION}.0.0",
            "description": "Publishes events for channels that speak no Kafka. Sending an event again doubles nothing: "
            "records of one type, channel, customer and event_id are one event.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "security": [{"key": []}],
        "paths": paths | {"/v1/webhooks/{name}": {"post": _webhook()}} | _own_paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "schemas": components("#/components/schemas/{name}", *EVENT_TYPES) | {"Result": _RESULT, "Error": _ERROR},
        },
    }


def _publish(event_type: EventType) -> dict[str, Any]:
    event = {"$ref": f"#/components/schemas/{EVENT_TYPES[event_type].__name__}"}
    examples = {name: {"value": example} for name, example in EXAMPLES[event_type].items()}
    many = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_EVENTS}
    return {
        "operationId": f"publish_{event_type}",
        "summary": f"Publish one {event_type} event or up to {MAX_EVENTS:,}.",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"anyOf": [event, many]}, "examples": examples},
                LINES: {"schema": {"type": "string", "description": "One JSON object a line."}},
            },
        },
        "responses": _responses(),
    }


def _webhook() -> dict[str, Any]:
    answers = _responses()
    result = answers[str(HTTPStatus.ACCEPTED.value)]["content"]
    answers[str(HTTPStatus.OK.value)] = {
        "description": "The webhook tells of something that is no event.",
        "content": result,
    }
    return {
        "operationId": "receive_webhook",
        "summary": "Receive what another program tells, as it is configured.",
        "description": "Known by its signature: HMAC-SHA256 of the body.",
        "security": [],
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {JSON: {"schema": {"type": ["object", "array"]}}}},
        "responses": answers,
    }


def _responses() -> dict[str, Any]:
    result, error = ({"$ref": f"#/components/schemas/{name}"} for name in ("Result", "Error"))
    answers = [
        *((status, meaning, result) for status, meaning in _RESULTS.items()),
        *((status, meaning, {"anyOf": [error, result]}) for status, meaning in _EITHER.items()),
        *((status, meaning, error) for status, meaning in _ERRORS.items()),
    ]
    return {
        str(status.value): {
            "description": meaning,
            "content": {JSON: {"schema": schema}},
            **({"headers": _RETRY} if status in _AGAIN else {}),
        }
        for status, meaning, schema in sorted(answers, key=lambda answer: answer[0])
    }


def _own_paths() -> dict[str, Any]:
    told = {
        "/v1/openapi.json": ("This document.", JSON),
        "/health/live": ("Whether the process answers.", JSON),
        "/health/ready": ("Whether Kafka takes records; 503 when it does not.", JSON),
        "/metrics": ("Metrics for Prometheus.", "text/plain"),
    }
    return {path: {"get": _own(path, summary, media)} for path, (summary, media) in told.items()}


def _own(path: str, summary: str, media: str) -> dict[str, Any]:
    answers = {"200": {"description": summary, "content": {media: {}}}}
    if path == "/health/ready":
        answers["503"] = {"description": "Kafka does not answer.", "content": {JSON: {}}}
    return {"summary": summary, "security": [], "responses": answers}


_RESULT = {
    "type": "object",
    "required": ["accepted", "refused"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0, "description": "Events that Kafka has acknowledged."},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason", "detail"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0, "description": "Its place in the request, from 0."},
                    "reason": {"type": "string", "description": "As in the reference of dead letters."},
                    "field": {"type": "string", "description": "The field, as a path from `$`, where it is known."},
                    "detail": {"type": "string"},
                },
            },
        },
        "passed_over": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of a webhook: why objects are no events.",
        },
    },
}
_ERROR = {
    "type": "object",
    "required": ["error", "detail"],
    "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
}
