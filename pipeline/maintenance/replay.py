"""Reading dead-letter topics, and replaying what lies there to the topics it came from."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import PublishError, StackError
from gapwatch.pipeline.events.dead_letter import REPLAYS_HEADER, StoredDeadLetter, foreign
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.consumer import Consumer
from gapwatch.pipeline.kafka.producer import DELIVERY_SECONDS, LOST_AFTER, drop
from gapwatch.pipeline.kafka.records import SOURCE_TIMESTAMP_HEADER, Record
from gapwatch.pipeline.kafka.topics import DEAD_LETTER_TOPICS, MAX_RECORD_BYTES, REPLAYED_TOPIC, ensure_topics
from gapwatch.schemas.events import EVENT_TYPES, EventType, dead_letter_topic_of, topic_of

# A record that fails after this many replays fails for a reason that replaying does not remove.
MAX_REPLAYS = 5
_LETTERS_PER_BATCH = 500
_POLL_MS = 1_000
_CONSUMER_OPTIONS = {"allow_auto_create_topics": False, "auto_offset_reset": "earliest", "enable_auto_commit": False}

Outcome = Literal["replayed", "already replayed", "replayed too often", "without a value", "of unknown origin"]
Message = Mapping[str, Any]


class Selection(NamedTuple):
    """Which dead letters are meant; what is empty or None does not narrow it. Times are when they were given up."""

    event_types: tuple[EventType, ...] = ()
    reasons: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def topics(self) -> list[str]:
        return [dead_letter_topic_of(topic_of(event_type)) for event_type in self.event_types or EVENT_TYPES]

    def holds(self, letter: StoredDeadLetter) -> bool:
        given_up = letter.record.timestamp
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.since is None or given_up >= milliseconds(self.since))
            and (self.until is None or given_up < milliseconds(self.until))
        )


def read_letters(selection: Selection) -> Iterator[StoredDeadLetter]:
    """The dead letters that are meant, as many as there are now; those of one partition in order.

    Raises StackError when Kafka cannot be reached.
    """
    for record in _records(selection.topics, selection.since):
        letter = StoredDeadLetter.of(record)
        if selection.holds(letter):
            yield letter


def find_letter(name: str) -> StoredDeadLetter | None:
    """The dead letter that is called TYPE/PARTITION/OFFSET, if it is there."""
    event_type, number, offset = (*name.split("/"), "", "")[:3]
    if event_type not in EVENT_TYPES or not (number.isdecimal() and offset.isdecimal()):
        return None
    with _consumer() as consumer:
        place = TopicPartition(dead_letter_topic_of(topic_of(event_type)), int(number))
        if place not in _partitions(consumer, [place.topic]):
            return None
        records = _between(consumer, {place: int(offset)}, {place: int(offset) + 1})
        return next(map(StoredDeadLetter.of, records), None)


def read_marks() -> set[bytes]:
    """The marks of the dead letters that have been replayed."""
    return {record.key for record in _records([REPLAYED_TOPIC], None) if record.key}


def replay(letters: Iterable[StoredDeadLetter], *, again: bool = False, dry_run: bool = False) -> Counter[Outcome]:
    """Send letters back to where they came from, with key, headers and time as they were; counts what became of them.

    Each is replayed once: it is marked when Kafka has acknowledged it, and passed over from then on unless `again`.
    A crash in between repeats at most one batch, whose events the store knows by their identity.
    Raises PublishError when Kafka does not accept a record.
    """
    ensure_topics([REPLAYED_TOPIC])
    marks = frozenset[bytes]() if again else read_marks()
    outcomes: Counter[Outcome] = Counter()
    todo = (letter for letter in letters if _counted(outcomes, letter, marks))
    if dry_run:
        outcomes["replayed"] = sum(1 for _ in todo)
        return outcomes
    producer = KafkaProducer(
        **client_options(),
        compression_type="lz4",
        delivery_timeout_ms=DELIVERY_SECONDS * 1_000,
        max_request_size=2 * MAX_RECORD_BYTES,
    )
    try:
        while batch := list(islice(todo, _LETTERS_PER_BATCH)):
            _send(producer, [_source_record(letter) for letter in batch])
            _send(producer, [{"topic": REPLAYED_TOPIC, "key": letter.mark, "value": b"replayed"} for letter in batch])
            outcomes["replayed"] += len(batch)
    finally:
        drop(producer)
    return outcomes


def _counted(outcomes: Counter[Outcome], letter: StoredDeadLetter, marks: frozenset[bytes] | set[bytes]) -> bool:
    """Whether a letter is to be replayed; else why not is counted."""
    obstacle: Outcome | None = None
    if (
        letter.record.topic not in DEAD_LETTER_TOPICS
        or dead_letter_topic_of(letter.source_topic) != letter.record.topic
    ):
        obstacle = "of unknown origin"
    elif letter.record.value is None or letter.left_out:
        obstacle = "without a value"
    elif letter.replays >= MAX_REPLAYS:
        obstacle = "replayed too often"
    elif letter.mark in marks:
        obstacle = "already replayed"
    if obstacle:
        outcomes[obstacle] += 1
    return obstacle is None


def _source_record(letter: StoredDeadLetter) -> Message:
    record = letter.record
    # Its time goes along as a header. Were it the record's own time, Kafka would remove the records of a topic that
    # goes by its publishers' clocks as soon as they are older than what the topic keeps, read or not.
    published = letter.source_timestamp if letter.source_timestamp >= 0 else record.timestamp
    headers = {REPLAYS_HEADER: letter.replays + 1, SOURCE_TIMESTAMP_HEADER: published}
    return {
        "topic": letter.source_topic,
        "key": record.key,
        "value": record.value,
        "headers": [*foreign(record.headers), *((name, str(value).encode()) for name, value in headers.items())],
    }


def _send(producer: KafkaProducer, messages: Iterable[Message]) -> None:
    try:
        for future in [producer.send(**message) for message in messages]:
            future.get(timeout=LOST_AFTER * DELIVERY_SECONDS)
    except KafkaError as error:
        raise PublishError("Kafka did not accept a replayed record: {error}", error=error) from error


def _records(topics: Iterable[str], since: datetime | None) -> Iterator[Record]:
    with _consumer() as consumer:
        partitions = _partitions(consumer, topics)
        starts = dict.fromkeys(partitions, 0)
        ends = consumer.end_offsets(partitions)
        if since:
            found = consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds(since)))
            starts = {place: found[place].offset if found[place] else ends[place] for place in partitions}
        yield from _between(consumer, starts, ends)


def _partitions(consumer: Consumer, topics: Iterable[str]) -> list[TopicPartition]:
    return [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]


def _between(
    consumer: Consumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> Iterator[Record]:
    """The records from `starts` up to, not including, `ends`, as far as they are still and already there."""
    first, present = consumer.beginning_offsets(list(ends)), consumer.end_offsets(list(ends))
    begins = {place: max(start, first[place]) for place, start in starts.items()}
    ends = {place: min(end, present[place]) for place, end in ends.items()}
    unread = {place for place in ends if begins[place] < ends[place]}
    consumer.assign(list(unread))
    for place in unread:
        consumer.seek(place, begins[place])
    while unread:
        for place, found in consumer.poll(timeout_ms=_POLL_MS).items():
            yield from (Record.of(record) for record in found if record.offset < ends[place])
        unread = {place for place in unread if consumer.position(place) < ends[place]}


@contextmanager
def _consumer() -> Iterator[Consumer]:
    try:
        with Consumer(**_CONSUMER_OPTIONS) as consumer:
            yield consumer
    except KafkaError as error:
        raise StackError("cannot read from Kafka at {kafka}: {error}", kafka=endpoints().kafka, error=error) from error
