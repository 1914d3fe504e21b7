"""Logs for the transports to read."""

import asyncio
import itertools
import time
import uuid

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from support.waiting import eventually


def fill(kafka: str, topic: str, count: int, partitions: int = 1, size: int = 100) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(count):
        producer.send(topic, b"%d " % number + b"x" * size, key=b"%d" % number, partition=number % partitions)
    producer.flush()
    producer.close()


async def fill_compressed(kafka: str, topic: str, count: int, codec: str) -> None:
    """Partition 0, in batches of many records."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, compression_type=codec, linger_ms=200)
    await producer.start()
    try:
        sent = [
            await producer.send(topic, b"%d " % number + b"x" * 50, key=b"%d" % number, partition=0)
            for number in range(count)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def fill_with_oddities(kafka: str, topic: str) -> tuple[int, int]:
    """Null keys and values, headers, own timestamps, transactions that leave markers, an aborted one.

    Returns how many records there are, and how many of them were aborted.
    """
    count = aborted = 0
    plain = KafkaProducer(bootstrap_servers=kafka)
    # Older ones than the broker keeps would be gone as soon as it looks.
    an_hour_ago = int(time.time() * 1000) - 3_600_000
    for number in range(300):
        key = None if number % 7 == 0 else b"k%d" % number
        value = None if number % 11 == 0 and key else b"v%d" % number
        headers = [("h", b"%d" % number), ("empty", b"")] if number % 3 == 0 else None
        plain.send(topic, value, key=key, headers=headers, partition=number % 3, timestamp_ms=an_hour_ago + number)
        count += 1
    plain.flush()
    plain.close()
    transactional = KafkaProducer(bootstrap_servers=kafka, transactional_id=topic)
    transactional.init_transactions()
    for run in range(12):
        transactional.begin_transaction()
        for number in range(5):
            transactional.send(topic, b"t%d-%d" % (run, number), key=b"t", partition=run % 3)
            count += 1
        transactional.flush()
        if run == 5:
            transactional.abort_transaction()
            aborted = 5
        else:
            transactional.commit_transaction()
    transactional.close()
    return count, aborted


def compacted(kafka: str, admin: KafkaAdminClient) -> str:
    """A topic whose log has gaps because the cleaner took what later records replace."""
    name = f"test-{uuid.uuid4().hex}"
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    admin.create_topics({name: {"num_partitions": 1, "configs": configs}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=kafka)
    numbers = itertools.count()

    def has_gaps() -> bool:
        # Only closed segments are cleaned, and a segment closes when a later record comes.
        for number in itertools.islice(numbers, 100):
            producer.send(name, b"%d" % number, key=b"%d" % (number % 30 if number % 3 else number), partition=0)
        producer.flush()
        consumer = KafkaConsumer(name, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=1_000)
        offsets = [record.offset for record in consumer]
        consumer.close()
        return len(offsets) < offsets[-1] + 1 - 50

    eventually(has_gaps, told=lambda: "the broker does not compact")
    producer.close()
    # It stays as it is, so that both transports read the same.
    resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={"cleanup.policy": "delete"})
    admin.alter_configs([resource])
    return name


def ends_of(kafka: str, topic: str) -> dict[int, int]:
    """Where the log of each partition ends."""
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    ends = consumer.end_offsets(partitions)
    consumer.close()
    return {partition.partition: end for partition, end in ends.items()}
