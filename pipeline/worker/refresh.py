"""Refreshing aggregates: dirty minutes on their way from the workers that store events to those that derive.

A minute is dirty when events of it were stored since its aggregates were derived. A message names the dirty minutes of
one day, and its key is the day, so that one worker at a time derives a day. Minutes that many flushes made dirty are
derived once: while a derivation runs or cools down, what arrives is joined for the next.
"""

import asyncio
import contextlib
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from gapwatch.pipeline.kafka.outbox import PlainMessage
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics

log = logger(__name__)

# Minutes that began no longer ago are what somebody is watching: they are derived before all others.
LIVE_SECONDS = 600
# A flush whose newest record was published longer ago is one of a back-fill: its events are late whatever their minute.
BEHIND_SECONDS = 5

_DAY_SECONDS = 86_400


class _DirtyMinutes(msgspec.Struct):
    """`minutes` are seconds since 1970; `behind` is true of a back-fill."""

    day: date
    minutes: list[int]
    behind: bool = False


_DECODER = msgspec.json.Decoder(_DirtyMinutes)


def messages(minutes: Iterable[int], published: float) -> list[PlainMessage]:
    """One message for each day; `minutes`, and when the newest event was `published`, are in seconds since 1970."""
    behind = time.time() - published > BEHIND_SECONDS
    by_day: dict[int, list[int]] = {}
    for minute in sorted(minutes):
        by_day.setdefault(minute // _DAY_SECONDS, []).append(minute)
    return [_message(_DirtyMinutes(_date(day), of_day, behind)) for day, of_day in by_day.items()]


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date()


def _message(dirty: _DirtyMinutes) -> PlainMessage:
    return PlainMessage(DIRTY_MINUTES_TOPIC, dirty.day.isoformat().encode(), msgspec.json.encode(dirty))


def _read(records: Iterable[Record]) -> Iterator[_DirtyMinutes]:
    """What the messages say. A message that says nothing readable is logged and passed over."""
    for record in records:
        try:
            yield _DECODER.decode(record.value or b"")
        except msgspec.DecodeError:
            log.warning("not a message of dirty minutes", partition=record.partition, offset=record.offset)


@dataclass(frozen=True)
class DirtyBatch:
    """A batch of messages; `done` is called once the aggregates of its minutes are derived."""

    records: Sequence[Record]
    done: Callable[[], object]
    current: Callable[[], bool] = lambda: True


class Throttle(NamedTuple):
    """How long a stage waits, in seconds.

    `debounce`: from the first arrival after a cooldown, for what belongs to it. `cooldown`: for each second that a
    derivation took. `least` and `most` bound a cooldown, but it is never shorter than a derivation longer than `most`.
    """

    debounce: float
    cooldown: float
    least: float = 0.0
    most: float = 10.0

    def cooldown_after(self, took: float) -> float:
        return min(max(self.least, took * self.cooldown), max(self.most, took))


# Why these: docs/decisions/0015-live-minutes-first.md.
# One flush names its live minutes in one message, so there is nothing to wait for.
LIVE = Throttle(debounce=0.01, cooldown=0.25)
# A back-fill makes the same minutes dirty with each flush. The cooldown joins five flushes and more, and leaves the
# server to reading; the messages of one flush come to several partitions within a tenth of a second.
LATE = Throttle(debounce=0.1, cooldown=4.0)
# Nobody watches an hour by the second, and a derivation of hours and days costs more than one of a minute.
COARSE = Throttle(debounce=0.1, cooldown=4.0, least=5.0)
# As long as a transport waits for what it handed out, before partitions go to another worker.
DRAIN_SECONDS = 5.0


class Refresher:
    """Takes batches with `put` and derives their minutes, then the hours and days these lie in, with `run`.

    Live minutes wait for no others, minutes for no hours and days. A batch is done when all of it is derived.
    """

    def __init__(
        self,
        derive_minutes: Callable[[list[int]], object],
        derive_late_minutes: Callable[[list[int]], object],
        derive_hours_and_days: Callable[[list[int]], object],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._draining = asyncio.Event()
        self._drained: asyncio.TimerHandle | None = None
        self._coarse = _Stage(derive_hours_and_days, COARSE, _acknowledge, self._draining)
        self._late = _Stage(derive_late_minutes, LATE, self._minutes_derived, self._draining)
        self._live = _Stage(derive_minutes, LIVE, self._minutes_derived, self._draining)

    async def put(self, batch: DirtyBatch) -> None:
        """Take a batch. The transport bounds how many are out."""
        metrics.count_taken(batch.records)
        recent = self._clock() - LIVE_SECONDS
        minutes: set[int] = set()
        live: set[int] = set()
        for dirty in _read(batch.records):
            minutes.update(dirty.minutes)
            if not dirty.behind:
                live.update(minute for minute in dirty.minutes if minute >= recent)
        metrics.DIRTY_MINUTES.inc(len(minutes))
        parts = [(stage, part) for stage, part in ((self._live, live), (self._late, minutes - live)) if part]
        task = _Task(batch, array("Q", minutes), len(parts))
        for stage, part in parts:
            stage.take([_Part(task, array("Q", part))])
        if not parts:
            self._coarse.take([_Part(task, task.minutes)])

    def drain(self) -> None:
        """Somebody waits for the end of what is here: for `DRAIN_SECONDS` from now on, derive without cooldown."""
        if self._drained:
            self._drained.cancel()
        self._draining.set()
        self._drained = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._draining.clear)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for stage in (self._live, self._late, self._coarse):
                tasks.create_task(stage.run())

    def _minutes_derived(self, parts: Sequence["_Part"]) -> None:
        for part in parts:
            part.task.underived -= 1
        self._coarse.take([_Part(part.task, part.task.minutes) for part in parts if not part.task.underived])


@dataclass
class _Task:
    """A batch, and how many parts of its minutes are not derived yet.

    Arrays, because hundreds of batches wait while the minutes of a dense day are derived, and each names a thousand:
    sets take some eight times as much.
    """

    batch: DirtyBatch
    minutes: "array[int]"
    underived: int


class _Part(NamedTuple):
    task: _Task
    minutes: "array[int]"


def _acknowledge(parts: Sequence[_Part]) -> None:
    for task, minutes in parts:
        metrics.DERIVED_MINUTES.inc(len(minutes))
        task.batch.done()


@dataclass
class _Stage:
    """Derives what arrives, joined while it last worked or cooled down, and passes it on."""

    derive: Callable[[list[int]], object]
    throttle: Throttle
    pass_on: Callable[[Sequence[_Part]], object]
    draining: asyncio.Event
    pending: list[_Part] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, arrived: Sequence[_Part]) -> None:
        if arrived:
            self.pending += arrived
            self.arrived.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        cool_at = loop.time()
        with ThreadPoolExecutor(1, "derive") as thread:
            while True:
                await self.arrived.wait()
                await self._wait(max(self.throttle.debounce, cool_at - loop.time()))
                current = self._take_current()
                began = loop.time()
                await loop.run_in_executor(thread, self._derive_all, current)
                self.pass_on(current)
                cool_at = loop.time() + self.throttle.cooldown_after(loop.time() - began)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.draining.wait()

    def _take_current(self) -> list[_Part]:
        self.arrived.clear()
        taken, self.pending = self.pending, []
        return [part for part in taken if part.task.batch.current()]

    def _derive_all(self, parts: Sequence[_Part]) -> None:
        minutes = sorted(set[int]().union(*(part.minutes for part in parts)))
        if minutes:
            with metrics.STAGE_SECONDS.labels("derive").time():
                self.derive(minutes)
