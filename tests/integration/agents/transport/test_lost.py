"""Records that leave the log before they are read: the app is told, and the transport goes on behind them."""

from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient, TopicPartition
from support.filled_topics import fill
from support.recording_worker import Worker, committed, running

from gapwatch.pipeline.kafka.lost import Lost

pytestmark = pytest.mark.integration


def listening(worker: Worker) -> list[Lost]:
    """What its app is told."""
    told: list[Lost] = []

    async def on_lost(lost: Lost) -> None:
        told.append(lost)

    worker.app.on_lost = on_lost  # type: ignore[attr-defined]
    return told


def remove(admin: KafkaAdminClient, topic: str, before: int) -> None:
    admin.delete_records({TopicPartition(topic, 0): before})


async def test_what_left_while_nobody_read_is_told_also_when_nothing_follows(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 100)
    worker = Worker(kafka, topic, group)
    told = listening(worker)
    async with running(worker):
        await worker.until(lambda: committed(kafka, group) == {0: 100})
    assert told == []
    fill(kafka, topic, 50)
    remove(admin, topic, 150)
    for expected in ([Lost(topic, 0, 100, 150)], []):
        worker = Worker(kafka, topic, group)
        told = listening(worker)
        async with running(worker):
            await worker.until(lambda: committed(kafka, group) == {0: 150})
        assert told == expected
    fill(kafka, topic, 7)
    worker = Worker(kafka, topic, group)
    async with running(worker):
        await worker.until(lambda: committed(kafka, group) == {0: 157})
    assert worker.count == 7


async def test_what_leaves_under_a_worker_that_has_no_room_is_told(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 1_000)
    worker = Worker(kafka, topic, group, broker_max_poll_records=10, consumer_max_fetch_size=2_000)
    worker.hold = True
    told = listening(worker)
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) >= 4)
        remove(admin, topic, 900)
        worker.release()
        await worker.until(lambda: committed(kafka, group) == {0: 1_000})
    [lost] = told
    assert lost.next_offset == 900
    assert worker.count == lost.first_offset + 100, "what was fetched before is delivered"


async def test_a_group_that_begins_commits_where(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 20)
    remove(admin, topic, 20)
    worker = Worker(kafka, topic, group)
    told = listening(worker)
    async with running(worker):
        await worker.until(lambda: committed(kafka, group) == {0: 20})
    assert told == [], "what left before there was a group is nobody's loss"
