"""A topic that is deleted and made again is another topic: its records are read from the first, whatever was committed."""

import logging
from collections.abc import Callable

import pytest
from faust.types import TP
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata
from support.filled_topics import fill
from support.recording_worker import Worker, committed, running
from support.waiting import eventually, eventually_async

from gapwatch.agents.transport import fetching

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TOPICS_SECONDS", 0.3, raising=False)


def delete(admin: KafkaAdminClient, topic: str) -> None:
    admin.delete_topics([topic])
    eventually(lambda: topic not in admin.list_topics())


def create(admin: KafkaAdminClient, topic: str) -> None:
    admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)


def committed_of(kafka: str, group: str, topic: str) -> int | None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        found = admin.list_group_offsets(group).get(group, {}).get(TopicPartition(topic, 0))
    finally:
        admin.close()
    return found.offset if found else None


async def test_other_topics_go_on_and_the_new_one_is_read_from_its_beginning(
    kafka: str,
    admin: KafkaAdminClient,
    new_topic: Callable[..., str],
    group: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic, other = new_topic(), new_topic()
    fill(kafka, topic, 200)
    worker = Worker(kafka, topic, group, also=other)
    caplog.set_level(logging.WARNING)
    async with running(worker):
        await worker.until(lambda: worker.count == 200)
        await eventually_async(lambda: committed_of(kafka, group, topic) == 200)
        delete(admin, topic)
        fill(kafka, other, 100)
        await worker.until(lambda: worker.topics.count(other) > 0 and worker.count == 300)
        await eventually_async(lambda: committed_of(kafka, group, other) == 100)
        create(admin, topic)
        fill(kafka, topic, 50)
        await worker.until(lambda: worker.count == 350)
        await eventually_async(lambda: committed_of(kafka, group, topic) == 50)
    assert [record[0] for record in worker.seen[0]][-50:] == list(range(50))
    assert len(caplog.records) < 100, "a line for each request"


async def test_a_topic_made_anew_at_once_and_longer_than_the_old_one_is_read_from_its_beginning(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 20)
    worker = Worker(kafka, topic, group)
    async with running(worker):
        await worker.until(lambda: worker.count == 20)
        await eventually_async(lambda: committed_of(kafka, group, topic) == 20)
        admin.delete_topics([topic])
        create(admin, topic)
        fill(kafka, topic, 500)
        await worker.until(lambda: {record[0] for record in worker.seen[0][20:]} == set(range(500)))
        await eventually_async(lambda: committed_of(kafka, group, topic) == 500)


async def test_offsets_of_an_old_topic_are_not_taken_for_those_of_the_new_one(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 100)
    admin.alter_group_offsets(
        group, {TopicPartition(topic, 0): OffsetAndMetadata(60, "11111111-2222-3333-4444-555555555555", -1)}
    )
    worker = Worker(kafka, topic, group)
    async with running(worker):
        await worker.until(lambda: worker.count == 100)
        await worker.until(lambda: committed(kafka, group) == {0: 100})
    assert worker.consumer.done_up_to(TP(topic, 0)) is not None


async def test_offsets_that_others_committed_hold(
    kafka: str, admin: KafkaAdminClient, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 100)
    admin.alter_group_offsets(group, {TopicPartition(topic, 0): OffsetAndMetadata(60, "", -1)})
    worker = Worker(kafka, topic, group)
    async with running(worker):
        await worker.until(lambda: worker.count == 40)
        await worker.until(lambda: committed(kafka, group) == {0: 100})
