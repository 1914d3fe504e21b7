"""What the batch transport holds in memory, and which partition it reads next."""

from collections.abc import Callable

import pytest
from faust.types import TP
from support.filled_topics import fill
from support.recording_worker import Worker, coordinator, running

from gapwatch.agents.transport import driver as transport

pytestmark = pytest.mark.integration


def heartbeats(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each heartbeat from now on was answered as a member's."""
    beats: list[bool] = []
    member = coordinator(worker)
    beat = member._do_heartbeat

    async def noted() -> bool:
        beats.append(await beat())
        return beats[-1]

    monkeypatch.setattr(member, "_do_heartbeat", noted)
    return beats


async def test_records_in_memory_are_bounded_and_the_member_stays(
    kafka: str, new_topic: Callable[..., str], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 4_000, partitions=2)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100, broker_max_poll_interval=2.0)
    worker.hold = True
    async with running(worker):
        limit = 2 * transport.HELD_BATCHES
        await worker.until(lambda: len(worker.unacknowledged) == limit)
        generation = worker.app.consumer_generation_id
        beats = heartbeats(worker, monkeypatch)
        await worker.until(
            lambda: len(beats) == 4
        )  # one in a second; before each the member looks at max.poll.interval
        assert all(beats)
        assert len(worker.unacknowledged) == limit
        assert worker.app.consumer_generation_id == generation
        worker.release()
        await worker.until(lambda: worker.count == 4_000)
        await worker.until(worker.committed_all)


async def test_bytes_in_memory_are_bounded(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "HELD_BYTES", 50_000)
    topic = new_topic(4)
    fill(kafka, topic, 400, partitions=4, size=10_000)
    worker = Worker(kafka, topic, group, broker_max_poll_records=2)
    worker.hold = True
    async with running(worker):
        ledger = worker.consumer.ledger
        while worker.count < 400:  # full again each time, and never fuller
            await worker.until(lambda: ledger.bytes_held >= 50_000 or worker.count == 400)
            assert ledger.bytes_held < 50_000 + 4 * 2 * 10_100
            for _ in range(2):
                worker.unacknowledged.pop(0).ack()
        worker.release()


async def more_of(worker: Worker, partition: int) -> None:
    before = len(worker.seen[partition])
    await worker.until(lambda: len(worker.seen[partition]) > before or len(worker.seen[partition]) == 10_000)


async def test_a_paused_partition_loses_nothing_that_was_on_its_way(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic(2)
    fill(kafka, topic, 20_000, partitions=2)
    worker = Worker(kafka, topic, group, broker_max_poll_records=50)
    tp = TP(topic, 0)
    async with running(worker):
        for _ in range(20):
            await more_of(worker, 0)
            worker.consumer.pause_partitions({tp})
            await more_of(worker, 1)
            worker.consumer.resume_partitions({tp})
        await worker.until(lambda: worker.count >= 20_000)
        await worker.until(worker.committed_all)
    assert [record[0] for record in worker.seen[0]] == list(range(10_000))


async def test_a_small_topic_does_not_wait_for_the_backlog_of_a_large_one(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    large, small = new_topic(), new_topic()
    fill(kafka, large, 20_000)
    fill(kafka, small, 300)
    worker = Worker(kafka, large, group, also=small, broker_max_poll_records=100)
    async with running(worker):
        await worker.until(lambda: worker.count == 20_300)
    last_of_small = max(number for number, topic in enumerate(worker.topics) if topic == small)
    assert worker.topics[:last_of_small].count(large) < 100, "the small topic came after half of the large one"
