"""Stored events read again with the models in force; their aggregates follow.

What was published stays as it is stored; what a reading makes of it is made anew: text and turns (masked again, for the
rules may know more now), sentiment, gaps, evidence, clauses, moods. A row is written under the version it has, so it
replaces the old reading and yields to a correction, whenever that arrives (docs/decisions/0014).

Events are taken day by day, and then the whole day's aggregates are derived: a run that was cut short is finished by
the next one, which finds fewer events to read and derives every day of its range.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import msgspec

from gapwatch.pipeline.events.columns import ALL_COLUMNS, MOODS, READING, moods, reading_columns
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.maintenance.recount_aggregates import minutes_between, whole_days
from gapwatch.pipeline.retrying import Limits, retrying
from gapwatch.pipeline.store import Aggregates, ClickHouse

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

Columns = dict[str, list[Any]]  # of one length


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
        for portion in attempts(self._portions, day):
            tell(attempts(self._portion, portion, outcome))
        attempts(self._derive, day)

    def close(self) -> None:
        """Close the connections of the calling thread."""
        self._clickhouse.close()
        self._aggregates.close()

    def _inside(self, first: int, last: int) -> str:
        """The condition for the events from `first` to `last`, in seconds since 1970, as far as they are in range."""
        start = max(first * 1000, _milliseconds(self._start) if self._start else 0)
        end = min(last * 1000, _milliseconds(self._end) if self._end else last * 1000)
        instants = (f"fromUnixTimestamp64Milli({instant}, 'UTC')" for instant in (start, end))
        return "event_time >= {} AND event_time < {}".format(*instants)

    def _wanted(self, first: int, last: int) -> str:
        unread = "1" if self._every else f"model_version != '{self._reader.version}'"
        return f"{self._inside(first, last)} AND {unread}"

    def _portions(self, day: tuple[int, int]) -> list[str]:
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

    def _portion(self, condition: str, outcome: Outcome) -> int:
        found = self._clickhouse.execute(f"{_ROWS} WHERE {condition}", columnar=True)
        if not found:
            return 0
        columns = dict(zip(_SELECTED, map(list, found), strict=True))
        part = Outcome()
        self._read(columns, part)
        outcome.read += part.read
        outcome.changed += part.changed
        outcome.failed += part.failed
        return part.read + part.failed

    def _read(self, columns: Columns, outcome: Outcome) -> None:
        """Read and store; of events that make the reader raise, the halves are tried again down to the one."""
        rows = len(columns["event_id"])
        try:
            readings = self._readings(columns)
        except Exception as error:  # noqa: BLE001 - whatever one text does to the reader, the others go on
            if rows == 1:
                # No traceback and no message: they may quote the customer.
                log.error("an event makes the reader fail", event_id=columns["event_id"][0], error=type(error).__name__)  # noqa: TRY400
                outcome.failed += 1
                return
            for half in (slice(rows // 2), slice(rows // 2, None)):
                self._read({name: values[half] for name, values in columns.items()}, outcome)
            return
        fresh = columns | _read_anew(columns, readings) | {"model_version": [self._reader.version] * rows}
        outcome.changed += _changed(columns, fresh)
        self._clickhouse.execute(
            _INSERT,
            [fresh[name] for name in _SELECTED],
            columnar=True,
            settings={"insert_deduplication_token": uuid4().hex},
        )
        outcome.read += rows

    def _readings(self, columns: Columns) -> list[Reading | ChatReading]:
        """All texts in one go: of a chat its customer's turns, then the whole."""
        said = [[text for role, text, _ in turns if role == "customer"] for turns in columns["turns"]]
        texts = [[*turns, whole] for turns, whole in zip(said, columns["text"], strict=True)]
        ratings = [[rating] * len(each) for rating, each in zip(columns["rating"], texts, strict=True)]
        readings = iter(self._reader.read(list(chain(*texts)), list(chain(*ratings))))
        of_events = [list(islice(readings, len(each))) for each in texts]
        return [
            _chat_reading(each) if event_type == "chat" else each[0]
            for event_type, each in zip(columns["event_type"], of_events, strict=True)
        ]

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


def _chat_reading(readings: Sequence[Reading]) -> ChatReading:
    *turns, whole = readings
    if not turns:
        return ChatReading(whole)
    scores = tuple(reading.sentiment_score for reading in turns)
    return ChatReading(whole, scores, scores[0], scores[-1], min(scores))


def _read_anew(columns: Columns, readings: Sequence[Reading | ChatReading]) -> Columns:
    """The columns that a reading decides."""
    chats = [reading if isinstance(reading, ChatReading) else None for reading in readings]
    wholes = [reading.reading if isinstance(reading, ChatReading) else reading for reading in readings]
    felt = [moods(chat) if chat else (None,) * len(MOODS) for chat in chats]
    return {
        **dict(zip(READING, reading_columns(wholes), strict=True)),
        **dict(zip(MOODS, map(list, zip(*felt, strict=True)), strict=True)),
        "attributes": [{name: mask(value).text for name, value in one.items()} for one in columns["attributes"]],
        "subject": [mask(subject).text for subject in columns["subject"]],
        "turns": [_turns(turns, chat) for turns, chat in zip(columns["turns"], chats, strict=True)],
    }


def _turns(turns: Sequence[tuple[Any, ...]], chat: ChatReading | None) -> list[tuple[Any, ...]]:
    scores = iter(chat.turn_scores if chat else ())
    return [(role, mask(text).text, at, next(scores, None) if role == "customer" else None) for role, text, at in turns]


def _changed(before: Columns, after: Columns) -> int:
    kinds = ("sentiment", "gaps", "primary_gap")
    old, new = (zip(*(map(_plain, columns[kind]) for kind in kinds), strict=True) for columns in (before, after))
    return sum(one != other for one, other in zip(old, new, strict=True))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
