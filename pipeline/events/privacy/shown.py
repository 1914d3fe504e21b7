"""A record that could not be read, fit to be shown: masked as an event would be, as far as it has the form of one."""

import json
from typing import Any

from gapwatch.pipeline.events.privacy.attributes import masked_name, masked_text, masked_value
from gapwatch.pipeline.events.privacy.identifiers import Naming, masked_identifier
from gapwatch.pipeline.events.privacy.regions import masked_region
from gapwatch.pipeline.events.privacy.telling_names import told_by
from gapwatch.pipeline.events.privacy.turns import masked_turns

_IDENTIFIERS: dict[str, Naming] = {
    "event_id": "record",
    "customer_id": "person",
    "order_id": "record",
    "product_id": "product",
    "conversation_id": "record",
    "agent_id": "person",
}


def shown_record(value: str) -> str:
    """The text of a record without personal data, on one line where it is JSON. Never raises for what it says."""
    try:
        record = json.loads(value)
    except (ValueError, RecursionError):
        return masked_text(_encodable(value), None)
    if not isinstance(record, dict):
        return _as_text(record)
    shown = {name: _member(name, held) for name, held in record.items()}
    return (
        "{"
        + ", ".join(f"{json.dumps(masked_name(_encodable(n)), ensure_ascii=False)}: {v}" for n, v in shown.items())
        + "}"
    )


def shown_key(key: str) -> str:
    """The key of a record, which is an identifier."""
    return masked_identifier(_encodable(key), "record")


def _member(name: str, held: Any) -> str:
    if isinstance(held, str):
        held = _encodable(held)
        if name in _IDENTIFIERS:
            return _json(masked_identifier(held, _IDENTIFIERS[name]))
        if name == "region":
            return _json(masked_region(held))
        return _json(masked_value(held, told_by(name)))
    if name == "turns" and _are_turns(held):
        texts = masked_turns([(str(turn["role"]), _encodable(turn["text"])) for turn in held])
        return _as_text([turn | {"text": text} for turn, text in zip(held, texts, strict=True)])
    return masked_value(_json(held), told_by(name)) if isinstance(held, dict | list) else _number(held, name)


def _are_turns(held: Any) -> bool:
    return isinstance(held, list) and all(
        isinstance(turn, dict) and isinstance(turn.get("text"), str) and "role" in turn for turn in held
    )


def _number(held: Any, name: str) -> str:
    written = _json(held)
    masked = masked_text(written, told_by(name)) if isinstance(held, int | float) else written
    return written if masked == written else _json(masked)


def _as_text(held: Any) -> str:
    return masked_value(_encodable(_json(held)), None)


def _json(held: Any) -> str:
    return json.dumps(held, ensure_ascii=False)


def _encodable(text: str) -> str:
    """Half a surrogate pair is no character."""
    return text.encode("utf-8", "replace").decode()
