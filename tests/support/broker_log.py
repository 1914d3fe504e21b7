"""Logs as a broker answers with them, made byte by byte: compacted, compressed, transactional, corrupt, of old formats."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

TP = TopicPartition("t", 0)
TIME = 1_700_000_000_000
ABORT, COMMIT = struct.pack(">HH", 0, 0), struct.pack(">HH", 0, 1)
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


class _NotUtf8(str):
    __slots__ = ()

    def encode(self, *_options: str) -> bytes:
        return b"\xff" + super().encode()


@dataclass(frozen=True)
class LogBatch:
    """A batch of the log; `deltas` are the offsets that compaction left of `length`.

    `unreadable`: the names of its headers are not UTF-8.
    """

    base: int
    deltas: Sequence[int]
    length: int
    magic: int = 2
    codec: int = 0
    producer: int = -1
    marker: bytes | None = None
    append_time: bool = False
    corrupt: bool = False
    unreadable: bool = False

    @property
    def end(self) -> int:
        return self.base + self.length

    def to_bytes(self) -> bytes:
        made = self._current() if self.magic == 2 else self._legacy()
        if self.corrupt:
            made[-1] ^= 1
        return bytes(made)

    def _current(self) -> bytearray:
        transactional = self.producer >= 0
        codec = self.codec if self.deltas else 0  # what is left of an empty batch is its header
        builder = _DefaultRecordBatchBuilderPy(2, codec, transactional, self.producer, 0, 0, 1 << 20)
        if self.marker is not None:
            builder.append(0, TIME, self.marker, bytes(6), [])
        else:
            for delta in self.deltas:
                key, value, headers = content(self.base + delta)
                named = [(_NotUtf8(name) if self.unreadable else name, told) for name, told in headers]
                builder.append(delta, TIME + delta, key, value, named)
        made = bytearray(builder.build())
        attributes = struct.unpack_from(">h", made, 21)[0] | 0x08 * self.append_time | 0x20 * (self.marker is not None)
        struct.pack_into(">q", made, 0, self.base)
        struct.pack_into(">hi", made, 21, attributes, self.length - 1)
        struct.pack_into(">I", made, 17, calc_crc32c(made[21:]))
        return made

    def _legacy(self) -> bytearray:
        """Of magic 0 and 1: messages of their own, or one that holds the others."""
        builder = LegacyRecordBatchBuilder(self.magic, self.codec, 1 << 20)
        for delta in self.deltas:
            key, value, _ = content(self.base + delta)
            inner = delta if self.codec and self.magic == 1 else self.base + delta
            builder.append(inner, TIME + delta, key, value)
        made = bytearray(builder.build())
        if self.codec:
            struct.pack_into(">q", made, 0, self.base + self.deltas[-1])
        return made


def content(offset: int) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    key = None if offset % 3 == 0 else b"k%d" % offset
    value = None if offset % 5 == 0 else b"v%d" % offset
    return key, value, [("h", b"%d" % offset), ("none", None)] if offset % 4 == 0 else []


@dataclass
class Fetch:
    """What a broker answered, and how the consumer reads it."""

    log: list[LogBatch]
    aborted: list[tuple[int, int]] = field(default_factory=list)
    offset: int = 0
    isolation: int = READ_UNCOMMITTED
    check: bool = True
    tp: TopicPartition = TP

    def result(self) -> FetchResult:
        assignment = Assignment({self.tp})
        assignment.state_value(self.tp).seek(self.offset)
        records = aiokafka.consumer.fetcher.MemoryRecords(b"".join(batch.to_bytes() for batch in self.log))
        unpacked = PartitionRecords(
            self.tp, records, list(self.aborted), self.offset, None, None, self.check, self.isolation
        )
        return FetchResult(self.tp, assignment=assignment, partition_records=unpacked, backoff=0)


def whole(base: int, length: int, **more: Any) -> LogBatch:
    return LogBatch(base, range(length), length, **more)
