"""The topics and the tables, and a worker that does as it is told."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from support.sample_events import TODAY, Voice, columns

from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import EVENT_TOPICS
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore


class World:
    """The topics and the tables, and a worker that does as it is told."""

    def __init__(self, kafka: str, database: str, group: str) -> None:
        self.database = database
        self._kafka, self._group = kafka, group
        self._producer = KafkaProducer(bootstrap_servers=kafka)
        self._store, self._aggregates = EventStore(database), Aggregates(database)
        self.query = ClickHouse(database).execute

    def publish(self, *voices: Voice) -> list[Voice]:
        """The same voices with the records they became."""
        return [voice._replace(record=self.send(voice.record)) for voice in voices]

    def send(self, record: Record) -> Record:
        sent = self._producer.send(
            record.topic,
            record.value,
            partition=record.partition,
            headers=list(record.headers),
        ).get(timeout=30)
        return record._replace(offset=sent.offset, timestamp=sent.timestamp)

    def give_up(self, record: Record) -> None:
        dead = DeadLetter.of(record, Rejected(Reason.NOT_JSON, "not JSON"))
        self.send(Record(dead.topic, 0, 0, record.timestamp, dead.key, dead.value, dead.headers))

    def process(self, *voices: Voice) -> None:
        token = " ".join(str(voice.record.offset) for voice in voices)
        self._aggregates.derive(self._store.insert(columns(voices), token))

    def catch_up(self) -> None:
        """Commit the ends of the event topics."""
        consumer = KafkaConsumer(bootstrap_servers=self._kafka, group_id=self._group, enable_auto_commit=False)
        partitions = [
            TopicPartition(topic, number) for topic in EVENT_TOPICS for number in consumer.partitions_for_topic(topic)
        ]
        ends = consumer.end_offsets(partitions)
        consumer.commit({partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items()})
        consumer.close()

    def close(self) -> None:
        self._producer.close()


def bad_record(text: bytes = b"not json") -> Record:
    return Record("feedback.events", 0, 0, milliseconds(TODAY), None, text)
