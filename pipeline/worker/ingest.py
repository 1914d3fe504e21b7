"""Batches through a worker: read as they come, gather what was read, store it, and only then say that it is done.

    batches ── join ──> read ── gather ──> store ──> done

Reading goes on while the last flush is stored. Live records come in batches of a few, and those that came while others
were read are read together. What waits is bounded: one flush being stored, one being gathered, two batches being read
and one waiting; further batches wait with whoever brings them. Nothing here knows Faust.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from gapwatch.pipeline.events.event_reader import ReadBatch, RecordReader
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.worker import metrics
from gapwatch.schemas.events import EventType

# One batch with the reader's process and one on its way there, so that it never waits.
READ_AT_ONCE = 2
# What is read together: as much as the transport hands out at once, so that joining makes no batch larger than that.
JOINED_RECORDS = 2_000
# How long the first waits for others to be read with: a call costs the two processes 3 ms, and what is read waits for
# its flush anyway.
JOIN_SECONDS = 0.04
# When nothing more is on its way, a flush does not wait any longer. But ClickHouse is given no more than five a second:
# each is a part of two tables, and takes 30 ms of processor time whatever its size.
QUIET_SECONDS = 0.2


@dataclass(frozen=True)
class Batch:
    """Records on their way: `done` is called once everything in it is stored or a dead letter.

    `current` turns false when nobody waits for `done` any more, because the partition went to another worker.
    """

    event_type: EventType
    records: Sequence[Record]
    done: Callable[[], object]
    current: Callable[[], bool] = lambda: True


class Store(Protocol):
    """Where flushes go. `store` returns when all of the flush is safe, and raises only when the process stops."""

    def store(self, flush: "Flush") -> None: ...


@dataclass
class Flush:
    """What is stored together."""

    batches: list[Batch] = field(default_factory=list)
    read: list[ReadBatch] = field(default_factory=list)
    records: int = 0
    opened: float = 0.0

    def add(self, batches: Sequence[Batch], read: ReadBatch) -> None:
        """Add batches that were read together."""
        if not self.batches:
            self.opened = time.monotonic()
        self.batches += batches
        self.read.append(read)
        self.records += _records(batches)

    @property
    def published(self) -> float:
        """When the newest of its records was, in seconds since 1970."""
        return max(batch.records[-1].timestamp for batch in self.batches) / 1000


class Ingest:
    """Takes batches with `put`, runs them through reading and storing with `run`, and calls `done` of each."""

    def __init__(self, reader: RecordReader, store: Store, *, flush_events: int, flush_seconds: float) -> None:
        self._reader = reader
        self._store = store
        self._flush_events = flush_events
        self._flush_seconds = flush_seconds
        self._joined_records = min(JOINED_RECORDS, flush_events)
        self._inbox: list[Batch] = []
        self._slots = asyncio.Semaphore(READ_AT_ONCE)
        self._being_read: asyncio.Queue[tuple[list[Batch], asyncio.Future[ReadBatch]]] = asyncio.Queue()
        self._on_their_way = 0
        self._open = Flush()
        self._changed = asyncio.Condition()
        self._began = 0.0

    async def put(self, batch: Batch) -> None:
        """Take a batch; waits while the ones before it are not read."""
        metrics.count_taken(batch.records)
        async with self._changed:
            await self._changed.wait_for(lambda: _records(self._inbox) < self._joined_records)
            self._inbox.append(batch)
            self._on_their_way += 1
            self._changed.notify_all()

    async def run(self) -> None:
        """Work until cancelled. An exception that leaves here is a fault of the program; nothing was acknowledged."""
        with ThreadPoolExecutor(READ_AT_ONCE, "read") as reading, ThreadPoolExecutor(1, "store") as storing:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hand_out(reading))
                tasks.create_task(self._gather())
                tasks.create_task(self._store_flushes(storing))

    async def _hand_out(self, reading: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._slots.acquire()
            batches = await self._next_to_read()
            read = loop.run_in_executor(reading, self._read, batches)
            self._being_read.put_nowait((batches, read))

    async def _next_to_read(self) -> list[Batch]:
        """What has come of one type, in its order, up to as much as is read together."""
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._inbox)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(JOIN_SECONDS):
                        await self._changed.wait_for(lambda: _records(self._inbox) >= self._joined_records)
                taken, self._inbox = _of_one_type(self._inbox, self._joined_records)
                current = [batch for batch in taken if batch.current()]
                self._on_their_way -= len(taken) - len(current)
                self._changed.notify_all()
                if current:
                    return current

    def _read(self, batches: Sequence[Batch]) -> ReadBatch:
        records = [record for batch in batches for record in batch.records]
        with metrics.STAGE_SECONDS.labels("read").time():
            return self._reader.read(batches[0].event_type, records)

    async def _gather(self) -> None:
        while True:
            batches, reading = await self._being_read.get()
            read = await reading
            async with self._changed:
                await self._changed.wait_for(lambda: self._open.records < self._flush_events)
                self._open.add(batches, read)
                self._on_their_way -= len(batches)
                self._changed.notify_all()
            self._slots.release()

    async def _store_flushes(self, storing: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            flush = await self._next_flush()
            self._began = time.monotonic()
            await loop.run_in_executor(storing, self._store.store, flush)
            for batch in flush.batches:
                batch.done()

    async def _next_flush(self) -> Flush:
        """What is gathered, once it is `flush_events`, or has waited `flush_seconds`, or nothing more is on its way and
        the last flush began a while ago.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._open.batches)
            latest = self._open.opened + self._flush_seconds
            if not await self._full(until=min(latest, self._began + QUIET_SECONDS)):
                await self._full(until=latest, or_quiet=True)
            flush, self._open = self._open, Flush()
            self._changed.notify_all()
            return flush

    async def _full(self, until: float, or_quiet: bool = False) -> bool:
        """Wait for a flush's worth, or for quiet, but no longer than `until`; the lock is held."""

        def reached() -> bool:
            return self._open.records >= self._flush_events or (or_quiet and not self._on_their_way)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                await self._changed.wait_for(reached)
        return reached()


def _of_one_type(waiting: Sequence[Batch], most: int) -> tuple[list[Batch], list[Batch]]:
    """The first and those of its type that follow it, up to so many records; and the others."""
    taken: list[Batch] = []
    left: list[Batch] = []
    full = False
    for batch in waiting:
        if batch.event_type != waiting[0].event_type:
            left.append(batch)
            continue
        full = full or (bool(taken) and _records([*taken, batch]) > most)
        (left if full else taken).append(batch)
    return taken, left


def _records(batches: Iterable[Batch]) -> int:
    return sum(len(batch.records) for batch in batches)
