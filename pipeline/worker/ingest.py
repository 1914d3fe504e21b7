"""From records to rows: read batches as they come, gather what was read, store it, and only then say that it is done.

    records ── read ──> columns ── gather ──> store ──> done

Reading goes on while the last flush is stored. What waits is bounded: one flush being stored, one being gathered and
two batches being read; further batches wait with whoever brings them. Nothing here knows Faust.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from pipeline.columns import EventColumns
from pipeline.conversations import ordered
from pipeline.dead_letters import DeadLetter
from pipeline.decode import Reason, Rejected, decode
from pipeline.language.reading import ChatReading, Reading
from pipeline.logs import logger
from pipeline.records import Record
from pipeline.worker import metrics
from schemas.events import AnyEvent, Chat, EventType, Feedback, Turn

log = logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# One batch with the reader's process and one on its way there, so that it never waits.
READ_AT_ONCE = 2


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
    """The language layer, as far as it is used here: pipeline.language.reader.Reader."""

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

    def add(self, delivery: Delivery, portion: Portion) -> None:
        if not self.deliveries:
            self.opened = time.monotonic()
        self.deliveries.append(delivery)
        self.portions.append(portion)
        self.records += len(delivery.records)


class Ingest:
    """Takes deliveries with `put`, runs them through reading and storing with `run`, and calls `done` of each."""

    def __init__(self, reader: RecordReader, store: Store, *, flush_events: int, flush_seconds: float) -> None:
        self._reader = reader
        self._store = store
        self._flush_events = flush_events
        self._flush_seconds = flush_seconds
        self._inbox: asyncio.Queue[Delivery] = asyncio.Queue(maxsize=1)
        self._slots = asyncio.Semaphore(READ_AT_ONCE)
        self._being_read: asyncio.Queue[tuple[Delivery, asyncio.Future[Portion]]] = asyncio.Queue()
        self._open = Flush()
        self._changed = asyncio.Condition()

    async def put(self, delivery: Delivery) -> None:
        """Take a delivery; waits while the ones before it are not read."""
        await self._inbox.put(delivery)

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
            delivery = await self._inbox.get()
            if delivery.current():
                await self._slots.acquire()
                portion = loop.run_in_executor(reading, self._read, delivery)
                self._being_read.put_nowait((delivery, portion))

    def _read(self, delivery: Delivery) -> Portion:
        with metrics.STAGE_SECONDS.labels("read").time():
            return self._reader.read(delivery.event_type, delivery.records)

    async def _gather(self) -> None:
        while True:
            delivery, reading = await self._being_read.get()
            portion = await reading
            async with self._changed:
                await self._changed.wait_for(lambda: self._open.records < self._flush_events)
                self._open.add(delivery, portion)
                self._changed.notify_all()
            self._slots.release()

    async def _store_flushes(self, storing: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            flush = await self._next_flush()
            await loop.run_in_executor(storing, self._store.store, flush)
            for delivery in flush.deliveries:
                delivery.done()

    async def _next_flush(self) -> Flush:
        """What is gathered, once it is `flush_events` or its first event has waited `flush_seconds`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._open.deliveries)
            wait = self._open.opened + self._flush_seconds - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait_for(lambda: self._open.records >= self._flush_events)
            flush, self._open = self._open, Flush()
            self._changed.notify_all()
            return flush


def _place(record: Record) -> dict[str, object]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
