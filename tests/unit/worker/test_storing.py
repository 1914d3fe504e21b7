"""A flush is stored, with a store and an outbox that do as they are told."""

import json
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError
from support.fake_reader import POISON, YESTERDAY, FakeReader, header, record

from gapwatch.pipeline.errors import RowsRefused, StoreUnavailable
from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.event_reader import EventReader, ReadBatch
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.language.reading import Reading
from gapwatch.pipeline.worker.ingest import Batch, Flush
from gapwatch.pipeline.worker.stalls import Retrying, Stalls
from gapwatch.pipeline.worker.storing import Storing
from gapwatch.schemas.events import EventType


@pytest.fixture
def reader() -> EventReader:
    return EventReader(FakeReader())


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
    instants = [YESTERDAY - timedelta(hours=24), YESTERDAY - timedelta(hours=23, minutes=54, seconds=30), YESTERDAY]
    records = [record(number, event_time=instant.isoformat()) for number, instant in enumerate(instants)]
    stored(reader, FakeStore(), outbox, records)
    assert [(message.topic, message.key) for message in outbox.sent] == [
        (DIRTY_MINUTES_TOPIC, instants[0].date().isoformat().encode()),
        (DIRTY_MINUTES_TOPIC, instants[2].date().isoformat().encode()),
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
