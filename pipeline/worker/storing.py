"""Storing a flush: rows in ClickHouse, dead letters and dirty minutes in Kafka, in an order no crash breaks."""

import time
import uuid
from collections.abc import Sequence
from functools import partial

from gapwatch.pipeline.errors import RowsRefused
from gapwatch.pipeline.events.bisection import bisect
from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.events.event_reader import RecordReader, joined
from gapwatch.pipeline.kafka.outbox import Message, Outbox
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.store import EventStore
from gapwatch.pipeline.worker import metrics, refresh
from gapwatch.pipeline.worker.ingest import Flush
from gapwatch.pipeline.worker.refusals import Refusals
from gapwatch.pipeline.worker.stalls import Retrying
from gapwatch.schemas.events import EventType

log = logger(__name__)


class Storing:
    """Stores flushes one after the other, each until ClickHouse and Kafka have answered. For one thread."""

    def __init__(self, store: EventStore, outbox: Outbox, reader: RecordReader, retrying: Retrying) -> None:
        self._store = store
        self._outbox = outbox
        self._reader = reader
        self._retrying = retrying
        self._refusals = Refusals()

    def store(self, flush: Flush) -> None:
        """Return when nothing of the flush can be lost any more.

        Raises StoreUnavailable or KafkaError when the process stops, StoreError when ClickHouse is not as expected
        or refuses most rows.
        """
        whole = joined(flush.read)
        self._send_to_dead_letter(whole.dead)
        if not whole.columns:
            return
        try:
            self._insert(whole.columns, flush.published)
        except RowsRefused:
            refused = self._insert_by_halves(flush, {letter.source for letter in whole.dead})
            self._refusals.judge()
            self._send_to_dead_letter(refused)
        metrics.FLUSH_EVENTS.observe(len(whole.columns))
        metrics.EVENT_DELAY.observe(max(0.0, time.time() - whole.latest.timestamp()))

    def _insert_by_halves(self, flush: Flush, sent: set[tuple[str, bytes, bytes]]) -> list[DeadLetter]:
        """Store what can be stored; returns dead letters of the records that ClickHouse refuses."""
        refused: list[DeadLetter] = []
        for batch in flush.batches:
            insert = partial(self._read_and_insert, batch.event_type, sent)
            bisect(batch.records, insert, partial(self._refuse, refused), RowsRefused)
        return refused

    def _read_and_insert(
        self, event_type: EventType, sent: set[tuple[str, bytes, bytes]], records: Sequence[Record]
    ) -> None:
        """Read the records again and store them. One that cannot be read this time becomes a dead letter.

        `sent` are the records of which there is a dead letter already.
        """
        batch = self._reader.read(event_type, records)
        self._send_to_dead_letter([letter for letter in batch.dead if letter.source not in sent])
        sent.update(letter.source for letter in batch.dead)
        if batch.columns:
            self._insert(batch.columns, records[-1].timestamp / 1000)

    def _refuse(self, refused: list[DeadLetter], record: Record, error: RowsRefused) -> None:
        log.warning("an event cannot be stored", topic=record.topic, error=str(error))
        self._refusals.refused()
        refused.append(DeadLetter.of(record, Rejected(Reason.STORE_REFUSED, str(error))))

    def _insert(self, columns: EventColumns, published: float) -> None:
        # A token of its own for each flush: a retry is recognised, while records that are read again, perhaps with
        # other models, are not mistaken for rows already there. Events read again replace themselves anyway.
        token = uuid.uuid4().hex
        with metrics.STAGE_SECONDS.labels("store").time():
            minutes = self._retrying("store", lambda: self._store.insert(columns, token))
        metrics.EVENTS.inc(len(columns))
        self._refusals.stored(len(columns))
        self._publish(refresh.messages(minutes, published))

    def _send_to_dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        self._publish(letters)
        for letter in letters:
            metrics.DEAD_LETTERS.labels(letter.topic).inc()

    def _publish(self, messages: Sequence[Message]) -> None:
        if messages:
            with metrics.STAGE_SECONDS.labels("publish").time():
                self._retrying("publish", lambda: self._outbox.deliver(messages))
