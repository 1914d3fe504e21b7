"""Touched minutes on their way from the workers that stored events to the ones that derive aggregates.

A message names the minutes of one day, and its key is the day, so that one worker at a time derives a day. Minutes that
many flushes touched are derived once: while one derivation runs, what arrives is joined for the next.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec

from pipeline.logs import logger
from pipeline.outbox import PlainMessage
from pipeline.records import Record
from pipeline.topics import TOUCHED_TOPIC
from pipeline.worker import metrics

log = logger(__name__)

# Enough for the messages of one flush, which come to several partitions, to be derived together.
GATHER_SECONDS = 0.1
# For each second of deriving, how many of rest: a back-fill leaves ClickHouse time for others, and joins more minutes.
FINE_REST = 1.0
COARSE_REST = 2.0

_DAY_SECONDS = 86_400


class _Touched(msgspec.Struct):
    """`minutes` are seconds since 1970."""

    day: date
    minutes: list[int]


_DECODER = msgspec.json.Decoder(_Touched)


def messages(minutes: Iterable[int]) -> list[PlainMessage]:
    """One message for each day; `minutes` are seconds since 1970."""
    by_day: dict[int, list[int]] = {}
    for minute in sorted(minutes):
        by_day.setdefault(minute // _DAY_SECONDS, []).append(minute)
    return [_message(_Touched(_date(day), of_day)) for day, of_day in by_day.items()]


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date()


def _message(touched: _Touched) -> PlainMessage:
    return PlainMessage(TOUCHED_TOPIC, touched.day.isoformat().encode(), msgspec.json.encode(touched))


def minutes_of(records: Iterable[Record]) -> set[int]:
    """The minutes that messages name. A message that says nothing readable is logged and passed over."""
    minutes: set[int] = set()
    for record in records:
        try:
            minutes.update(_DECODER.decode(record.value or b"").minutes)
        except msgspec.DecodeError:
            log.warning("not a message of touched minutes", partition=record.partition, offset=record.offset)
    return minutes


@dataclass(frozen=True)
class TouchedDelivery:
    """A batch of messages; `done` is called once the aggregates of its minutes are derived."""

    records: Sequence[Record]
    done: Callable[[], object]
    current: Callable[[], bool] = lambda: True


class Derivation:
    """Takes deliveries with `put` and derives their minutes, then the hours and days these lie in, with `run`.

    Hours and days need not be as fresh, and do not keep the next minutes waiting.
    """

    def __init__(
        self,
        derive_minutes: Callable[[list[int]], object],
        derive_hours_and_days: Callable[[list[int]], object],
    ) -> None:
        self._coarse = _Stage(derive_hours_and_days, COARSE_REST, _acknowledge)
        self._fine = _Stage(derive_minutes, FINE_REST, self._coarse.take)

    async def put(self, delivery: TouchedDelivery) -> None:
        """Take a delivery. The transport bounds how many are out."""
        minutes = minutes_of(delivery.records)
        metrics.TOUCHED_MINUTES.inc(len(minutes))
        self._fine.take([_Derived(delivery, minutes)])

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fine.run())
            tasks.create_task(self._coarse.run())


class _Derived(NamedTuple):
    delivery: TouchedDelivery
    minutes: set[int]


def _acknowledge(derived: Sequence[_Derived]) -> None:
    for delivery, minutes in derived:
        metrics.DERIVED_MINUTES.inc(len(minutes))
        delivery.done()


class _Stage:
    """Derives what arrives, joined while it last worked or rested, and passes it on."""

    def __init__(
        self,
        derive: Callable[[list[int]], object],
        rest: float,
        pass_on: Callable[[Sequence[_Derived]], object],
    ) -> None:
        self._derive = derive
        self._rest = rest
        self._pass_on = pass_on
        self._gathered: list[_Derived] = []
        self._arrived = asyncio.Event()

    def take(self, arrived: Sequence[_Derived]) -> None:
        self._gathered += arrived
        self._arrived.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = GATHER_SECONDS
        with ThreadPoolExecutor(1, "derive") as thread:
            while True:
                await self._arrived.wait()
                await asyncio.sleep(pause)
                current = self._take_current()
                began = time.monotonic()
                await loop.run_in_executor(thread, self._derive_all, current)
                self._pass_on(current)
                pause = max(GATHER_SECONDS, (time.monotonic() - began) * self._rest)

    def _take_current(self) -> list[_Derived]:
        self._arrived.clear()
        taken, self._gathered = self._gathered, []
        return [one for one in taken if one.delivery.current()]

    def _derive_all(self, derived: Sequence[_Derived]) -> None:
        minutes = sorted(set().union(*(one.minutes for one in derived)))
        if minutes:
            with metrics.STAGE_SECONDS.labels("derive").time():
                self._derive(minutes)
