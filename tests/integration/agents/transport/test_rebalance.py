"""The batch transport when partitions come and go."""

import asyncio
from collections.abc import Callable

import pytest
from support.filled_topics import fill
from support.recording_worker import Worker, committed, running

from gapwatch.agents.transport import driver as transport

pytestmark = pytest.mark.integration


async def test_work_in_flight_is_finished_and_committed_before_a_partition_goes(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic(4)
    fill(kafka, topic, 400, partitions=4)
    first = Worker(kafka, topic, group, broker_max_poll_records=100)
    second = Worker(kafka, topic, group, broker_max_poll_records=100)
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FINISH_SECONDS", 0.5)
    topic = new_topic(2)
    fill(kafka, topic, 200, partitions=2)
    first = Worker(kafka, topic, group)
    second = Worker(kafka, topic, group)
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
            assert committed(kafka, group)[taken] == 0, "where the group began"
            second.release()
            await second.until(lambda: committed(kafka, group).get(taken) == 100)
            first.unacknowledged.clear()


async def test_members_that_join_and_leave_lose_and_repeat_nothing_that_was_finished(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic(4)
    first = Worker(kafka, topic, group, broker_max_poll_records=50)
    second = Worker(kafka, topic, group, broker_max_poll_records=50)
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
            second = Worker(kafka, topic, group, broker_max_poll_records=50).continuing(second)
        enough = True
        await filling
        await first.until(lambda: sum(committed(kafka, group).values()) == sent)
    offsets = sorted((p, r[0]) for worker in (first, second) for p, seen in worker.seen.items() for r in seen)
    assert offsets == [(p, offset) for p in range(4) for offset in range(sent // 4)]
