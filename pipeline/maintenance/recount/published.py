"""The records of the topics, read again from their beginning: a recount trusts nothing but these."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kafka import TopicPartition

from gapwatch.pipeline.events.columns import version_of
from gapwatch.pipeline.events.dead_letter import StoredDeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected, decode_record
from gapwatch.pipeline.events.identity import Identity, hash_of
from gapwatch.pipeline.events.privacy import mask_identity
from gapwatch.pipeline.kafka.consumer import Consumer
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import DEAD_LETTER_TOPICS, EVENT_TOPICS
from gapwatch.pipeline.maintenance.recount.content import hash_of_content
from gapwatch.pipeline.maintenance.recount.source import POSITION_BITS
from gapwatch.schemas.events import EVENT_TYPES, EventType, topic_of

_POLL_RECORDS = 20_000
_TYPE_OF_TOPIC: dict[str, EventType] = {topic_of(event_type): event_type for event_type in EVENT_TYPES}


class PublishedEvent(NamedTuple):
    """A record that holds an event. Identity and content are hashes, the minute is in seconds since 1970."""

    id_hash: int
    version: int
    minute: int
    content: int


class RejectedRecord(NamedTuple):
    """A record that holds no event: by its own place in an event topic, or by the place its dead letter names.

    `is_too_old` tells that it is a dead letter because the store keeps nothing of its age.
    """

    position: int
    is_dead_letter: bool
    is_too_old: bool = False


class PublishedRecords:
    """The records of the event topics and their dead letters, as far as they reached when this was made."""

    def __init__(self) -> None:
        self._consumer = Consumer(enable_auto_commit=False, max_poll_records=_POLL_RECORDS, group_id=None)
        topics = [name for name in (*EVENT_TOPICS, *DEAD_LETTER_TOPICS) if name in self._consumer.topics()]
        partitions = [
            TopicPartition(name, number)
            for name in topics
            for number in self._consumer.partitions_for_topic(name) or ()
        ]
        self._consumer.assign(partitions)
        self._ends: Mapping[TopicPartition, int] = self._consumer.end_offsets(partitions)
        self.begins: Mapping[TopicPartition, int] = self._consumer.beginning_offsets(partitions)
        """First offset of each partition that is still there."""
        self.records: Counter[str] = Counter()
        """Records read, by event topic."""

    def scan(self) -> Iterator[PublishedEvent | RejectedRecord]:
        """Every record once; call it once."""
        self._consumer.seek_to_beginning()
        left = {partition for partition, end in self._ends.items() if self.begins[partition] < end}
        try:
            while left:
                for partition, found in self._consumer.poll(timeout_ms=1000).items():
                    for record in found:
                        if record.offset < self._ends[partition]:
                            yield from self._events_of(Record.of(record))
                left = {partition for partition in left if self._consumer.position(partition) < self._ends[partition]}
        finally:
            self._consumer.close()

    def _events_of(self, record: Record) -> Iterator[PublishedEvent | RejectedRecord]:
        event_type = _TYPE_OF_TOPIC.get(record.topic)
        if event_type is None:
            yield from _dead_letter(record)
            return
        self.records[record.topic] += 1
        version = version_of(event_type, record)
        try:
            event = mask_identity(decode_record(event_type, record))
        except Rejected:
            yield RejectedRecord(version % (1 << POSITION_BITS), is_dead_letter=False)
        else:
            minute = int(event.event_time.timestamp()) // 60 * 60
            yield PublishedEvent(hash_of(Identity.of(event)), version, minute, hash_of_content(event))


def _dead_letter(record: Record) -> Iterator[RejectedRecord]:
    letter = StoredDeadLetter.of(record)
    event_type = _TYPE_OF_TOPIC.get(letter.source_topic)
    if event_type is not None and min(letter.source_partition, letter.source_offset) >= 0:
        source = Record(letter.source_topic, letter.source_partition, letter.source_offset, 0, None, None)
        is_too_old = letter.reason == Reason.OLDER_THAN_RETENTION
        yield RejectedRecord(version_of(event_type, source), is_dead_letter=True, is_too_old=is_too_old)
