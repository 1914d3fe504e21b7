"""Reading, gathering and storing, with a reader and a store that do as they are told."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError
from support.waiting import eventually_async

from gapwatch.pipeline.errors import RowsRefused, StoreUnavailable
from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.pipeline.worker.ingest import Batch, Flush, Ingest
from gapwatch.pipeline.worker.reading import EventReader, ReadBatch
from gapwatch.pipeline.worker.retrying import Retrying, Stalls
from gapwatch.pipeline.worker.storing import Storing
from gapwatch.schemas.events import EventType

POISON = "poison"


class FakeReader:
    version = "fake"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        if any(POISON in text for text in texts):
            raise ZeroDivisionError(POISON)
        return [Reading(text, "neutral", 0.0, (), "none", "none", "in_sale", 0.0, ()) for text in texts]

    def read_chat(self, said: Sequence[str], whole: str) -> ChatReading:
        readings = self.read([*said, whole])
        return ChatReading(readings[-1], tuple(float(place) for place, _ in enumerate(said)))


def record(offset: int, text: str = "还不错", **fields: Any) -> Record:
    event = {
        "event_id": f"e{offset}",
        "event_time": "2026-11-01T10:00:00+08:00",
        "channel": "app",
        "customer_id": "c",
        "text": text,
    }
    return Record("feedback.events", 0, offset, 1_700_000_000_000, None, json.dumps(event | fields).encode())


@pytest.fixture
def reader() -> EventReader:
    return EventReader(FakeReader())


def header(letter: Any, name: str) -> str:
    return dict(letter.headers)[f"gapwatch.{name}"].decode()


def test_a_record_that_kills_the_reader_is_found_and_the_others_are_read(reader: EventReader) -> None:
    records = [record(number, POISON if number in (3, 17) else "好") for number in range(50)]
    batch = reader.read("feedback", records)
    assert len(batch.columns) == 48
    assert [(header(letter, "source-offset"), header(letter, "reason")) for letter in batch.dead] == [
        ("3", "reader_failed"),
        ("17", "reader_failed"),
    ]
    assert POISON not in str([header(letter, "detail") for letter in batch.dead])


def test_records_that_are_no_events_become_dead_letters_and_harm_no_other(reader: EventReader) -> None:
    bad = Record("feedback.events", 0, 1, 0, None, b"{")
    null = Record("feedback.events", 0, 2, 0, None, None)
    batch = reader.read("feedback", [record(0), bad, null, record(3)])
    assert len(batch.columns) == 2
    assert [header(letter, "reason") for letter in batch.dead] == ["not_json", "null_value"]


def test_a_chat_is_read_in_the_order_of_its_turns(reader: EventReader) -> None:
    turns = [
        {"role": "customer", "text": "second", "at": "2026-11-01T10:01:00Z"},
        {"role": "customer", "text": "first", "at": "2026-11-01T10:00:00Z"},
    ]
    event = json.loads(record(0, conversation_id="k", turns=turns).value or b"")
    del event["text"]
    batch = reader.read("chat", [record(0)._replace(topic="chat.events", value=json.dumps(event).encode())])
    (_, names, values), *_ = batch.columns.columns()
    assert values[names.index("text")] == ["first\nsecond"]
    assert [(text, score) for _, text, _, score in values[names.index("turns")][0]] == [("first", 0.0), ("second", 1.0)]


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


class FakeStore:
    """Refuses what it is told to, fails as often as it is told to, and keeps the rest."""

    def __init__(self, refuses: set[str] = frozenset(), failures: int = 0) -> None:  # type: ignore[assignment]
        self.refuses, self.failures = refuses, failures
        self.kept: list[str] = []
        self.tokens: list[str] = []

    def insert(self, columns: EventColumns, token: str) -> set[int]:
        self.tokens.append(token)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        parts = [values for _, _, values in columns.columns()]
        ids = [event_id for values in parts for event_id in values[0]]
        minutes = [at // 60_000 * 60 for values in parts for at in values[1]]
        if self.refuses.intersection(ids):
            raise RowsRefused("a value")
        self.kept += ids
        return set(minutes)


class FakeOutbox:
    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[Any] = []

    def deliver(self, messages: Sequence[Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaTimeoutError
        self.sent += messages


def stored(reader: EventReader, store: FakeStore, outbox: FakeOutbox, records: list[Record]) -> Stalls:
    stalls = Stalls()
    flush = Flush()
    batch = Batch("feedback", records, lambda: None)
    flush.add([batch], reader.read("feedback", records))
    Storing(store, outbox, reader, Retrying(stalls, threading.Event())).store(flush)  # type: ignore[arg-type]
    return stalls


def test_a_retry_carries_the_same_token(reader: EventReader) -> None:
    store = FakeStore(failures=2)
    stalls = stored(reader, store, FakeOutbox(failures=1), [record(1)])
    assert len(store.tokens) == 3
    assert len(set(store.tokens)) == 1
    assert stalls.reason() is None


def test_touched_minutes_are_published_by_day(reader: EventReader) -> None:
    outbox = FakeOutbox()
    days = ["2026-11-01T10:00:00Z", "2026-11-01T10:05:30Z", "2026-11-02T00:00:00Z"]
    stored(reader, FakeStore(), outbox, [record(number, event_time=day) for number, day in enumerate(days)])
    assert [(message.topic, message.key) for message in outbox.sent] == [
        (DIRTY_MINUTES_TOPIC, b"2026-11-01"),
        (DIRTY_MINUTES_TOPIC, b"2026-11-02"),
    ]
    assert len(json.loads(outbox.sent[0].value)["minutes"]) == 2


def test_a_row_that_clickhouse_refuses_is_found_and_the_others_are_stored(reader: EventReader) -> None:
    store, outbox = FakeStore(refuses={"e5", "e30"}), FakeOutbox()
    stored(reader, store, outbox, [record(number) for number in range(40)])
    assert sorted(store.kept) == sorted(f"e{number}" for number in range(40) if number not in (5, 30))
    letters = [message for message in outbox.sent if message.topic.endswith("dead-letter")]
    assert [header(letter, "source-offset") for letter in letters] == ["5", "30"]
    assert {header(letter, "reason") for letter in letters} == {"store_refused"}


class FailingOnceMore:
    """Reads everything the first time, and from then on not what is poison."""

    def __init__(self) -> None:
        self._first = [EventReader(SoundReader())]

    def read(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
        reader = self._first.pop() if self._first else EventReader(FakeReader())
        return reader.read(event_type, records)


class SoundReader(FakeReader):
    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        return super().read(["好"] * len(texts))


def test_what_cannot_be_read_again_when_a_row_is_refused_is_a_dead_letter_once() -> None:
    store, outbox = FakeStore(refuses={"e3"}), FakeOutbox()
    unreadable = Record("feedback.events", 0, 9, 0, None, b"{")
    records = [record(number, POISON if number == 7 else "好") for number in range(9)]
    stored(FailingOnceMore(), store, outbox, [*records, unreadable])  # type: ignore[arg-type]
    letters = [message for message in outbox.sent if message.topic.endswith("dead-letter")]
    assert sorted((header(letter, "source-offset"), header(letter, "reason")) for letter in letters) == [
        ("3", "store_refused"),
        ("7", "reader_failed"),
        ("9", "not_json"),
    ]
    assert sorted(store.kept) == [f"e{number}" for number in range(9) if number not in (3, 7)]


def test_waiting_ends_when_the_process_stops() -> None:
    stopping, stalls = threading.Event(), Stalls()
    said: list[str | None] = []

    def fail() -> None:
        said.append(stalls.reason())
        if len(said) == 2:
            stopping.set()
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        Retrying(stalls, stopping)("store", fail, lambda _: True)
    assert said[0] is None
    assert "store has waited" in str(said[1])
