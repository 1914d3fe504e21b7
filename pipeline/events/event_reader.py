"""From records to rows, in the reader's process: what becomes of the records of a batch.

decode ──> mask ──> read ──> columns
    └─ dead letter, with the reason
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from gapwatch.pipeline.events.bisection import bisect
from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected, decode_record
from gapwatch.pipeline.events.instants import EPOCH
from gapwatch.pipeline.events.privacy import MaskedEvent, mask_event
from gapwatch.pipeline.events.retention import check_age, oldest_kept
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.pipeline.logs import logger
from gapwatch.schemas.events import AnyEvent, Chat, EventType, Feedback

log = logger(__name__)


class TextReader(Protocol):
    """The language layer, as far as events need it: gapwatch.pipeline.language.reader.Reader."""

    version: str

    def read(self, texts: Sequence[MaskedText], ratings: Sequence[int | None] | None = None) -> list[Reading]: ...
    def read_chat(self, said: Sequence[MaskedText], whole: MaskedText) -> ChatReading: ...


@dataclass
class ReadBatch:
    """What became of some records: rows to store and dead letters."""

    columns: EventColumns
    dead: list[DeadLetter] = field(default_factory=list)
    latest: datetime = EPOCH
    """The time of the latest event."""


def joined(batches: Iterable[ReadBatch]) -> ReadBatch:
    """All in one, the first of them."""
    whole, *others = batches
    for other in others:
        whole.columns.extend(other.columns)
        whole.dead += other.dead
        whole.latest = max(whole.latest, other.latest)
    return whole


class RecordReader(Protocol):
    """Reads records; raises for none of them."""

    def read(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch: ...


class EventReader:
    """Reads records with a reader of texts; a record that cannot be read becomes a dead letter and harms no other."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader

    def read(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
        batch = ReadBatch(EventColumns(self._reader.version))
        decoded: list[tuple[AnyEvent, Record]] = []
        now = datetime.now(UTC)
        oldest = oldest_kept(now)
        for record in records:
            try:
                decoded.append((check_age(decode_record(event_type, record, now), oldest), record))
            except Rejected as rejected:
                batch.dead.append(DeadLetter.of(record, rejected))
        # Whatever one text does to the reader, the others go on.
        bisect(decoded, partial(self._append, batch, event_type), partial(_give_up, batch), Exception)
        return batch

    def _append(self, batch: ReadBatch, event_type: EventType, decoded: Sequence[tuple[AnyEvent, Record]]) -> None:
        masked = [mask_event(event) for event, _ in decoded]
        readings = read(self._reader, masked)
        for event, reading, (_, record) in zip(masked, readings, decoded, strict=True):
            batch.columns.append(event, reading, version_of(event_type, record))
            batch.latest = max(batch.latest, event.event.event_time)


def _give_up(batch: ReadBatch, decoded: tuple[AnyEvent, Record], error: Exception) -> None:
    _, record = decoded
    # No traceback and no message: they may quote the customer.
    log.error(
        "an event makes the reader fail",
        error=type(error).__name__,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )
    batch.dead.append(DeadLetter.of(record, Rejected(Reason.READER_FAILED, type(error).__name__)))


def read(reader: TextReader, events: Sequence[MaskedEvent]) -> list[Reading | ChatReading]:
    """One reading for each event: a ChatReading of a chat. Texts that are no chats are read together."""
    single = [one for one in events if not isinstance(one.event, Chat)]
    readings = iter(reader.read([one.text for one in single], [_rating(one) for one in single]))
    return [reader.read_chat(one.said, one.text) if isinstance(one.event, Chat) else next(readings) for one in events]


def _rating(masked: MaskedEvent) -> int | None:
    return masked.event.rating if isinstance(masked.event, Feedback) else None
