"""The batch transport beside the stock one, on the same logs."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as stock
from faust.types import TP
from kafka import KafkaAdminClient, KafkaProducer
from support.filled_topics import compacted, ends_of, fill, fill_compressed, fill_with_oddities
from support.recording_worker import Seen, Worker, committed, running

from gapwatch.agents.transport import driver as transport
from gapwatch.agents.transport.fetching import ConsumerThread

pytestmark = pytest.mark.integration

SCHEMES = ("kafka", transport.SCHEME)


@pytest.fixture(autouse=True)
def the_stock_transport_reads_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ours does; Faust has no setting for it."""
    create = stock.AIOKafkaConsumerThread._create_worker_consumer

    def reading_committed(self: Any, transport: Any) -> Any:
        consumer = create(self, transport)
        if not isinstance(self, ConsumerThread):
            consumer._isolation_level = "read_committed"
        return consumer

    monkeypatch.setattr(stock.AIOKafkaConsumerThread, "_create_worker_consumer", reading_committed)


async def seen_by(worker: Worker, enough: Callable[[Worker], bool]) -> Seen:
    async with running(worker):
        await worker.until(lambda: enough(worker))
        if worker.batched:  # the stock one commits nothing when the first offsets of a log are gone
            await worker.until(worker.committed_all)
    return dict(worker.seen)


async def count_seen_by(worker: Worker, count: int) -> Seen:
    return await seen_by(worker, lambda worker: worker.count >= count)


async def test_same_records_order_and_committed_offsets_as_the_stock_transport(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic(3)
    count, aborted = fill_with_oddities(kafka, topic)
    count -= aborted
    ends = ends_of(kafka, topic)
    results = {}
    for scheme in SCHEMES:
        worker = Worker(kafka, topic, f"{group}-{scheme}", scheme)
        async with running(worker):
            await worker.until(lambda: worker.count >= count)  # noqa: B023 - awaited here
            await worker.until(worker.committed_all)
            if worker.batched:
                await worker.until(lambda: committed(kafka, f"{group}-{scheme}") == ends)  # noqa: B023
        results[scheme] = (dict(worker.seen), committed(kafka, f"{group}-{scheme}"))
    assert results[transport.SCHEME][0] == results["kafka"][0]
    # The stock one stops before the marker that ends a transaction, and is behind by one for ever.
    assert {partition: offset + 1 for partition, offset in results["kafka"][1].items()} == ends
    assert sum(map(len, results["kafka"][0].values())) == count


async def test_records_of_a_transaction_are_read_when_it_is_committed(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    worker = Worker(kafka, topic, group)
    producer = KafkaProducer(bootstrap_servers=kafka, transactional_id=topic)
    producer.init_transactions()
    with closing(producer):
        async with running(worker):
            for outcome, read in (("abort", 0), ("commit", 10), ("abort", 10)):
                producer.begin_transaction()
                for number in range(10):
                    producer.send(topic, b"%d" % number)
                producer.flush()
                before = committed(kafka, group) if read else {}
                # What is behind an open transaction waits for it too: this is read when the transaction has ended.
                fill(kafka, topic, 1)
                assert committed(kafka, group) == before or outcome == "abort"
                getattr(producer, f"{outcome}_transaction")()
                await worker.until(lambda: committed(kafka, group) == ends_of(kafka, topic))
    assert worker.count == 10 + 3


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches_are_read_in_parts_and_from_inside(
    kafka: str, new_topic: Callable[..., str], group: str, codec: str
) -> None:
    topic = new_topic()
    await fill_compressed(kafka, topic, 500, codec)
    workers = [Worker(kafka, topic, f"{group}-{scheme}", scheme, broker_max_poll_records=37) for scheme in SCHEMES]
    expected, found = [await count_seen_by(worker, 500) for worker in workers]
    assert found == expected
    worker = Worker(kafka, topic, group, broker_max_poll_records=37)
    async with running(worker):
        await worker.until(lambda: worker.count == 500)
        await worker.consumer.seek(TP(topic, 0), 123)
        await worker.until(lambda: worker.count == 500 + 377)
    assert worker.seen[0] == expected[0] + expected[0][123:]


async def test_a_compacted_log_reads_as_with_the_stock_transport(
    kafka: str, admin: KafkaAdminClient, group: str
) -> None:
    topic = compacted(kafka, admin)
    end = ends_of(kafka, topic)[0]

    def at_end(worker: Worker) -> bool:
        return worker.count > 0 and worker.seen[0][-1][0] + 1 == end

    workers = [Worker(kafka, topic, f"{group}-{scheme}", scheme, broker_max_poll_records=20) for scheme in SCHEMES]
    expected, found = [await seen_by(worker, at_end) for worker in workers]
    assert found == expected
    assert committed(kafka, f"{group}-{transport.SCHEME}") == {0: end}
    assert len(found[0]) < end - found[0][0][0], "no gaps: nothing was compacted"


async def test_batches_are_runs_of_consecutive_records_within_the_limit(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 1_000, partitions=2)
    worker = Worker(kafka, topic, group, broker_max_poll_records=150)
    async with running(worker):
        await worker.until(lambda: worker.count >= 1_000)
    assert max(end - start for _, start, end in worker.batches) == 150
    for partition in (0, 1):
        offsets = [record[0] for record in worker.seen[partition]]
        assert offsets == list(range(500))
