"""A topic as tests see it."""

from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord


@dataclass
class Topic:
    name: str
    kafka: str

    def records(self) -> list[ConsumerRecord]:
        """Everything in the topic, by partition and offset."""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka)
        partitions = [TopicPartition(self.name, number) for number in consumer.partitions_for_topic(self.name)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        found: list[ConsumerRecord] = []
        for partition, end in consumer.end_offsets(partitions).items():
            while consumer.position(partition) < end:
                found += [record for batch in consumer.poll(timeout_ms=1000).values() for record in batch]
        consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))
