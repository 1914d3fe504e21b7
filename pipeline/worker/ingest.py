"""From records to rows: read batches as they come, gather what was read, store it, and only then say that it is done.

    records ── join ──> read ──> columns ── gather ──> store ──> done

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
from datetime import UTC, datetime
from typing import Protocol

from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.conversations import ordered
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected, decode
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics
from gapwatch.schemas.events import AnyEvent, Chat, EventType, Feedback, Turn

log = logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
class Delivery:
    """A batch on its way: `done` is called once everything in it is stored or a dead letter.

    `current` turns false when nobody waits for `done` any more, because the partition went to another worker.
    """

    event_type: EventType
    records: Sequence[Record]
    done: Callable[[], object]
    current: Callable[[], bool] = lambda: True


@dataclass
class Portion:
    """What became of some records: rows to store and dead letters."""

    columns: EventColumns
    dead: list[DeadLetter] = field(default_factory=list)
    latest: datetime = EPOCH
    """The time of the latest event."""


def joined(portions: Iterable[Portion]) -> Portion:
    """All in one, the first of them."""
    whole, *others = portions
    for other in others:
        whole.columns.extend(other.columns)
        whole.dead += other.dead
        whole.latest = max(whole.latest, other.latest)
    return whole


class TextReader(Protocol):
    """The language layer, as far as it is used here: gapwatch.pipeline.language.reader.Reader."""

    version: str

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]: ...
    def read_chat(self, turns: Sequence[Turn]) -> ChatReading: ...


class RecordReader(Protocol):
    """Reads records; raises for none of them."""

    def read(self, event_type: EventType, records: Sequence[Record]) -> Portion: ...


class EventReader:
    """Decodes and reads records; a record that cannot be read becomes a dead letter and harms no other."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader

    def read(self, event_type: EventType, records: Sequence[Record]) -> Portion:
        portion = Portion(EventColumns(self._reader.version))
        kept: list[tuple[AnyEvent, Record]] = []
        now = datetime.now(UTC)
        for record in records:
            try:
                kept.append((decode(event_type, record.value, now), record))
            except Rejected as rejected:
                portion.dead.append(DeadLetter.of(record, rejected))
        if kept:
            self._append(portion, kept)
        return portion

    def _append(self, portion: Portion, kept: Sequence[tuple[AnyEvent, Record]]) -> None:
        """Read and append; of events that make the reader raise, the halves are tried again down to the one."""
        try:
            readings = self._readings([event for event, _ in kept])
        except Exception as error:  # noqa: BLE001 - whatever one text does to the reader, the others go on
            if len(kept) == 1:
                # No traceback and no message: they may quote the customer.
                log.error("an event makes the reader fail", error=type(error).__name__, **_place(kept[0][1]))  # noqa: TRY400
                portion.dead.append(DeadLetter.of(kept[0][1], Rejected(Reason.READER_FAILED, type(error).__name__)))
                return
            middle = len(kept) // 2
            self._append(portion, kept[:middle])
            self._append(portion, kept[middle:])
            return
        for (event, record), reading in zip(kept, readings, strict=True):
            portion.columns.append(event, reading, record)
            portion.latest = max(portion.latest, event.event_time)

    def _readings(self, events: Sequence[AnyEvent]) -> list[Reading | ChatReading]:
        texts = [event for event in events if not isinstance(event, Chat)]
        readings = iter(
            self._reader.read(
                [event.text for event in texts],
                [event.rating if isinstance(event, Feedback) else None for event in texts],
            )
        )
        return [
            self._reader.read_chat(ordered(event.turns)) if isinstance(event, Chat) else next(readings)
            for event in events
        ]


class Store(Protocol):
    """Where flushes go. `store` returns when all of the flush is safe, and raises only when the process stops."""

    def store(self, flush: "Flush") -> None: ...


@dataclass
class Flush:
    """What is stored together."""

    portions: list[Portion] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    records: int = 0
    opened: float = 0.0

    def add(self, deliveries: Sequence[Delivery], portion: Portion) -> None:
        if not self.deliveries:
            self.opened = time.monotonic()
        self.deliveries += deliveries
        self.portions.append(portion)
        self.records += _records(deliveries)

    @property
    def published(self) -> float:
        """When the newest of its records was, in seconds since 1970."""
        return max(delivery.records[-1].timestamp for delivery in self.deliveries) / 1000


class Ingest:
    """Takes deliveries with `put`, runs them through reading and storing with `run`, and calls `done` of each."""

    def __init__(self, reader: RecordReader, store: Store, *, flush_events: int, flush_seconds: float) -> None:
        self._reader = reader
        self._store = store
        self._flush_events = flush_events
        self._flush_seconds = flush_seconds
        self._joined_records = min(JOINED_RECORDS, flush_events)
        self._inbox: list[Delivery] = []
        self._slots = asyncio.Semaphore(READ_AT_ONCE)
        self._being_read: asyncio.Queue[tuple[list[Delivery], asyncio.Future[Portion]]] = asyncio.Queue()
        self._on_their_way = 0
        self._open = Flush()
        self._changed = asyncio.Condition()
        self._began = 0.0

    async def put(self, delivery: Delivery) -> None:
        """Take a delivery; waits while the ones before it are not read."""
        async with self._changed:
            await self._changed.wait_for(lambda: _records(self._inbox) < self._joined_records)
            self._inbox.append(delivery)
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
            joined = await self._next_to_read()
            portion = loop.run_in_executor(reading, self._read, joined)
            self._being_read.put_nowait((joined, portion))

    async def _next_to_read(self) -> list[Delivery]:
        """What has come of one type, in its order, up to as much as is read together."""
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._inbox)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(JOIN_SECONDS):
                        await self._changed.wait_for(lambda: _records(self._inbox) >= self._joined_records)
                taken, self._inbox = _of_one_type(self._inbox, self._joined_records)
                current = [delivery for delivery in taken if delivery.current()]
                self._on_their_way -= len(taken) - len(current)
                self._changed.notify_all()
                if current:
                    return current

    def _read(self, deliveries: Sequence[Delivery]) -> Portion:
        records = [record for delivery in deliveries for record in delivery.records]
        with metrics.STAGE_SECONDS.labels("read").time():
            return self._reader.read(deliveries[0].event_type, records)

    async def _gather(self) -> None:
        while True:
            deliveries, reading = await self._being_read.get()
            portion = await reading
            async with self._changed:
                await self._changed.wait_for(lambda: self._open.records < self._flush_events)
                self._open.add(deliveries, portion)
                self._on_their_way -= len(deliveries)
                self._changed.notify_all()
            self._slots.release()

    async def _store_flushes(self, storing: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            flush = await self._next_flush()
            self._began = time.monotonic()
            await loop.run_in_executor(storing, self._store.store, flush)
            for delivery in flush.deliveries:
                delivery.done()

    async def _next_flush(self) -> Flush:
        """What is gathered, once it is `flush_events`, or has waited `flush_seconds`, or nothing more is on its way and
        the last flush began a while ago.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._open.deliveries)
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


def _of_one_type(waiting: Sequence[Delivery], most: int) -> tuple[list[Delivery], list[Delivery]]:
    """The first and those of its type that follow it, up to so many records; and the others."""
    taken: list[Delivery] = []
    left: list[Delivery] = []
    full = False
    for delivery in waiting:
        if delivery.event_type != waiting[0].event_type:
            left.append(delivery)
            continue
        full = full or (bool(taken) and _records([*taken, delivery]) > most)
        (left if full else taken).append(delivery)
    return taken, left


def _records(deliveries: Iterable[Delivery]) -> int:
    return sum(len(delivery.records) for delivery in deliveries)


def _place(record: Record) -> dict[str, object]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
