"""The batch transport beside the stock one, on the same logs."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from agents import transport
from agents.transport import BatchSchema

pytestmark = pytest.mark.integration

Seen = dict[int, list[tuple[Any, ...]]]


def a_record(
    partition: int, offset: int, key: bytes | None, value: bytes | None, headers: Any, ms: int
) -> tuple[Any, ...]:
    return offset, key, value, sorted(dict(headers or ()).items()), ms


class Worker:
    """A Faust app with one agent that notes what it is given; `hold` keeps it from acknowledging."""

    def __init__(self, kafka: str, topic: str, group: str, scheme: str, directory: Path, **conf: Any) -> None:
        self.topic = topic
        self.seen: Seen = defaultdict(list)
        self.unacknowledged: list[Any] = []
        self.hold = False
        self.batches: list[tuple[int, int, int]] = []
        self.app = faust.App(
            group,
            broker=[f"{scheme}://{host}" for host in kafka.split(",")],
            datadir=str(directory),
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            table_standby_replicas=0,
            consumer_auto_offset_reset="earliest",
            broker_commit_interval=0.1,
            broker_session_timeout=10.0,
            broker_heartbeat_interval=1.0,
            stream_wait_empty=scheme == transport.SCHEME,
            **conf,
        )
        schema = (
            {"schema": BatchSchema()}
            if scheme == transport.SCHEME
            else {"value_serializer": "raw", "key_type": bytes, "value_type": bytes}
        )
        note = self.note_batch if scheme == transport.SCHEME else self.note_record

        @self.app.agent(self.app.topic(topic, **schema))
        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                note(event)
                if self.hold:
                    self.unacknowledged.append(event)
                else:
                    event.ack()

    def note_batch(self, event: Any) -> None:
        message = event.message
        self.batches.append((message.partition, message.offset, message.next_offset))
        for record in event.value:
            self.seen[record.partition].append(
                a_record(record.partition, record.offset, record.key, record.value, record.headers, record.timestamp)
            )

    def note_record(self, event: Any) -> None:
        message = event.message
        self.seen[message.partition].append(
            a_record(
                message.partition,
                message.offset,
                message.key,
                message.value,
                event.headers,
                round(message.timestamp * 1000),
            )
        )

    @property
    def count(self) -> int:
        return sum(map(len, self.seen.values()))

    @property
    def consumer(self) -> transport.Consumer:
        consumer: transport.Consumer = self.app.consumer
        return consumer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)

    def committed_all(self) -> bool:
        offsets = self.app.monitor.tp_committed_offsets
        return all(offsets.get(TP(self.topic, partition)) == seen[-1][0] + 1 for partition, seen in self.seen.items())

    def release(self) -> None:
        self.hold = False
        while self.unacknowledged:
            self.unacknowledged.pop(0).ack()


@contextlib.asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    await worker.app.start()
    try:
        yield worker
    finally:
        await worker.app.stop()


@pytest.fixture
def make_worker(kafka: str, tmp_path: Path) -> Callable[..., Worker]:
    def make(topic: str, group: str, scheme: str = transport.SCHEME, **conf: Any) -> Worker:
        return Worker(kafka, topic, group, scheme, tmp_path, **conf)

    return make


def fill(kafka: str, topic: str, count: int, partitions: int = 1, size: int = 100) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(count):
        producer.send(topic, b"%d " % number + b"x" * size, key=b"%d" % number, partition=number % partitions)
    producer.flush()
    producer.close()


def fill_with_oddities(kafka: str, topic: str) -> int:
    """Null keys and values, headers, own timestamps, transactions that leave markers, an aborted one; returns the count."""
    count = 0
    plain = KafkaProducer(bootstrap_servers=kafka)
    for number in range(300):
        key = None if number % 7 == 0 else b"k%d" % number
        value = None if number % 11 == 0 and key else b"v%d" % number
        headers = [("h", b"%d" % number), ("empty", b"")] if number % 3 == 0 else None
        plain.send(
            topic, value, key=key, headers=headers, partition=number % 3, timestamp_ms=1_700_000_000_000 + number
        )
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
        transactional.abort_transaction() if run == 5 else transactional.commit_transaction()
    transactional.close()
    return count


def committed(kafka: str, group: str) -> dict[int, int]:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        offsets = admin.list_group_offsets(group)
    finally:
        admin.close()
    return {tp.partition: found.offset for tp, found in offsets[group].items()}


async def test_same_records_order_and_committed_offsets_as_the_stock_transport(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(3)
    count = fill_with_oddities(kafka, topic)
    results = {}
    for scheme in ("kafka", transport.SCHEME):
        worker = make_worker(topic, f"{group}-{scheme}", scheme)
        async with running(worker):
            await worker.until(lambda worker=worker: worker.count >= count)
            await worker.until(worker.committed_all)
        results[scheme] = (dict(worker.seen), committed(kafka, f"{group}-{scheme}"))
    assert results[transport.SCHEME] == results["kafka"]
    assert sum(map(len, results["kafka"][0].values())) == count
