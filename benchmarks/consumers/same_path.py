"""The same reading and the same sink for every runner of the comparison: batches are read, flushes stored."""

import os
import uuid

from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.store import EventStore

BATCH = 2_000
FLUSH = 5_000


class SamePath:
    """Reads and stores in the thread that calls it, as these runners' sinks do; a last part of a flush stays out."""

    def __init__(self) -> None:
        reader = Reader()
        self._version = reader.version
        self._reader = EventReader(reader)
        self._store = EventStore(os.environ["GAPWATCH_CLICKHOUSE"])
        self._gathered = EventColumns(self._version)

    def take(self, records: list[Record]) -> None:
        """Read records of one topic; store what is gathered when it is a flush."""
        self._gathered.extend(self._reader.read("feedback", records).columns)
        if len(self._gathered) >= FLUSH:
            self._store.insert(self._gathered, uuid.uuid4().hex)
            self._gathered = EventColumns(self._version)
