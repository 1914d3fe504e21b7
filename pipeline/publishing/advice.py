"""What the publisher of a file can do about a row that was refused."""

from collections.abc import Mapping

import msgspec

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.json_files import parts_of
from gapwatch.pipeline.publishing.files.shape import Row, required_fields
from gapwatch.pipeline.publishing.publisher import InvalidEventError
from gapwatch.pipeline.words.catalogue import gettext_noop, message
from gapwatch.schemas.events import EventType

_MOST_ATTRIBUTES = 100
_CONNECT = gettext_noop(
    "a record of Kafka Connect with its schema: the event is its payload. Set value.converter.schemas.enable=false, "
    "or unwrap it: jq -c .payload"
)
_DEBEZIUM = gettext_noop(
    "a change that Debezium tells: the event is what stands after. Use the transform ExtractNewRecordState, or unwrap "
    "it: jq -c '.payload? // . | .after // empty'"
)
_REGISTRY = gettext_noop(
    "a record in the wire format of a schema registry: five bytes and then the value. Consume it with the "
    "deserializer of that registry, and publish plain JSON"
)


def advice(event_type: EventType, row: Row, refused: Rejected | InvalidEventError) -> str:
    """The detail of a refusal with what to do about it."""
    parts = parts_of(row.value.decode("utf-8", "surrogateescape")) or {}
    if wrapped := _envelope(row.text, parts):
        return message(wrapped)
    if refused.reason is Reason.MISSING_FIELD and row.fault is None and refused.detail.count(".") == 1:
        return _missing(event_type, parts)
    if refused.reason is Reason.TOO_LONG and refused.detail.startswith("$.attributes"):
        return message(
            "{detail}; each column that is no field is an attribute, of at most {most} characters, and an event has at "
            "most {count}. Leave columns out with --leave-out COLUMN",
            detail=refused.detail,
            most="10,000",
            count=_MOST_ATTRIBUTES,
        )
    if refused.reason in {Reason.NOT_UTF8, Reason.NOT_JSON} and not row.text.isascii():
        return message("{detail}; if the file is in another encoding, name it with --encoding", detail=refused.detail)
    return refused.detail


def _envelope(text: str, parts: Mapping[str, msgspec.Raw]) -> str:
    """What wraps an event on its way, known by fields of its own; empty where nothing does."""
    if text.startswith("\0"):
        return _REGISTRY
    is_connect = parts.keys() >= {"schema", "payload"}
    inner = parts_of(bytes(parts["payload"]).decode("utf-8", "surrogateescape")) if is_connect else parts
    if inner and inner.keys() >= {"op", "after"}:
        return _DEBEZIUM
    return _CONNECT if is_connect else ""


def _missing(event_type: EventType, parts: Mapping[str, msgspec.Raw]) -> str:
    return message(
        "{missing} missing; the row has {fields}. Use --map FIELD=COLUMN or --set FIELD=VALUE",
        missing=", ".join(sorted(required_fields(event_type) - parts.keys())),
        fields=", ".join(parts),
    )
