"""Which offsets the batch transport commits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError
from faust.types import TP
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import MemberToRemove
from kafka.structs import OffsetAndMetadata
from support.filled_topics import fill
from support.recording_worker import Worker, committed, coordinator, running

from gapwatch.agents.transport import driver as transport

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def holding(kafka: str, topic: str, group: str, batches: int) -> AsyncIterator[Worker]:
    """A worker that has taken the whole topic, so many batches of a hundred records, and acknowledged none."""
    fill(kafka, topic, 100 * batches)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == batches)
        yield worker


async def test_nothing_is_committed_before_a_first_batch_that_is_not_acknowledged(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    async with holding(kafka, topic, group, batches=3) as worker:
        first, second, third = worker.unacknowledged
        second.ack()
        third.ack()
        await worker.consumer.commit()
        assert committed(kafka, group) == {0: 0}
        assert worker.consumer.done_up_to(TP(topic, 0)) == 0, "of a new group too, all that is held counts as lag"
        first.ack()
        await worker.consumer.commit()
        assert committed(kafka, group) == {0: 300}
        assert worker.consumer.done_up_to(TP(topic, 0)) == 300


async def test_seek_delivers_again_and_forgets_the_batches_that_are_out(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 500)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100)
    tp = TP(topic, 0)
    async with running(worker):
        await worker.until(lambda: worker.count == 500)
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = new_topic()
    fill(kafka, topic, 100)
    worker = Worker(kafka, topic, group)
    commit = transport.Consumer._commit
    attempts: list[Any] = []

    async def fails_twice(self: transport.Consumer, offsets: Any) -> bool:
        attempts.append(offsets)
        return len(attempts) > 2 and await commit(self, offsets)

    monkeypatch.setattr(transport.Consumer, "_commit", fails_twice)
    async with running(worker):
        await worker.until(lambda: len(attempts) > 2)
        await worker.until(worker.committed_all)
    assert committed(kafka, group) == {0: 100}


async def test_a_member_that_was_put_out_of_its_group_moves_no_offset_back(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    async with holding(kafka, topic, group, batches=3) as worker:
        await asyncio.to_thread(_put_out, kafka, group, coordinator(worker).member_id, TopicPartition(topic, 0), 200)
        worker.unacknowledged[0].ack()
        await worker.consumer.commit()
        await worker.until(lambda: worker.count == 400 or committed(kafka, group) != {0: 200})
        assert committed(kafka, group) == {0: 200}
        worker.release()
        await worker.until(lambda: committed(kafka, group) == {0: 300})


def _put_out(kafka: str, group: str, member: str, tp: TopicPartition, offset: int) -> None:
    """As if the member had hung, and another had come, committed and gone."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        admin.remove_group_members(group, [MemberToRemove(member_id=member)])
        admin.alter_group_offsets(group, {tp: OffsetAndMetadata(offset, "", -1)})
    finally:
        admin.close()


async def test_what_was_to_be_committed_in_one_generation_is_not_committed_in_the_next(
    kafka: str, new_topic: Callable[..., str], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations: list[int] = []
    commits: list[Any] = []
    commit = transport.Consumer._commit

    async def counted(self: transport.Consumer, offsets: Any) -> bool:
        commits.append(offsets)
        return await commit(self, offsets)

    monkeypatch.setattr(transport.Consumer, "_commit", counted)
    async with holding(kafka, new_topic(), group, batches=1) as worker:
        member = coordinator(worker)
        attempt = member._do_commit_offsets

        async def first_when_the_group_rebalances(*args: Any) -> None:
            generations.append(member.generation)
            if len(generations) == 1:
                member.generation += 10
                raise GroupCoordinatorNotAvailableError
            await attempt(*args)

        monkeypatch.setattr(member, "_do_commit_offsets", first_when_the_group_rebalances)
        worker.release()
        await worker.until(lambda: committed(kafka, group) == {0: 100})
        assert worker.count == 200, "the partition is read again, by whoever has it then"
    assert len(generations) <= len(commits), "none is attempted again in another generation"


async def test_a_commit_that_is_under_way_does_not_hide_a_seek(
    kafka: str, new_topic: Callable[..., str], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic()
    commit = transport.Consumer._commit
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(self: transport.Consumer, offsets: Any) -> bool:
        begun.set()
        await go_on.wait()
        return await commit(self, offsets)

    monkeypatch.setattr(transport.Consumer, "_commit", slow)
    async with holding(kafka, topic, group, batches=3) as worker:
        worker.release()
        await begun.wait()
        worker.hold = True
        await worker.consumer.seek(TP(topic, 0), 0)
        await worker.until(lambda: len(worker.unacknowledged) == 3)
        go_on.set()
        await worker.until(lambda: committed(kafka, group) == {0: 300})
        worker.unacknowledged.pop(0).ack()
        await worker.until(lambda: committed(kafka, group) == {0: 100})


async def test_a_stop_waits_for_the_batch_in_work_and_commits_it(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 1_000)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == transport.HELD_BATCHES)
        asyncio.get_running_loop().call_later(0.5, worker.release)
    assert committed(kafka, group) == {0: transport.HELD_BATCHES * 100}


async def test_a_stop_does_not_wait_for_ever(
    kafka: str,
    new_topic: Callable[..., str],
    group: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FINISH_SECONDS", 0.5)
    async with holding(kafka, new_topic(), group, batches=3) as worker:
        worker.unacknowledged[0].ack()
    assert committed(kafka, group) == {0: 100}
