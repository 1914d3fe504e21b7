"""Writes what follows from the types: JSON Schema, AsyncAPI, and the tables of the reference.

python -m gapwatch.schemas.generate
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gapwatch.schemas.dead_letters import HEADERS, MEANING
from gapwatch.schemas.events import (
    CONTRACT_VERSION,
    EVENT_TYPES,
    Event,
    EventType,
    Turn,
    dead_letter_topic_of,
    topic_of,
)
from gapwatch.schemas.examples import EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KEY = "event_id: the versions of an event keep their order."
_KAFKA_BINDING = "0.5.0"


def documents() -> dict[Path, str]:
    """Every generated file and what it holds."""
    made = {ROOT / "schemas" / f"{name}.schema.json": _json(json_schema(name)) for name in EVENT_TYPES}
    made[ROOT / "schemas" / "asyncapi.json"] = _json(asyncapi())
    for page in ("events", "dead-letters"):
        path = ROOT / "docs" / "reference" / f"{page}.md"
        made[path] = with_tables(path.read_text(encoding="utf-8"))
    return made


def json_schema(event_type: EventType) -> dict[str, Any]:
    """The contract of one event type as a JSON Schema document."""
    schemas = components("#/$defs/{name}", event_type)
    schema: dict[str, Any] = schemas.pop(EVENT_TYPES[event_type].__name__)
    head = {"$schema": DIALECT, "$id": f"urn:gapwatch:{event_type}:{CONTRACT_VERSION}"}
    return head | schema | {"$defs": schemas, "examples": list(EXAMPLES[event_type].values())}


def components(template: str, *event_types: EventType) -> dict[str, Any]:
    """The schemas of event types by the names of their classes; they refer to each other by `template`."""
    _, schemas = msgspec.json.schema_components([EVENT_TYPES[name] for name in event_types], ref_template=template)
    for name in event_types:
        # Unknown fields of an event are kept as attributes; those of a turn are refused.
        schemas[EVENT_TYPES[name].__name__]["additionalProperties"] = True
    if "Feedback" in schemas:
        schemas["Feedback"]["anyOf"] = [
            {"properties": {"text": {"pattern": r"\S"}}},
            {"properties": {"rating": {"type": "integer"}}, "required": ["rating"]},
        ]
    return schemas


def asyncapi() -> dict[str, Any]:
    """The topics as gapwatch uses them: it receives events and sends dead letters."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gapwatch",
            "version": f"{CONTRACT_VERSION}.0.0",
            "description": "Customer feedback, complaints and chats, published by the channels and read by gapwatch.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: channel for event_type in EVENT_TYPES for name, channel in _channels(event_type)},
        "operations": {name: operation for event_type in EVENT_TYPES for name, operation in _operations(event_type)},
        "components": {
            "messages": {name: _message(name) for name in EVENT_TYPES} | {"deadLetter": _dead_letter()},
            "schemas": components("#/components/schemas/{name}", *EVENT_TYPES),
        },
    }


def _channels(event_type: EventType) -> Iterator[tuple[str, dict[str, Any]]]:
    topic = topic_of(event_type)
    yield event_type, _channel(topic, event_type)
    yield f"{event_type}DeadLetter", _channel(dead_letter_topic_of(topic), "deadLetter")


def _channel(topic: str, message: str) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": _KAFKA_BINDING}},
    }


def _operations(event_type: EventType) -> Iterator[tuple[str, dict[str, Any]]]:
    title = event_type.title()
    yield f"receive{title}", _operation("receive", event_type, event_type)
    yield f"send{title}DeadLetter", _operation("send", f"{event_type}DeadLetter", "deadLetter")


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _message(event_type: EventType) -> dict[str, Any]:
    kind = EVENT_TYPES[event_type]
    return {
        "name": event_type,
        "title": kind.__name__,
        "summary": kind.__doc__,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": _KEY},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "examples": [{"name": name, "payload": example} for name, example in EXAMPLES[event_type].items()],
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": "deadLetter",
        "title": "Dead letter",
        "summary": "A record that could not be processed: its own key and bytes, and why in the headers.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": meaning} for name, meaning in HEADERS.items()}
            | {
                "gapwatch.reason": {
                    "type": "string",
                    "description": HEADERS["gapwatch.reason"],
                    "enum": [reason.value for reason in MEANING],
                }
            },
            "required": list(HEADERS),
        },
    }


def with_tables(page: str) -> str:
    """The page with the text between `<!-- table NAME -->` and `<!-- end -->` made anew."""

    def anew(found: re.Match[str]) -> str:
        return f"<!-- table {found[1]} -->\n{_TABLES[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", anew, page, flags=re.DOTALL)


def _table(*rows: tuple[str, ...]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _fields(kind: type[msgspec.Struct], without: type[msgspec.Struct] | None = None) -> str:
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    left_out = set(without.__struct_fields__) if without else set()
    rows = [
        (f"`{name}`", "yes" if name in schema["required"] else "", _limits(field), field.get("description", ""))
        for name, field in schema["properties"].items()
        if name not in left_out
    ]
    return _table(("field", "required", "type", "meaning"), *rows)


def _limits(field: dict[str, Any]) -> str:
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    (kind,) = kinds
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    if kind.get("format") == "date-time":
        return "time"
    return _phrase(kind)


def _phrase(kind: dict[str, Any]) -> str:
    low, high = kind.get("minLength"), kind.get("maxLength")
    match kind["type"]:
        case "string":
            return f"text, {low} to {high} characters" if low else f"text, up to {high:,} characters"
        case "integer":
            return f"whole number, {kind['minimum']} to {kind['maximum']}"
        case "array":
            return f"list of turns, {kind['minItems']} to {kind['maxItems']:,}"
        case _:
            names, values = kind["propertyNames"], kind["additionalProperties"]
            return (
                f"object of texts, up to {kind['maxProperties']}; names up to {names['maxLength']}, "
                f"values up to {values['maxLength']:,} characters"
            )


def _examples(event_type: EventType) -> str:
    shown = [f"{name.capitalize()}:\n\n```json\n{_json(example)}```" for name, example in EXAMPLES[event_type].items()]
    return "\n\n".join(shown)


def _section(event_type: EventType) -> str:
    return f"{_fields(EVENT_TYPES[event_type], Event)}\n\n{_examples(event_type)}"


def _reasons() -> str:
    return _table(
        ("reason", "what is wrong", "what to do"), *((f"`{reason}`", *meaning) for reason, meaning in MEANING.items())
    )


def _headers() -> str:
    return _table(("header", "meaning"), *((f"`{name}`", meaning) for name, meaning in HEADERS.items()))


_TABLES: dict[str, Callable[[], str]] = {
    "event": partial(_fields, Event),
    "turn": partial(_fields, Turn),
    "reasons": _reasons,
    "headers": _headers,
    **{event_type: partial(_section, event_type) for event_type in EVENT_TYPES},
}


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
