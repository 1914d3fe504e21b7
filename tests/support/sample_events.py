"""Events, readings and records for tests of the store, and the aggregates they must lead to, counted in Python."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.identity import Identity
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Evidence, Reading
from gapwatch.schemas.events import AnyEvent, Chat, Complaint, EventType, Feedback, Turn, topic_of

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


class Voice(NamedTuple):
    """An event as published, and what is read of it."""

    event: AnyEvent
    reading: Reading | ChatReading
    record: Record


def at(minute: int, second: float = 0) -> datetime:
    return TODAY + timedelta(minutes=minute, seconds=second)


def reading(*gaps: Any, score: float = -0.5, severity: float = 0.5, text: str = "说好三天到") -> Reading:
    evidence = tuple(Evidence(gap, text[:2], 0, 2) for gap in gaps)
    return Reading(
        text=text,
        sentiment="negative" if score < 0 else "positive",
        sentiment_score=score,
        gaps=gaps,
        primary_gap=gaps[0] if gaps else "none",
        dimension="reliability" if gaps else "none",
        stage="in_sale",
        severity=severity if gaps else 0.0,
        evidence=evidence,
    )


def feedback(
    event_id: str, minute: int, offset: int, *gaps: Any, product: str = "P1", customer: str = "c", score: float = -0.5
) -> Voice:
    event = Feedback(
        event_id=event_id,
        event_time=at(minute, 7.25),
        channel="app",
        customer_id=customer,
        product_id=product,
        region="north",
        text="说好三天到",
        rating=2,
    )
    return Voice(event, reading(*gaps, score=score), _record("feedback", event, offset))


def complaint(event_id: str, minute: int, offset: int, promised: datetime | None, delivered: datetime | None) -> Voice:
    event = Complaint(
        event_id=event_id,
        event_time=at(minute),
        channel="wechat",
        customer_id="c",
        text="说好三天到",
        promised_at=promised,
        delivered_at=delivered,
        status="open",
    )
    return Voice(event, reading("fulfillment", "communication"), _record("complaint", event, offset))


def chat(
    event_id: str, minute: int, offset: int, wait: float | None, scores: tuple[float, ...] = (-0.5, 0.25)
) -> Voice:
    turns = [Turn(role="customer", text="到哪了", at=at(minute))]
    if wait is not None:
        turns += [
            Turn(role="agent", text="在路上", at=at(minute, wait)),
            Turn(role="customer", text="好的", at=at(minute, wait + 5)),
        ]
    event = Chat(
        event_id=event_id,
        event_time=at(minute),
        channel="site",
        customer_id="c",
        conversation_id=f"k-{event_id}",
        turns=turns,
    )
    scores = scores[: sum(turn.role == "customer" for turn in turns)]
    whole = ChatReading(reading("communication"), scores, scores[0], scores[-1], min(scores))
    return Voice(event, whole, _record("chat", event, offset))


def _record(event_type: EventType, event: AnyEvent, offset: int) -> Record:
    published = milliseconds(TODAY) + offset
    return Record(topic_of(event_type), 0, offset, published, None, msgspec.json.encode(event))


def columns(voices: Iterable[Voice], model_version: str = "m1") -> EventColumns:
    gathered = EventColumns(model_version)
    for event, read, record in voices:
        event_type: Any = record.topic.partition(".")[0]
        gathered.append(mask_event(event), read, version_of(event_type, record))
    return gathered


def standing(voices: Iterable[Voice]) -> list[Voice]:
    """Of each event the version that was published last."""
    latest: dict[Identity, Voice] = {}
    for voice in sorted(voices, key=lambda voice: (voice.record.timestamp, voice.record.offset)):
        latest[Identity.of(voice.event)] = voice
    return list(latest.values())


def gap_counts(voices: Iterable[Voice]) -> Counter[tuple[Any, ...]]:
    """(minute, product, gap, is primary) of the voices that stand, with how many."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for voice in standing(voices):
        whole = voice.reading.reading if isinstance(voice.reading, ChatReading) else voice.reading
        minute = voice.event.event_time.replace(second=0, microsecond=0)
        for gap in whole.gaps or ("none",):
            counts[minute, voice.event.product_id or "", gap, gap == whole.primary_gap] += 1
    return counts
