"""Records to the reader's process, and what was read back, as bytes.

Columns of plain values are several times cheaper to encode than objects.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.event_reader import ReadBatch
from gapwatch.pipeline.kafka.records import Record
from gapwatch.schemas.events import EventType

Columns = tuple[EventType, tuple[str, ...], list[list[Any]]]

_LOWER_HALF = (1 << 64) - 1


class ReadyColumns(EventColumns):
    """Columns that were made elsewhere. Nothing can be appended; others can be joined."""

    def __init__(self, model_version: str, columns: Sequence[Columns]) -> None:
        super().__init__(model_version)
        self._columns = {event_type: (names, values) for event_type, names, values in columns}

    def __len__(self) -> int:
        return sum(len(values[0]) for _, values in self._columns.values())

    def append(self, *_: object) -> None:
        raise TypeError("these columns are complete")

    def extend(self, other: EventColumns) -> None:
        """Add the events of `other`, which are ReadyColumns too."""
        assert isinstance(other, ReadyColumns)  # noqa: S101 - a worker has no others
        for event_type, (names, values) in other._columns.items():  # noqa: SLF001 - of the same class
            mine = self._columns.setdefault(event_type, (names, [[] for _ in values]))[1]
            for column, more in zip(mine, values, strict=True):
                column.extend(more)

    def varying(self) -> Iterator[Columns]:
        # Copies, because the driver encodes in place and an insert may have to be repeated.
        for event_type, (names, values) in self._columns.items():
            yield event_type, names, [column.copy() for column in values]


class _Encoded(msgspec.Struct, array_like=True, gc=False):
    model_version: str
    columns: list[Columns]
    dead: list[DeadLetter]
    latest: datetime


_DECODER = msgspec.msgpack.Decoder(_Encoded)


def encode_records(records: Sequence[Record]) -> bytes:
    return msgspec.msgpack.encode(records)


def decode_records(encoded: bytes) -> list[Record]:
    return [Record(*record) for record in msgspec.msgpack.decode(encoded)]


def encode_batch(batch: ReadBatch) -> bytes:
    """A batch as bytes; `decode_batch` gives it back, its columns made."""
    columns = list(batch.columns.varying())
    for _, names, values in columns:
        version = names.index("version")
        values[version] = [(one >> 64, one & _LOWER_HALF) for one in values[version]]  # msgpack has no larger numbers
    return msgspec.msgpack.encode(_Encoded(batch.columns.model_version, columns, batch.dead, batch.latest))


def decode_batch(encoded: bytes) -> ReadBatch:
    batch = _DECODER.decode(encoded)
    for _, names, values in batch.columns:
        version = names.index("version")
        values[version] = [upper << 64 | lower for upper, lower in values[version]]
    return ReadBatch(ReadyColumns(batch.model_version, batch.columns), batch.dead, batch.latest)
