"""Takes records out of what aiokafka fetched: a batch of the log at a time, where aiokafka goes record by record.

What is checked and skipped, and in which order, is what `aiokafka.consumer.fetcher.PartitionRecords` checks and skips.
The records are not aiokafka's but `gapwatch.pipeline.kafka.records.Record`, so that nothing makes them a second time.
"""

# ruff: noqa: SLF001 - stands in for a part of aiokafka, and works on its insides as that part does

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import aiokafka.consumer.fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from gapwatch.pipeline.kafka.bounded_batch import bounded
from gapwatch.pipeline.kafka.header_names import AnyHeaderName
from gapwatch.pipeline.kafka.records import Record

TAKEN_BYTES = 8 * 1024 * 1024
"""Behind a batch that unpacks to more, no further one is taken at once."""

_BATCH_BEGIN = struct.Struct(">qi")  # base offset, length of what follows


class Log(MemoryRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The batches of one answer, and the bytes they were made of."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data = data
        self._begin = self._end = 0

    def next_batch(self) -> Any:
        batch = super().next_batch()
        self._begin = self._end
        self._end = self._begin + _BATCH_BEGIN.size + _BATCH_BEGIN.unpack_from(self._data, self._begin)[1]
        return batch

    @property
    def batch_bytes(self) -> bytes:
        """What the last batch was made of."""
        return self._data[self._begin : self._end]


def _plain(log: Log, batch: Any) -> bytes | None:
    """A compressed batch, unpacked to a bounded size. Brokers turn formats before Kafka 0.11 into this one."""
    return bounded(log.batch_bytes) if isinstance(batch, DefaultRecordBatch) and batch.compression_type else None


class _SlowBatch(AnyHeaderName, _DefaultRecordBatchPy):  # type: ignore[misc]
    pass


# The fetcher makes the batches by this name, and has no setting for it.
aiokafka.consumer.fetcher.MemoryRecords = Log


class Taken(NamedTuple):
    """Records of one partition in the order of the log; the type of timestamp is the last one's (None: not known).

    `next_offset` is where to go on: behind the last record, and behind what is no record and follows it. There may be
    nothing but that, as the marker that ends a transaction. None: the partition is not ours any more.
    """

    records: list[Record]
    timestamp_type: int | None
    next_offset: int | None


def take(result: FetchResult, limit: int) -> Taken:
    """The next `limit` records, or as many as there are; the position moves behind them. As `FetchResult.getall`.

    There may be fewer where they are large: see `TAKEN_BYTES`.
    """
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return Taken([], None, None)
    unpacking = result._partition_records
    if not isinstance(unpacking, _Unpacking):
        unpacking = result._partition_records = _Unpacking(unpacking)
    taken = unpacking.take(limit)
    result._update_position()
    if unpacking.exhausted:
        result._partition_records = None
    return taken


class _Unpacking:
    """In the place of the `PartitionRecords` of a result, which hold what no record was taken of yet."""

    def __init__(self, fetched: PartitionRecords) -> None:
        self.next_fetch_offset: int = fetched.next_fetch_offset
        self.exhausted = False
        self._fetched = fetched
        self._wanted = 0
        self._unpacked_bytes = 0
        self._timestamp_type: int | None = None
        self._runs = self._unpack()

    def take(self, limit: int) -> Taken:
        records: list[Record] = []
        self._wanted = limit
        self._unpacked_bytes = 0
        for run in self._runs:
            records += run
            self._wanted = limit - len(records)
            if not self._wanted or self._unpacked_bytes > TAKEN_BYTES:
                break
        else:
            self.exhausted = True
        return Taken(records, self._timestamp_type, self.next_fetch_offset)

    def _unpack(self) -> Iterator[list[Record]]:
        # An error ends this generator: what is left is not read, but fetched again from the position.
        log = self._fetched._records
        while log.has_next():
            batch = log.next_batch()
            if self._fetched._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._fetched._tp}")
            # Control records are skipped whatever the isolation.
            if self._is_aborted(batch) or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
                continue
            plain = _plain(log, batch)
            self._unpacked_bytes += len(plain or log.batch_bytes)
            # A batch bears one iter(), and begins anew when it is asked after its end. An islice spares it both.
            unread = islice(DefaultRecordBatch(plain) if plain else batch, None)
            while True:
                try:
                    run = self._read(unread)
                except UnicodeDecodeError:
                    unread = islice(_SlowBatch(plain or log.batch_bytes), None)
                    continue
                if not run:
                    break
                # A batch is fetched whole, also for an offset inside it. Offsets in a batch ascend.
                if run[0].offset < self.next_fetch_offset:
                    run = [record for record in run if record.offset >= self.next_fetch_offset]
                if run:
                    # In the formats before Kafka 0.11 each record has its own.
                    self._timestamp_type = getattr(batch, "timestamp_type", None)
                    self.next_fetch_offset = run[-1].offset + 1
                    yield run
            # Compaction may have taken the last records of the batch, which is not to be fetched again for them.
            self.next_fetch_offset = batch.next_offset

    def _is_aborted(self, batch: Any) -> bool:
        fetched = self._fetched
        if fetched._isolation_level != READ_COMMITTED or batch.producer_id is None:
            return False
        fetched._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and fetched._contains_abort_marker(batch):
            fetched._aborted_producers.discard(batch.producer_id)
        return batch.is_transactional and batch.producer_id in fetched._aborted_producers

    def _read(self, unread: Iterator[Any]) -> list[Record]:
        """As many records as are still wanted, if there are."""
        topic, partition = self._fetched._tp
        # Record's own constructor is a function in Python, which would add a fifth to the cost of the whole module.
        new = tuple.__new__
        return [
            new(
                Record,
                (topic, partition, r.offset, r.timestamp, r.key, r.value, tuple(h) if (h := r.headers) else ()),
            )
            for r in islice(unread, self._wanted)
        ]
