"""The batch transport beside the stock one, on the same logs."""

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from agents import transport
from agents.transport import BatchSchema

pytestmark = pytest.mark.integration

Seen = dict[int, list[tuple[Any, ...]]]


def a_record(offset: int, key: bytes | None, value: bytes | None, headers: Any, ms: int) -> tuple[Any, ...]:
    return offset, key, value, sorted(dict(headers or ()).items()), ms


class Worker:
    """A Faust app with one agent that notes what it is given; `hold` keeps it from acknowledging."""

    def __init__(
        self, kafka: str, topic: str, group: str, scheme: str, directory: Path, *, also: str = "", **conf: Any
    ) -> None:
        self.topic = topic
        self.topics: list[str] = []
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

        @self.app.agent(self.app.topic(topic, *([also] if also else []), **schema))
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
        self.topics.append(message.topic)
        for record in event.value:
            self.seen[record.partition].append(
                a_record(record.offset, record.key, record.value, record.headers, record.timestamp)
            )

    def note_record(self, event: Any) -> None:
        message = event.message
        self.seen[message.partition].append(
            a_record(
                message.offset,
                message.key,
                message.value,
                event.headers,
                round(message.timestamp * 1000),
            )
        )

    def continuing(self, other: "Worker") -> "Worker":
        self.seen = other.seen
        return self

    @property
    def count(self) -> int:
        return sum(map(len, self.seen.values()))

    @property
    def consumer(self) -> transport.Consumer:
        consumer: transport.Consumer = self.app.consumer
        return consumer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - it depends on several threads
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


def compacted(kafka: str, admin: KafkaAdminClient) -> str:
    """A topic whose log has gaps because the cleaner took what later records replace."""
    name = f"test-{uuid.uuid4().hex}"
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    admin.create_topics({name: {"num_partitions": 1, "configs": configs}}, wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=kafka)
    deadline = time.monotonic() + 120
    number = 0
    while True:
        # Only closed segments are cleaned, and a segment closes when a later record comes.
        for _ in range(100):
            producer.send(name, b"%d" % number, key=b"%d" % (number % 30 if number % 3 else number), partition=0)
            number += 1
        producer.flush()
        consumer = KafkaConsumer(name, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=1_000)
        there = sum(1 for _ in consumer)
        consumer.close()
        if there < number - 50:
            producer.close()
            # It stays as it is, so that both transports read the same.
            resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={"cleanup.policy": "delete"})
            admin.alter_configs([resource])
            return name
        assert time.monotonic() < deadline, "the broker does not compact"
        time.sleep(2)


def end_of(kafka: str, topic: str) -> int:
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    (end,) = consumer.end_offsets([TopicPartition(topic, 0)]).values()
    consumer.close()
    return int(end)


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


async def test_a_compacted_log_reads_as_with_the_stock_transport(
    kafka: str, admin: KafkaAdminClient, group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = compacted(kafka, admin)
    seen = {}
    end = end_of(kafka, topic)
    for scheme in ("kafka", transport.SCHEME):
        worker = make_worker(topic, f"{group}-{scheme}", scheme, broker_max_poll_records=20)
        async with running(worker):
            await worker.until(lambda worker=worker: worker.count and worker.seen[0][-1][0] + 1 == end)
            if scheme == transport.SCHEME:  # the stock one commits nothing when the first offsets of a log are gone
                await worker.until(worker.committed_all)
        seen[scheme] = dict(worker.seen)
    assert seen[transport.SCHEME] == seen["kafka"]
    assert committed(kafka, f"{group}-{transport.SCHEME}") == {0: end}
    assert len(seen["kafka"][0]) < end - seen["kafka"][0][0][0], "no gaps: nothing was compacted"


async def test_batches_are_runs_of_consecutive_records_within_the_limit(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 1_000, partitions=2)
    worker = make_worker(topic, group, broker_max_poll_records=150)
    async with running(worker):
        await worker.until(lambda: worker.count >= 1_000)
    assert max(end - start for _, start, end in worker.batches) == 150
    for partition in (0, 1):
        offsets = [record[0] for record in worker.seen[partition]]
        assert offsets == list(range(500))


async def test_nothing_is_committed_before_a_first_batch_that_is_not_acknowledged(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic()
    fill(kafka, topic, 300)
    worker = make_worker(topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == 3)
        first, second, third = worker.unacknowledged
        second.ack()
        third.ack()
        await worker.consumer.commit()
        assert committed(kafka, group) == {}
        assert worker.consumer.done_up_to(TP(topic, 0)) == 0, "of a new group too, all that is held counts as lag"
        first.ack()
        await worker.consumer.commit()
        assert committed(kafka, group) == {0: 300}
        assert worker.consumer.done_up_to(TP(topic, 0)) == 300


async def test_records_in_memory_are_bounded_and_the_member_stays(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 4_000, partitions=2)
    worker = make_worker(topic, group, broker_max_poll_records=100, broker_max_poll_interval=1.0)
    worker.hold = True
    async with running(worker):
        limit = 2 * transport.HELD_BATCHES
        await worker.until(lambda: len(worker.unacknowledged) == limit)
        generation = worker.app.consumer_generation_id
        await asyncio.sleep(3)  # three times max.poll.interval
        assert len(worker.unacknowledged) == limit
        assert worker.app.consumer_generation_id == generation
        worker.release()
        await worker.until(lambda: worker.count == 4_000)
        await worker.until(worker.committed_all)


async def test_bytes_in_memory_are_bounded(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    make_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "HELD_BYTES", 50_000)
    topic = new_topic(4)
    fill(kafka, topic, 400, partitions=4, size=10_000)
    worker = make_worker(topic, group, broker_max_poll_records=2)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: worker.consumer.ledger.bytes_held >= 50_000)
        await asyncio.sleep(0.5)
        assert worker.consumer.ledger.bytes_held < 50_000 + 4 * 2 * 10_100
        worker.release()
        await worker.until(lambda: worker.count == 400)


async def test_a_paused_partition_loses_nothing_that_was_on_its_way(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 20_000, partitions=2)
    worker = make_worker(topic, group, broker_max_poll_records=50)
    tp = TP(topic, 0)
    async with running(worker):
        for _ in range(20):
            await asyncio.sleep(0.05)
            worker.consumer.pause_partitions({tp})
            await asyncio.sleep(0.02)
            worker.consumer.resume_partitions({tp})
        await worker.until(lambda: worker.count >= 20_000)
        await worker.until(worker.committed_all)
    assert [record[0] for record in worker.seen[0]] == list(range(10_000))


async def test_seek_delivers_again_and_forgets_the_batches_that_are_out(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic()
    fill(kafka, topic, 500)
    worker = make_worker(topic, group, broker_max_poll_records=100)
    tp = TP(topic, 0)
    async with running(worker):
        await worker.until(worker.committed_all and (lambda: worker.count == 500))
        await worker.until(worker.committed_all)
        worker.hold = True
        await worker.consumer.seek(tp, 200)
        await worker.until(lambda: len(worker.unacknowledged) == 3)
        stale = worker.unacknowledged.pop(0)
        await worker.consumer.seek(tp, 100)
        assert not stale.message.is_current()
        stale.ack()
        assert worker.consumer.ledger.safe_offset(tp) is None
        worker.unacknowledged.clear()
        await worker.until(lambda: len(worker.unacknowledged) == 4)
        worker.release()
        await worker.consumer.commit()
        assert committed(kafka, group) == {0: 500}
    assert [record[0] for record in worker.seen[0]][-400:] == list(range(100, 500))


async def test_a_commit_that_fails_is_made_again(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    make_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = new_topic()
    fill(kafka, topic, 100)
    worker = make_worker(topic, group)
    commit = transport.Consumer._commit
    attempts: list[Any] = []

    async def fails_twice(self: transport.Consumer, offsets: Any) -> bool:
        attempts.append(offsets)
        return len(attempts) > 2 and await commit(self, offsets)

    monkeypatch.setattr(transport.Consumer, "_commit", fails_twice)
    async with running(worker):
        await worker.until(worker.committed_all and (lambda: len(attempts) > 2))
        await worker.until(worker.committed_all)
    assert committed(kafka, group) == {0: 100}


async def test_a_stop_waits_for_the_batch_in_work_and_commits_it(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic()
    fill(kafka, topic, 1_000)
    worker = make_worker(topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == transport.HELD_BATCHES)
        asyncio.get_running_loop().call_later(0.5, worker.release)
    assert committed(kafka, group) == {0: transport.HELD_BATCHES * 100}


async def test_a_stop_does_not_wait_for_ever(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    make_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FINISH_SECONDS", 0.5)
    topic = new_topic()
    fill(kafka, topic, 300)
    worker = make_worker(topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == 3)
        worker.unacknowledged[0].ack()
    assert committed(kafka, group) == {0: 100}


async def test_a_small_topic_does_not_wait_for_the_backlog_of_a_large_one(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    large, small = new_topic(), new_topic()
    fill(kafka, large, 20_000)
    fill(kafka, small, 300)
    worker = make_worker(large, group, also=small, broker_max_poll_records=100)
    async with running(worker):
        await worker.until(lambda: worker.count == 20_300)
    last_of_small = max(number for number, topic in enumerate(worker.topics) if topic == small)
    assert worker.topics[:last_of_small].count(large) < 100, "the small topic came after half of the large one"


async def test_work_in_flight_is_finished_and_committed_before_a_partition_goes(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(4)
    fill(kafka, topic, 400, partitions=4)
    first = make_worker(topic, group, broker_max_poll_records=100)
    second = make_worker(topic, group, broker_max_poll_records=100)
    first.hold = True
    async with running(first):
        await first.until(lambda: len(first.unacknowledged) == 4)
        asyncio.get_running_loop().call_later(1.0, first.release)
        async with running(second):
            await second.until(lambda: bool(second.app.consumer.assignment()))
            await asyncio.to_thread(fill, kafka, topic, 400, partitions=4)
            await first.until(lambda: sum(committed(kafka, group).values()) == 800)
    offsets = sorted((p, r[0]) for worker in (first, second) for p, seen in worker.seen.items() for r in seen)
    assert offsets == [(p, offset) for p in range(4) for offset in range(200)]


async def test_work_that_outlasts_its_partition_is_done_by_the_next_owner_and_commits_nothing(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    make_worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FINISH_SECONDS", 0.5)
    topic = new_topic(2)
    fill(kafka, topic, 200, partitions=2)
    first = make_worker(topic, group)
    second = make_worker(topic, group)
    first.hold = True
    async with running(first):
        await first.until(lambda: len(first.unacknowledged) == 2)
        held = list(first.unacknowledged)
        second.hold = True
        async with running(second):
            await second.until(lambda: second.count == 100)
            (taken,) = second.seen
            (stale,) = [event for event in held if event.message.partition == taken]
            assert not stale.message.is_current()
            stale.ack()
            await first.consumer.commit()
            assert taken not in committed(kafka, group)
            second.release()
            await second.until(lambda: committed(kafka, group).get(taken) == 100)
            first.unacknowledged.clear()


async def test_members_that_join_and_leave_lose_and_repeat_nothing_that_was_finished(
    kafka: str, new_topic: Callable[..., str], group: str, make_worker: Callable[..., Worker]
) -> None:
    topic = new_topic(4)
    first = make_worker(topic, group, broker_max_poll_records=50)
    second = make_worker(topic, group, broker_max_poll_records=50)
    sent, enough = 0, False

    async def keep_filling() -> None:
        nonlocal sent
        while not enough:
            await asyncio.to_thread(fill, kafka, topic, 400, partitions=4)
            sent += 400

    async with running(first):
        filling = asyncio.create_task(keep_filling())
        for _ in range(2):
            second_before = second.count
            async with running(second):
                await second.until(lambda: second.count > second_before + 500)  # noqa: B023 - awaited here
            second = make_worker(topic, group, broker_max_poll_records=50).continuing(second)
        enough = True
        await filling
        await first.until(lambda: sum(committed(kafka, group).values()) == sent)
    offsets = sorted((p, r[0]) for worker in (first, second) for p, seen in worker.seen.items() for r in seen)
    assert offsets == [(p, offset) for p in range(4) for offset in range(sent // 4)]
