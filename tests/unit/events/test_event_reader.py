"""Records become rows or dead letters, whatever is wrong with those beside them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.fake_reader import POISON, FakeReader, header, record

from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.events.retention import oldest_kept
from gapwatch.pipeline.kafka.records import Record


@pytest.fixture
def reader() -> EventReader:
    return EventReader(FakeReader())


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


def test_what_is_older_than_the_store_keeps_is_a_dead_letter(reader: EventReader) -> None:
    oldest = oldest_kept()
    instants = [oldest, oldest - timedelta(microseconds=1), datetime(2020, 2, 3, tzinfo=UTC), datetime.now(UTC)]
    batch = reader.read("feedback", [record(n, event_time=at.isoformat()) for n, at in enumerate(instants)])
    assert len(batch.columns) == 2
    assert [(header(letter, "source-offset"), header(letter, "reason")) for letter in batch.dead] == [
        ("1", "older_than_retention"),
        ("2", "older_than_retention"),
    ]
    assert f"lies before {oldest:%Y-%m-%d}" in header(batch.dead[0], "detail")


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
