"""What an event says, in the form in which it is stored: how a duplicate is told from a correction."""

from datetime import datetime
from hashlib import md5
from typing import Any

from gapwatch.pipeline.events.conversations import ordered
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.schemas.events import AnyEvent, Turn


def content_of(event: AnyEvent) -> dict[str, Any]:
    """The fields of an event. What is stored alike is equal here, such as one instant in two time zones."""
    return {name: _plain(getattr(event, name)) for name in event.__struct_fields__}


def hash_of_content(event: AnyEvent) -> int:
    """64 bits of the MD5 of what an event says."""
    return int.from_bytes(md5(repr(content_of(event)).encode(), usedforsecurity=False).digest()[:8])


def _plain(value: Any) -> Any:
    match value:
        case None:
            return ""
        case datetime():
            return milliseconds(value)
        case dict():
            return sorted(value.items())
        case [Turn(), *_]:
            return [(turn.role, turn.text, _plain(turn.at)) for turn in ordered(value)]
        case _:
            return value
