"""Touched minutes on their way from the workers that stored events to the ones that derive aggregates.

A message names the minutes of one day, and its key is the day, so that one worker at a time derives a day. Minutes that
many flushes touched are derived once: while one derivation runs or rests, what arrives is joined for the next.
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
from gapwatch.pipeline.kafka.topics import TOUCHED_TOPIC
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics

log = logger(__name__)

# Minutes that began no longer ago are what somebody is watching: they are derived before all others.
LIVE_SECONDS = 600
# A flush whose newest record was published longer ago is one of a back-fill: its events are late whatever their minute.
BEHIND_SECONDS = 5

_DAY_SECONDS = 86_400


class _Touched(msgspec.Struct):
    """`minutes` are seconds since 1970; `behind` is true of a back-fill."""

    day: date
    minutes: list[int]
    behind: bool = False


_DECODER = msgspec.json.Decoder(_Touched)


def messages(minutes: Iterable[int], published: float) -> list[PlainMessage]:
    """One message for each day; `minutes`, and when the newest event was `published`, are in seconds since 1970."""
    behind = time.time() - published > BEHIND_SECONDS
    by_day: dict[int, list[int]] = {}
    for minute in sorted(minutes):
        by_day.setdefault(minute // _DAY_SECONDS, []).append(minute)
    return [_message(_Touched(_date(day), of_day, behind)) for day, of_day in by_day.items()]


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date()


def _message(touched: _Touched) -> PlainMessage:
    return PlainMessage(TOUCHED_TOPIC, touched.day.isoformat().encode(), msgspec.json.encode(touched))


def _read(records: Iterable[Record]) -> Iterator[_Touched]:
    """What the messages say. A message that says nothing readable is logged and passed over."""
    for record in records:
        try:
            yield _DECODER.decode(record.value or b"")
        except msgspec.DecodeError:
            log.warning("not a message of touched minutes", partition=record.partition, offset=record.offset)


@dataclass(frozen=True)
class TouchedDelivery:
    """A batch of messages; `done` is called once the aggregates of its minutes are derived."""

    records: Sequence[Record]
    done: Callable[[], object]
    current: Callable[[], bool] = lambda: True


class Pace(NamedTuple):
    """How long a stage waits, in seconds.

    `gather`: from the first arrival after a rest, for what belongs to it; `rest`: for each second of deriving; `least`
    and `most`: bounds of a rest, but a rest is never shorter than the derivation was once that took longer than `most`.
    """

    gather: float
    rest: float
    least: float = 0.0
    most: float = 10.0

    def after(self, took: float) -> float:
        return min(max(self.least, took * self.rest), max(self.most, took))


# Why these: docs/decisions/0015-live-minutes-first.md.
# One flush names its live minutes in one message, so there is nothing to wait for.
LIVE = Pace(gather=0.01, rest=0.25)
# A back-fill touches the same minutes with each flush. The rest joins five flushes and more, and leaves the server to
# reading; the messages of one flush come to several partitions within a tenth of a second.
LATE = Pace(gather=0.1, rest=4.0)
# Nobody watches an hour by the second, and a derivation of hours and days costs more than one of a minute.
COARSE = Pace(gather=0.1, rest=4.0, least=5.0)
# As long as a transport waits for what it handed out, before partitions go to another worker.
HURRY_SECONDS = 5.0


class Derivation:
    """Takes deliveries with `put` and derives their minutes, then the hours and days these lie in, with `run`.

    Live minutes wait for no others, minutes for no hours and days. A delivery is done when all of it is derived.
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
        self._hurry = asyncio.Event()
        self._coarse = _Stage(derive_hours_and_days, COARSE, _acknowledge, self._hurry)
        self._late = _Stage(derive_late_minutes, LATE, self._minutes_derived, self._hurry)
        self._live = _Stage(derive_minutes, LIVE, self._minutes_derived, self._hurry)

    async def put(self, delivery: TouchedDelivery) -> None:
        """Take a delivery. The transport bounds how many are out."""
        recent = self._clock() - LIVE_SECONDS
        minutes: set[int] = set()
        live: set[int] = set()
        for touched in _read(delivery.records):
            minutes.update(touched.minutes)
            if not touched.behind:
                live.update(minute for minute in touched.minutes if minute >= recent)
        metrics.TOUCHED_MINUTES.inc(len(minutes))
        parts = [(stage, part) for stage, part in ((self._live, live), (self._late, minutes - live)) if part]
        task = _Task(delivery, array("Q", minutes), len(parts))
        for stage, part in parts:
            stage.take([_Part(task, array("Q", part))])
        if not parts:
            self._coarse.take([_Part(task, task.minutes)])

    def hurry(self) -> None:
        """Somebody waits for the end of what is here: for some seconds, derive without rest."""
        self._hurry.set()
        asyncio.get_running_loop().call_later(HURRY_SECONDS, self._hurry.clear)

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
    """A delivery, and how many parts of its minutes are not derived yet.

    Arrays, because hundreds of deliveries wait while the minutes of a dense day are derived, and each names a thousand:
    sets take some eight times as much.
    """

    delivery: TouchedDelivery
    minutes: "array[int]"
    underived: int


class _Part(NamedTuple):
    task: _Task
    minutes: "array[int]"


def _acknowledge(parts: Sequence[_Part]) -> None:
    for task, minutes in parts:
        metrics.DERIVED_MINUTES.inc(len(minutes))
        task.delivery.done()


@dataclass
class _Stage:
    """Derives what arrives, joined while it last worked or rested, and passes it on."""

    derive: Callable[[list[int]], object]
    pace: Pace
    pass_on: Callable[[Sequence[_Part]], object]
    hurry: asyncio.Event
    gathered: list[_Part] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, arrived: Sequence[_Part]) -> None:
        if arrived:
            self.gathered += arrived
            self.arrived.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        rested = loop.time()
        with ThreadPoolExecutor(1, "derive") as thread:
            while True:
                await self.arrived.wait()
                await self._wait(max(self.pace.gather, rested - loop.time()))
                current = self._take_current()
                began = loop.time()
                await loop.run_in_executor(thread, self._derive_all, current)
                self.pass_on(current)
                rested = loop.time() + self.pace.after(loop.time() - began)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()

    def _take_current(self) -> list[_Part]:
        self.arrived.clear()
        taken, self.gathered = self.gathered, []
        return [part for part in taken if part.task.delivery.current()]

    def _derive_all(self, parts: Sequence[_Part]) -> None:
        minutes = sorted(set[int]().union(*(part.minutes for part in parts)))
        if minutes:
            with metrics.STAGE_SECONDS.labels("derive").time():
                self.derive(minutes)
