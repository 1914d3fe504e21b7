"""Flushes stored in a real ClickHouse: what becomes of rows that it refuses."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gapwatch.pipeline.errors import StoreError
from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.kafka.outbox import Outbox
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.maintenance.replay import Selection, read_letters
from gapwatch.pipeline.store import ClickHouse, EventStore
from gapwatch.pipeline.worker.ingest import Batch, Flush
from gapwatch.pipeline.worker.refusals import LEAST_REFUSED
from gapwatch.pipeline.worker.stalls import Retrying, Stalls
from gapwatch.pipeline.worker.storing import Storing

pytestmark = pytest.mark.usefixtures("event_topics")


@pytest.fixture
def storing(database: str, kafka: str) -> Iterator[Storing]:
    store, outbox = EventStore(database), Outbox()
    yield Storing(store, outbox, EventReader(Reader()), Retrying(Stalls(), threading.Event()))
    outbox.close()
    store.close()


def _store(storing: Storing, *orders: str) -> None:
    """One flush of an event for each order."""
    now = datetime.now(UTC)
    records = [
        Record(
            "feedback.events",
            0,
            offset,
            int(now.timestamp() * 1000),
            None,
            json.dumps(
                {
                    "event_id": f"e{offset}",
                    "event_time": now.isoformat(),
                    "channel": "app",
                    "customer_id": "c",
                    "order_id": order,
                    "text": "还不错",
                }
            ).encode(),
        )
        for offset, order in enumerate(orders)
    ]
    flush = Flush()
    flush.add([Batch("feedback", records, lambda: None)], storing._reader.read("feedback", records))
    storing.store(flush)


def _dead_letters() -> list[tuple[int, str]]:
    return sorted((letter.source_offset, letter.reason) for letter in read_letters(Selection()))


def test_a_table_that_fits_no_row_stops_the_worker_and_fills_no_dead_letters(storing: Storing, database: str) -> None:
    ClickHouse(database).execute("ALTER TABLE event_versions MODIFY COLUMN order_id UInt8")
    with pytest.raises(StoreError, match=r"refuses 30 of the last 30 rows"):
        _store(storing, *["o"] * 30)
    assert _dead_letters() == []


def test_a_row_that_is_refused_alone_in_its_flush_is_a_dead_letter(storing: Storing, database: str) -> None:
    clickhouse = ClickHouse(database)
    clickhouse.execute("ALTER TABLE event_versions MODIFY COLUMN order_id FixedString(4)")
    _store(storing, "too long")
    _store(storing, "fits", "fits", "too long", "fits")
    assert _dead_letters() == [(0, "store_refused"), (2, "store_refused")]
    assert clickhouse.execute("SELECT event_id FROM events ORDER BY event_id") == [("e0",), ("e1",), ("e3",)]


def test_flushes_of_one_row_stop_the_worker_too(storing: Storing, database: str) -> None:
    ClickHouse(database).execute("ALTER TABLE event_versions MODIFY COLUMN order_id UInt8")
    for _ in range(LEAST_REFUSED - 1):
        _store(storing, "o")
    with pytest.raises(StoreError, match="rows"):
        _store(storing, "o")
    assert len(_dead_letters()) == LEAST_REFUSED - 1
