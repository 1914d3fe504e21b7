"""A worker in the process of the test: what `gapwatch worker` does with records, flush by flush, and nothing beside."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.kafka.consumer import Consumer
from gapwatch.pipeline.kafka.outbox import Outbox
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.store import Aggregates, EventStore
from gapwatch.pipeline.worker.ingest import Batch, Flush
from gapwatch.pipeline.worker.stalls import Retrying, Stalls
from gapwatch.pipeline.worker.storing import Storing
from gapwatch.schemas.events import EVENT_TYPES, topic_of


class SmallWorker:
    """Each call of `work` is a worker of its own, which begins at what the one before it has committed."""

    def __init__(self, database: str, group: str) -> None:
        self._database, self._group = database, group
        self._reader = EventReader(Reader())

    def work(self, flush_records: int = 10_000) -> None:
        """Store what was published, in flushes of so many records, and derive the minutes that became dirty."""
        with closing(Outbox()) as outbox, closing(EventStore(self._database)) as store:
            storing = Storing(store, outbox, self._reader, Retrying(Stalls(), threading.Event()))
            found = list(self._records(EVENT_TOPICS))
            for event_type in EVENT_TYPES:
                records = [record for record in found if record.topic == topic_of(event_type)]
                for start in range(0, len(records), flush_records):
                    some = records[start : start + flush_records]
                    flush = Flush()
                    flush.add([Batch(event_type, some, lambda: None)], self._reader.read(event_type, some))
                    storing.store(flush)
        minutes = [json.loads(record.value or b"")["minutes"] for record in self._records([DIRTY_MINUTES_TOPIC])]
        with closing(Aggregates(self._database)) as aggregates:
            aggregates.derive(minute for one in minutes for minute in one)

    def _records(self, topics: Sequence[str]) -> Iterator[Record]:
        """What is not committed yet, as it was published; committed when all of it was taken."""
        with Consumer(group_id=self._group, enable_auto_commit=False, auto_offset_reset="earliest") as consumer:
            partitions = [
                TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)
            ]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for records in consumer.poll(timeout_ms=1_000).values():
                    yield from map(Record.of, records)
            consumer.commit({partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items()})
