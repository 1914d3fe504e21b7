"""Which offsets the batch transport commits."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from faust.types import TP
from transport_logs import fill
from transport_worker import Worker, committed, running

from agents import transport

pytestmark = pytest.mark.integration


async def test_nothing_is_committed_before_a_first_batch_that_is_not_acknowledged(
    kafka: str, new_topic: Callable[..., str], group: str
) -> None:
    topic = new_topic()
    fill(kafka, topic, 300)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100)
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
    topic = new_topic()
    fill(kafka, topic, 300)
    worker = Worker(kafka, topic, group, broker_max_poll_records=100)
    worker.hold = True
    async with running(worker):
        await worker.until(lambda: len(worker.unacknowledged) == 3)
        worker.unacknowledged[0].ack()
    assert committed(kafka, group) == {0: 100}
