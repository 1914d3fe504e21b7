"""What crosses between the worker and its reader is there what it was here."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.events.event_reader import ReadBatch, joined
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Clause, Evidence, Reading
from gapwatch.pipeline.worker.codec import decode_batch, decode_records, encode_batch, encode_records
from gapwatch.schemas.events import AnyEvent, Chat, Complaint, Feedback, Turn

TEXTS = st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())
SCORES = st.floats(-1, 1)
OFFSETS = st.integers(0, 2**48 - 1)
BYTES = st.none() | st.binary(max_size=30)
RECORDS = st.builds(
    Record,
    topic=st.just("feedback.events"),
    partition=st.integers(0, 2**24 - 1),
    offset=OFFSETS,
    timestamp=st.integers(-1, 2**48),
    key=BYTES,
    value=BYTES,
    headers=st.lists(st.tuples(TEXTS, BYTES), max_size=3),
)
READINGS = st.builds(
    Reading,
    text=TEXTS,
    sentiment_score=SCORES,
    severity=SCORES,
    evidence=st.lists(st.builds(Evidence, text=TEXTS, start=OFFSETS, end=OFFSETS), max_size=3).map(tuple),
    clauses=st.lists(
        st.builds(Clause, start=OFFSETS, end=OFFSETS, aspect=TEXTS, sentiment_score=SCORES), max_size=3
    ).map(tuple),
)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
COMMON: dict[str, Any] = {
    "event_id": TEXTS,
    "event_time": TIMES,
    "customer_id": TEXTS,
    "attributes": st.dictionaries(TEXTS, TEXTS, max_size=3),
}
TURNS = st.lists(st.builds(Turn, text=TEXTS, at=st.none() | TIMES), min_size=1, max_size=4)
EVENTS = st.one_of(
    st.tuples(st.builds(Feedback, text=TEXTS, rating=st.none() | st.integers(1, 5), **COMMON), READINGS),
    st.tuples(st.builds(Complaint, text=TEXTS, promised_at=st.none() | TIMES, **COMMON), READINGS),
    st.tuples(
        st.builds(Chat, turns=TURNS, conversation_id=TEXTS, ended_at=st.none() | TIMES, **COMMON),
        st.builds(ChatReading, READINGS, st.lists(SCORES, max_size=4).map(tuple)),
    ),
)
ROWS = st.lists(st.tuples(EVENTS, RECORDS), max_size=6)


def batch(rows: list[tuple[tuple[AnyEvent, Any], Record]], dead: list[Record]) -> ReadBatch:
    columns = EventColumns("model 1")
    for (event, reading), record in rows:
        columns.append(mask_event(event), reading, version_of("feedback", record))
    letters = [DeadLetter.of(record, Rejected(Reason.NOT_JSON, "not JSON")) for record in dead]
    return ReadBatch(
        columns, letters, datetime(2026, 11, 1, 12, 30, 15, 123456, tzinfo=UTC) + timedelta(days=len(rows))
    )


def plain(value: Any) -> Any:
    """Without the difference between tuples and lists, which the driver does not make."""
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def content(one: ReadBatch) -> list[Any]:
    return sorted(plain(list(one.columns.columns())), key=lambda columns: columns[0])


@settings(max_examples=40, deadline=None)
@given(ROWS, st.lists(RECORDS, max_size=3))
def test_a_batch(rows: list[Any], dead: list[Record]) -> None:
    made = batch(rows, dead)
    found = decode_batch(encode_batch(made))
    assert content(found) == content(made)
    assert content(found) == content(made), "also when it is stored again"
    assert (len(found.columns), found.dead, found.latest) == (len(rows), made.dead, made.latest)
    assert all(type(letter) is DeadLetter for letter in found.dead)


@settings(max_examples=20, deadline=None)
@given(ROWS, ROWS)
def test_batches_join(first: list[Any], second: list[Any]) -> None:
    found = joined([decode_batch(encode_batch(batch(rows, []))) for rows in (first, second)])
    assert content(found) == content(batch(first + second, []))
    assert len(found.columns) == len(first) + len(second)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS, max_size=4))
def test_records(records: list[Record]) -> None:
    assert plain(decode_records(encode_records(records))) == plain(records)
