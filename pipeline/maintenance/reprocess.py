"""Stored events read again with the models in force; their aggregates follow.

An event goes the way it went when it arrived, from the privacy stage on: text and turns are masked again, for the rules
may know more now, then read. Of the columns these two decide the new ones are written, of the others the stored ones.
A row is written under the version it has, so it replaces the old reading and yields to a correction, whenever that
arrives (docs/decisions/0014).

Events are taken day by day, and then the whole day's aggregates are derived: a run that was cut short is finished by
the next one, which finds fewer events to read and derives every day of its range.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from gapwatch.pipeline.events.bisection import bisect
from gapwatch.pipeline.events.columns import ALL_COLUMNS, READ_ANEW, EventColumns
from gapwatch.pipeline.events.event_reader import read
from gapwatch.pipeline.events.instants import from_milliseconds, milliseconds
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.hosting.retrying import Limits, retrying
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.maintenance.stored_range import minutes_between, whole_days
from gapwatch.pipeline.store import Aggregates, ClickHouse
from gapwatch.schemas.events import EVENT_TYPES, AnyEvent, Turn

log = logger(__name__)

# Rows in hand at once; a chat may take 100 KB.
ROWS_AT_ONCE = 5_000
# A server that is restarted is back sooner; one that is not, somebody must look at.
_LIMITS = Limits(seconds=300)

# Times as the numbers they are stored as: the driver's way by floating point is not exact.
_TIMES = ("event_time", "promised_at", "delivered_at", "ended_at", "stored_at")
_SELECTED = {
    **{name: name for name in ALL_COLUMNS},
    "turns": "arrayMap(turn -> (turn.role, turn.text, toUnixTimestamp64Milli(turn.at)), turns)",
    **{name: f"toUnixTimestamp64Milli({name})" for name in _TIMES},
    "read_at": "toUnixTimestamp64Milli(now64(3))",
}
_ROWS = f"SELECT {', '.join(_SELECTED.values())} FROM events"  # noqa: S608 - every part is written here
_INSERT = f"INSERT INTO event_versions ({', '.join(_SELECTED)}) VALUES"

Row = dict[str, Any]


class Outcome(msgspec.Struct):
    """What a run did: events read again, those whose sentiment or gaps changed, those that the reader failed on."""

    read: int = 0
    changed: int = 0
    failed: int = 0


class Reprocessing:
    """Reads stored events again, those of `start` (inclusive) to `end` (exclusive), all stored unless given.

    `every` takes those too that the models in force have read already.
    """

    def __init__(
        self, url: str, reader: Reader, start: datetime | None, end: datetime | None, *, every: bool = False
    ) -> None:
        self._clickhouse = ClickHouse(url)
        self._aggregates = Aggregates(url)
        self._reader = reader
        self._every = every
        self._start, self._end = start, end
        self.days = whole_days(self._clickhouse, start, end)
        """Begin and end of each day of the range, in seconds since 1970; days of the time zone set."""

    def models(self) -> dict[str, int]:
        """Events of the range by the version of the models that read them. Raises StoreError."""
        if not self.days:
            return {}
        inside = self._inside(self.days[0][0], self.days[-1][1])
        query = f"SELECT model_version, count() AS n FROM events WHERE {inside} GROUP BY model_version ORDER BY n DESC"  # noqa: S608
        return dict(self._clickhouse.execute(query))

    def to_read(self) -> int:
        """How many events of the range a run would read."""
        return sum(count for version, count in self.models().items() if self._every or version != self._reader.version)

    def run(self, day: tuple[int, int], tell: Callable[[int], object], outcome: Outcome) -> None:
        """Read the events of one day again and derive its aggregates; `tell` hears how many were read.

        May be repeated after any error. Raises StoreUnavailable after five minutes without an answer, or StoreError.
        """
        attempts = retrying(_LIMITS)
        for condition in attempts(self._parts, day):
            tell(attempts(self._read_part, condition, outcome))
        attempts(self._derive, day)

    def close(self) -> None:
        """Close the connections of the calling thread."""
        self._clickhouse.close()
        self._aggregates.close()

    def _inside(self, first: int, last: int) -> str:
        """The condition for the events from `first` to `last`, in seconds since 1970, as far as they are in range."""
        start = max(first * 1000, milliseconds(self._start) if self._start else 0)
        end = min(last * 1000, milliseconds(self._end) if self._end else last * 1000)
        instants = (f"fromUnixTimestamp64Milli({instant}, 'UTC')" for instant in (start, end))
        return "event_time >= {} AND event_time < {}".format(*instants)

    def _wanted(self, first: int, last: int) -> str:
        unread = "1" if self._every else f"model_version != '{self._reader.version}'"
        return f"{self._inside(first, last)} AND {unread}"

    def _parts(self, day: tuple[int, int]) -> list[str]:
        """Conditions that together name the events to read, each some `ROWS_AT_ONCE` of them."""
        counts = self._clickhouse.execute(
            f"SELECT toUnixTimestamp(minute) AS number, count() FROM events WHERE {self._wanted(*day)} "  # noqa: S608
            "GROUP BY number ORDER BY number"
        )
        return [
            f"{self._wanted(first, last + 60)} AND halfMD5(event_id) % {slices} = {number}"
            for first, last, events in _joined(counts)
            for slices in (events // ROWS_AT_ONCE + 1,)
            for number in range(slices)
        ]

    def _read_part(self, condition: str, outcome: Outcome) -> int:
        found = self._clickhouse.execute(f"{_ROWS} WHERE {condition}")
        rows = [dict(zip(_SELECTED, row, strict=True)) for row in found]
        # Whatever one text does to the reader, the others go on.
        parts = bisect(rows, self._read_anew, _give_up, Exception) if rows else []
        anew = [row for part in parts for row in part]
        if anew:
            self._insert([fresh for _, fresh in anew])
        outcome.read += len(anew)
        outcome.changed += sum(_is_changed(stored, fresh) for stored, fresh in anew)
        outcome.failed += len(rows) - len(anew)
        return len(rows)

    def _read_anew(self, rows: Sequence[Row]) -> list[tuple[Row, Row]]:
        """Each row as it is stored and as it is read now."""
        masked = [mask_event(_event(row)) for row in rows]
        columns = EventColumns(self._reader.version)
        for row, event, reading in zip(rows, masked, read(self._reader, masked), strict=True):
            columns.append(event, reading, row["version"])
        anew: list[tuple[Row, Row]] = []
        for event_type, names, values in columns.columns():
            stored = [row for row in rows if row["event_type"] == event_type]
            made = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
            anew += [(row, row | _decided(one)) for row, one in zip(stored, made, strict=True)]
        return anew

    def _insert(self, rows: Sequence[Row]) -> None:
        columns = [[row[name] for row in rows] for name in _SELECTED]
        token = {"insert_deduplication_token": uuid4().hex}
        self._clickhouse.execute(_INSERT, columns, columnar=True, settings=token)

    def _derive(self, day: tuple[int, int]) -> None:
        first, last = (datetime.fromtimestamp(instant, UTC) for instant in day)
        self._aggregates.derive(minutes_between(self._clickhouse, first, last))


def _joined(counts: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """First and last of minutes that follow each other, and their events: `ROWS_AT_ONCE`, or those of one minute."""
    first, events = 0, 0
    for place, (minute, count) in enumerate(counts):
        if events and events + count > ROWS_AT_ONCE:
            yield first, counts[place - 1][0], events
            events = 0
        first = first if events else minute
        events += count
    if events:
        yield first, counts[-1][0], events


def _event(row: Row) -> AnyEvent:
    """The event of a stored row, its times cut to the millisecond, its texts as they were masked."""
    kind = EVENT_TYPES[row["event_type"]]
    told = row | {name: _instant(row[name]) for name in ("event_time", "promised_at", "delivered_at", "ended_at")}
    told["turns"] = [Turn(role=role, text=text, at=_instant(at)) for role, text, at in row["turns"]]
    return kind(**{name: told[name] for name in kind.__struct_fields__})


def _instant(count: int | None) -> datetime | None:
    return None if count is None else from_milliseconds(count)


def _decided(made: Row) -> Row:
    """Of the columns of an event those that masking and reading decide, and who read it."""
    return {name: value for name, value in made.items() if name in READ_ANEW or name == "model_version"}


def _give_up(row: Row, error: Exception) -> list[tuple[Row, Row]]:
    # No traceback and no message: they may quote the customer.
    log.error("an event makes the reader fail", event_id=row["event_id"], error=type(error).__name__)
    return []


def _is_changed(stored: Row, fresh: Row) -> bool:
    return any(_plain(stored[name]) != _plain(fresh[name]) for name in ("sentiment", "gaps", "primary_gap"))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
