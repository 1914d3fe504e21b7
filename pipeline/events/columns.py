"""Masked events and their readings as columns, the form in which ClickHouse's native protocol takes them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from gapwatch.pipeline.events.conversations import measure
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.events.privacy import MaskedEvent
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.schemas.events import EVENT_TYPES, TYPE_NAMES, AnyEvent, Chat, Complaint, EventType, Feedback

_TOPIC_NUMBERS = {event_type: number for number, event_type in enumerate(EVENT_TYPES)}
_LATEST_MS = (1 << 48) - 1

_EVENT = ("event_id", "event_time", "channel", "customer_id", "order_id", "product_id", "region", "attributes")
_READING = (
    "text",
    "sentiment",
    "sentiment_score",
    "gaps",
    "primary_gap",
    "dimension",
    "stage",
    "severity",
    "evidence",
    "clauses",
    "rating_conflict",
)
_MOODS = ("mood_start", "mood_end", "mood_low")
READ_ANEW = (
    *("order_id", "product_id", "region", "attributes", "subject", "conversation_id", "agent_id", "turns"),
    *_READING,
    *_MOODS,
)
"""The columns that masking and reading decide; the others are as published, or say which event it is."""

# What an event type does not have is left out of its insert, and ClickHouse fills in the default.
_COMMON = (*_EVENT, *_READING, "version")
_CONSTANT = ("event_type", "model_version")
_OWN: dict[EventType, tuple[str, ...]] = {
    "feedback": ("rating",),
    "complaint": ("subject", "promised_at", "delivered_at", "status"),
    "chat": (
        "conversation_id",
        "agent_id",
        "turns",
        "ended_at",
        "first_response_seconds",
        "bot_response_seconds",
        "resolution_seconds",
        "longest_wait_seconds",
        "unanswered",
        "customer_spoke_last",
        *_MOODS,
    ),
}
ALL_COLUMNS = (*_COMMON, *_CONSTANT, *(name for names in _OWN.values() for name in names))
"""Everything that is inserted of an event, whatever its type."""

Columns = list[Any]


def version_of(event_type: EventType, record: Record) -> int:
    """Which of two records of one event was published later: the one of the greater version.

    128 bits: when it was published in ms (48), number of the event type (8), partition (24), offset (48).
    """
    published = min(max(record.published, 0), _LATEST_MS)
    return published << 80 | _TOPIC_NUMBERS[event_type] << 72 | record.partition << 48 | record.offset


class EventColumns:
    """Events gathered for one insert. `model_version` names the reader that made the readings.

    Appending keeps references; the columns are made when they are stored, each in one pass.
    """

    def __init__(self, model_version: str) -> None:
        self.model_version = model_version
        self._rows: dict[EventType, list[tuple[Any, Any, int]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def append(self, masked: MaskedEvent, reading: Reading | ChatReading, version: int) -> None:
        """Add an event, its reading and its version (`version_of`)."""
        self._rows.setdefault(TYPE_NAMES[type(masked.event)], []).append((masked.event, reading, version))

    def extend(self, other: "EventColumns") -> None:
        """Add the events of `other`, which the same reader has read."""
        for event_type, rows in other._rows.items():  # noqa: SLF001 - of the same class
            self._rows.setdefault(event_type, []).extend(rows)

    def columns(self) -> Iterator[tuple[EventType, tuple[str, ...], Columns]]:
        """Of each event type that is there: the names and the values of its columns, which may be changed.

        Times are milliseconds since 1970.
        """
        for event_type, names, values in self.varying():
            count = len(values[0])
            yield event_type, names + _CONSTANT, [*values, [event_type] * count, [self.model_version] * count]

    def varying(self) -> Iterator[tuple[EventType, tuple[str, ...], Columns]]:
        """The columns without those that are the same in each row."""
        for event_type, rows in self._rows.items():
            events, readings, versions = zip(*rows, strict=True)
            own = _OWN_COLUMNS[event_type](events, readings)
            whole = [reading.reading for reading in readings] if event_type == "chat" else readings
            common = [*_event_columns(events), *_reading_columns(whole), list(versions)]
            yield event_type, _COMMON + _OWN[event_type], [*common, *own]


def _event_columns(events: Sequence[AnyEvent]) -> Columns:
    return [
        [event.event_id for event in events],
        [milliseconds(event.event_time) for event in events],
        [event.channel for event in events],
        [event.customer_id for event in events],
        [event.order_id or "" for event in events],
        [event.product_id or "" for event in events],
        [event.region or "" for event in events],
        [event.attributes for event in events],
    ]


def _reading_columns(readings: Sequence[Reading]) -> Columns:
    return [
        [reading.text for reading in readings],
        [reading.sentiment for reading in readings],
        [reading.sentiment_score for reading in readings],
        [reading.gaps for reading in readings],
        [reading.primary_gap for reading in readings],
        [reading.dimension for reading in readings],
        [reading.stage for reading in readings],
        [reading.severity for reading in readings],
        [[(one.gap, one.text, one.start, one.end) for one in reading.evidence] for reading in readings],
        [[(one.start, one.end, one.aspect, one.sentiment_score) for one in reading.clauses] for reading in readings],
        [reading.rating_conflict for reading in readings],
    ]


def _feedback_columns(feedback: Sequence[Feedback], _: Sequence[Reading]) -> Columns:
    ratings: list[Any] = [one.rating for one in feedback]
    return [ratings]


def _complaint_columns(complaints: Sequence[Complaint], _: Sequence[Reading]) -> Columns:
    return [
        [complaint.subject or "" for complaint in complaints],
        [_optional_milliseconds(complaint.promised_at) for complaint in complaints],
        [_optional_milliseconds(complaint.delivered_at) for complaint in complaints],
        [complaint.status or "" for complaint in complaints],
    ]


def _chat_columns(chats: Sequence[Chat], readings: Sequence[ChatReading]) -> Columns:
    return [list(column) for column in zip(*map(_chat_row, chats, readings), strict=True)]


def _chat_row(chat: Chat, reading: ChatReading) -> tuple[Any, ...]:
    conversation = measure(chat)
    scores = iter(reading.turn_scores)
    said = [
        (turn.role, turn.text, _optional_milliseconds(turn.at), next(scores, None) if turn.role == "customer" else None)
        for turn in conversation.turns
    ]
    return (
        chat.conversation_id,
        chat.agent_id or "",
        said,
        _optional_milliseconds(chat.ended_at),
        conversation.first_response_seconds,
        conversation.bot_response_seconds,
        conversation.resolution_seconds,
        conversation.longest_wait_seconds,
        conversation.unanswered,
        conversation.customer_spoke_last,
        *_moods(reading),
    )


def _moods(reading: ChatReading) -> tuple[float | None, float | None, float | None]:
    """None where the customer said nothing."""
    return (reading.start, reading.end, reading.low) if reading.turn_scores else (None, None, None)


_OWN_COLUMNS: dict[EventType, Callable[[Sequence[Any], Sequence[Any]], Columns]] = {
    "feedback": _feedback_columns,
    "complaint": _complaint_columns,
    "chat": _chat_columns,
}


def _optional_milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else milliseconds(instant)
