"""The record that a version names."""

from typing import NamedTuple

from gapwatch.schemas.events import EVENT_TYPES, EventType, topic_of

POSITION_BITS = 80
"""The low bits of a version: event type, partition and offset, which name a record."""


class Source(NamedTuple):
    """A record, by its place."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, version: int) -> "Source":
        """The record of a version, or of its low bits."""
        return cls(topic_of(event_type_of(version)), version >> 48 & 0xFFFFFF, version & 0xFFFFFFFFFFFF)

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def event_type_of(version: int) -> EventType:
    """The type of the event that a version is of."""
    return list(EVENT_TYPES)[version >> 72 & 0xFF]
