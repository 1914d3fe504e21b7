"""Events as columns, the form in which ClickHouse's native protocol takes them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.conversations import measure
from pipeline.language.masking import mask
from pipeline.language.reading import ChatReading, Reading
from pipeline.records import Record
from schemas.events import EVENT_TYPES, AnyEvent, Chat, Complaint, EventType, Feedback

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MINUTE_MS = 60_000

# The order of a row. What an event type does not have is left out of its insert, and ClickHouse fills in the default.
_READ = (
    "event_id",
    "event_time",
    "channel",
    "customer_id",
    "order_id",
    "product_id",
    "region",
    "attributes",
    "version",
    "text",
    "sentiment",
    "sentiment_score",
    "gaps",
    "primary_gap",
    "dimension",
    "stage",
    "severity",
    "evidence.gap",
    "evidence.text",
    "evidence.start",
    "evidence.end",
    "clauses.start",
    "clauses.end",
    "clauses.aspect",
    "clauses.score",
    "rating_conflict",
)
COLUMNS: dict[EventType, tuple[str, ...]] = {
    "feedback": (*_READ, "rating"),
    "complaint": (*_READ, "subject", "promised_at", "delivered_at", "status"),
    "chat": (
        *_READ,
        "conversation_id",
        "agent_id",
        "turns.role",
        "turns.text",
        "turns.at",
        "turns.score",
        "ended_at",
        "first_response_seconds",
        "bot_response_seconds",
        "resolution_seconds",
        "longest_wait_seconds",
        "unanswered",
        "customer_spoke_last",
        "mood_start",
        "mood_end",
        "mood_low",
    ),
}
"""Of each event type, the columns that `EventColumns.columns` gives before event_type and model_version."""

_TOPIC_NUMBERS = {event_type: number for number, event_type in enumerate(EVENT_TYPES)}
_TYPE_NAMES: dict[type[AnyEvent], EventType] = {kind: name for name, kind in EVENT_TYPES.items()}
_EVENT_ID, _EVENT_TIME = _READ.index("event_id"), _READ.index("event_time")
_NO_EVIDENCE: tuple[tuple[()], ...] = ((), (), (), ())


def version_of(event_type: EventType, record: Record) -> int:
    """Which of two records with one event_id was published later: the one of the greater version.

    128 bits: Kafka's timestamp in ms (48), number of the event type (8), partition (24), offset (48).
    """
    return max(record.timestamp, 0) << 80 | _TOPIC_NUMBERS[event_type] << 72 | record.partition << 48 | record.offset


class EventColumns:
    """Events gathered for one insert. `model_version` names the reader that made the readings."""

    def __init__(self, model_version: str) -> None:
        self.model_version = model_version
        self._rows: dict[EventType, list[tuple[Any, ...]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def append(self, event: AnyEvent, reading: Reading | ChatReading, record: Record) -> None:
        """Add an event. A chat's reading is `Reader.read_chat` of its turns in order (`conversations.ordered`)."""
        event_type = _TYPE_NAMES[type(event)]
        version = version_of(event_type, record)
        if isinstance(event, Chat):
            assert isinstance(reading, ChatReading)  # noqa: S101 - by contract
            row = _read_part(event, reading.reading, version) + _chat_part(event, reading)
        else:
            assert isinstance(reading, Reading)  # noqa: S101 - by contract
            row = _read_part(event, reading, version) + _text_part(event)
        self._rows.setdefault(event_type, []).append(row)

    def extend(self, other: "EventColumns") -> None:
        """Add the events of `other`, which the same reader has read."""
        for event_type, rows in other._rows.items():  # noqa: SLF001 - of the same class
            self._rows.setdefault(event_type, []).extend(rows)

    def columns(self) -> Iterator[tuple[EventType, tuple[str, ...], list[Sequence[Any]]]]:
        """Of each event type that is there: the names and the values of its columns."""
        for event_type, rows in self._rows.items():
            # Lists, because the driver encodes in place.
            values: list[Sequence[Any]] = [list(column) for column in zip(*rows, strict=True)]
            values += [[event_type] * len(rows), [self.model_version] * len(rows)]
            yield event_type, (*COLUMNS[event_type], "event_type", "model_version"), values

    def places(self) -> tuple[list[str], list[int]]:
        """The id of each event, and the minute it stands in as seconds since 1970."""
        rows = [row for rows in self._rows.values() for row in rows]
        return [row[_EVENT_ID] for row in rows], [row[_EVENT_TIME] // _MINUTE_MS * 60 for row in rows]


def _read_part(event: AnyEvent, reading: Reading, version: int) -> tuple[Any, ...]:
    evidence, clauses = reading.evidence, reading.clauses
    return (
        event.event_id,
        (event.event_time - _EPOCH) // _MILLISECOND,
        event.channel,
        event.customer_id,
        event.order_id or "",
        event.product_id or "",
        event.region or "",
        event.attributes,
        version,
        reading.text,
        reading.sentiment,
        reading.sentiment_score,
        reading.gaps,
        reading.primary_gap,
        reading.dimension,
        reading.stage,
        reading.severity,
        *(_transposed([(one.gap, one.text, one.start, one.end) for one in evidence])),
        *(_transposed([(one.start, one.end, one.aspect, one.sentiment_score) for one in clauses])),
        reading.rating_conflict,
    )


def _text_part(event: Feedback | Complaint) -> tuple[Any, ...]:
    if isinstance(event, Feedback):
        return (event.rating,)
    return (
        event.subject or "",
        _milliseconds(event.promised_at),
        _milliseconds(event.delivered_at),
        event.status or "",
    )


def _transposed(quadruples: list[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    return tuple(zip(*quadruples, strict=True)) or _NO_EVIDENCE


def _chat_part(chat: Chat, reading: ChatReading) -> tuple[Any, ...]:
    conversation = measure(chat)
    scores = iter(reading.turn_scores)
    turns = conversation.turns
    return (
        chat.conversation_id,
        chat.agent_id or "",
        [turn.role for turn in turns],
        [mask(turn.text).text for turn in turns],
        [_milliseconds(turn.at) for turn in turns],
        [next(scores, None) if turn.role == "customer" else None for turn in turns],
        _milliseconds(chat.ended_at),
        conversation.first_response_seconds,
        conversation.bot_response_seconds,
        conversation.resolution_seconds,
        conversation.longest_wait_seconds,
        conversation.unanswered,
        conversation.customer_spoke_last,
        *((reading.start, reading.end, reading.low) if reading.turn_scores else (None, None, None)),
    )


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - _EPOCH) // _MILLISECOND
