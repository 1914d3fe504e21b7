"""Batches are read, gathered and stored, with a reader and a store that do as they are told."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.fake_reader import FakeReader, record
from support.waiting import eventually_async

from gapwatch.pipeline.events.event_reader import EventReader, ReadBatch
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.worker.ingest import Batch, Flush, Ingest
from gapwatch.schemas.events import EventType


@pytest.fixture
def reader() -> EventReader:
    return EventReader(FakeReader())


class Recording:
    """A store that notes flushes; those that are `held` it stores as they are released."""

    def __init__(self) -> None:
        self.flushes: list[Flush] = []
        self.held = False
        self.released = threading.Semaphore(0)

    def store(self, flush: Flush) -> None:
        assert not self.held or self.released.acquire(timeout=60)
        self.flushes.append(flush)


@contextlib.asynccontextmanager
async def running(ingest: Ingest) -> AsyncIterator[None]:
    task = asyncio.create_task(ingest.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def batches(count: int, size: int, done: list[int], **options: Any) -> list[Batch]:
    return [
        Batch(
            "feedback", [record(number * size + at) for at in range(size)], lambda n=number: done.append(n), **options
        )
        for number in range(count)
    ]


async def test_done_follows_the_store_and_not_before(reader: EventReader) -> None:
    store, stored = Recording(), list[int]()
    ingest = Ingest(reader, store, flush_events=10, flush_seconds=0.01)
    async with running(ingest):
        for batch in batches(2, 10, []):
            note = replace(batch, done=lambda: stored.append(sum(flush.records for flush in store.flushes)))
            await ingest.put(note)
        await eventually_async(lambda: len(stored) == 2)
    assert stored[0] >= 10
    assert stored[1] == 20


async def test_a_full_flush_does_not_wait_for_its_age(reader: EventReader) -> None:
    store, done = Recording(), list[int]()
    ingest = Ingest(reader, store, flush_events=30, flush_seconds=3600)
    async with running(ingest):
        for batch in batches(3, 10, done):
            await ingest.put(batch)
        await eventually_async(lambda: done == [0, 1, 2])
    assert [flush.records for flush in store.flushes] == [30]


async def test_what_waits_is_bounded_while_the_store_does_not_answer(reader: EventReader) -> None:
    store, done = Recording(), list[int]()
    store.held = True
    ingest = Ingest(reader, store, flush_events=10, flush_seconds=0.01)
    taken = most = 0

    async def bring() -> None:
        nonlocal taken, most
        for batch in batches(50, 10, done):
            await ingest.put(batch)
            taken += 1
            most = max(most, taken - len(store.flushes))

    async with running(ingest):
        bringing = asyncio.create_task(bring())
        for number in range(50):
            await eventually_async(lambda: taken - number == min(5, 50 - number))  # noqa: B023 - awaited here
            store.released.release()
        await bringing
        await eventually_async(lambda: len(done) == 50)
    assert most == 5, "one being stored, one gathered, two read and one waiting for its turn"


async def test_small_batches_that_wait_are_read_together(reader: EventReader) -> None:
    class Counting:
        sizes: list[int] = []  # noqa: RUF012 - one instance

        def read(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
            self.sizes.append(len(records))
            return reader.read(event_type, records)

    store, done, counting = Recording(), list[int](), Counting()
    ingest = Ingest(counting, store, flush_events=50, flush_seconds=3600)
    for batch in batches(5, 10, done):
        await ingest.put(batch)
    async with running(ingest):
        await eventually_async(lambda: done == [0, 1, 2, 3, 4])
    assert counting.sizes == [50]


async def test_nothing_waits_for_its_age_when_no_more_is_on_its_way(reader: EventReader) -> None:
    store, done = Recording(), list[int]()
    ingest = Ingest(reader, store, flush_events=1_000, flush_seconds=3600)
    async with running(ingest):
        for batch in batches(3, 10, done):
            await ingest.put(batch)
            await eventually_async(lambda: len(done) * 10 > batch.records[0].offset)  # noqa: B023 - called at once
    assert [flush.records for flush in store.flushes] == [10, 10, 10]


async def test_batches_of_partitions_that_went_away_are_not_read(reader: EventReader) -> None:
    store, done = Recording(), list[int]()
    ingest = Ingest(reader, store, flush_events=10, flush_seconds=0.01)
    async with running(ingest):
        for batch in batches(2, 10, done, current=lambda: False):
            await ingest.put(batch)
        for batch in batches(1, 5, done):
            await ingest.put(batch)
        await eventually_async(lambda: done == [0])
    assert [flush.records for flush in store.flushes] == [5]


async def test_a_fault_of_the_program_ends_the_work(reader: EventReader) -> None:
    class Broken:
        def store(self, flush: Flush) -> None:
            raise RuntimeError("a fault")

    done: list[int] = []
    ingest = Ingest(reader, Broken(), flush_events=10, flush_seconds=0.01)
    task = asyncio.create_task(ingest.run())
    await ingest.put(batches(1, 10, done)[0])
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(task, 10)
    assert done == []
