"""What was read, as bytes from one process to another: columns of plain values, several times cheaper than objects."""

import marshal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.columns import EventColumns
from pipeline.dead_letters import DeadLetter
from pipeline.records import Record
from pipeline.worker.ingest import Portion
from schemas.events import EventType

# The format before references: looking for equal objects costs more than writing short strings again.
_FORMAT = 2

Columns = tuple[EventType, tuple[str, ...], list[list[Any]]]


class ReadyColumns(EventColumns):
    """Columns that were made elsewhere. Nothing can be appended; others can be joined."""

    def __init__(self, model_version: str, columns: Sequence[Columns], ids: list[str], minutes: list[int]) -> None:
        super().__init__(model_version)
        self._columns = {event_type: (names, values) for event_type, names, values in columns}
        self._ids = ids
        self._minutes = minutes

    def __len__(self) -> int:
        return len(self._ids)

    def append(self, *_: object) -> None:
        raise TypeError("these columns are complete")

    def extend(self, other: EventColumns) -> None:
        """Add the events of `other`, which are ReadyColumns too."""
        assert isinstance(other, ReadyColumns)  # noqa: S101 - a worker has no others
        ids, minutes = other.places()
        self._ids += ids
        self._minutes += minutes
        for event_type, names, values in other.columns():
            mine = self._columns.setdefault(event_type, (names, [[] for _ in values]))[1]
            for column, more in zip(mine, values, strict=True):
                column.extend(more)

    def columns(self) -> Iterator[Columns]:
        """Copies, because the driver encodes in place and an insert may have to be repeated."""
        for event_type, (names, values) in self._columns.items():
            yield event_type, names, [column.copy() for column in values]

    def places(self) -> tuple[list[str], list[int]]:
        return self._ids, self._minutes


def pack(portion: Portion) -> bytes:
    """A portion as bytes; `unpack` in another process of the same Python gives it back, its columns made."""
    columns = portion.columns
    made = [(event_type, names, list(map(list, values))) for event_type, names, values in columns.columns()]
    dead = [tuple(letter) for letter in portion.dead]
    return marshal.dumps((columns.model_version, made, *columns.places(), dead, portion.latest.timestamp()), _FORMAT)


def unpack(packed: bytes) -> Portion:
    model_version, made, ids, minutes, dead, latest = marshal.loads(packed)  # noqa: S302 - from our own process
    columns = ReadyColumns(model_version, made, ids, minutes)
    return Portion(columns, [DeadLetter(*letter) for letter in dead], datetime.fromtimestamp(latest, UTC))


def pack_records(records: Sequence[Record]) -> bytes:
    return marshal.dumps([tuple(record) for record in records], _FORMAT)


def unpack_records(packed: bytes) -> list[Record]:
    return [Record(*record) for record in marshal.loads(packed)]  # noqa: S302 - from our own process
