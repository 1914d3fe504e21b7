"""Dirty minutes: what is derived first, what is joined, and when a batch is done."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from support.waiting import eventually_async

from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.worker import refresh
from gapwatch.pipeline.worker.refresh import LIVE_SECONDS, DirtyBatch, Refresher, messages

NOW = 1_790_000_040
LIVE, LATE = NOW - 60, NOW - LIVE_SECONDS - 60


class Deriving:
    """Notes what is derived, in its order; each of the three waits while its gate is closed."""

    def __init__(self) -> None:
        self.derived: list[tuple[str, list[int]]] = []
        self.ended: list[str] = []
        self.ended_before: dict[str, list[str]] = {}
        """Of each of the three, what had ended when it last began."""
        self.gates = {name: threading.Event() for name in ("live", "late", "coarse")}
        for gate in self.gates.values():
            gate.set()
        self.refresher = Refresher(*map(self._noting, self.gates), clock=lambda: NOW)

    def of(self, name: str) -> list[list[int]]:
        return [minutes for one, minutes in self.derived if one == name]

    def _noting(self, name: str) -> Callable[[list[int]], object]:
        def derive(minutes: list[int]) -> None:
            self.ended_before[name] = [*self.ended]
            self.derived.append((name, minutes))
            self.gates[name].wait(10)
            self.ended.append(name)

        return derive


@pytest.fixture
async def deriving() -> AsyncIterator[Deriving]:
    made = Deriving()
    task = asyncio.create_task(made.refresher.run())
    yield made
    for gate in made.gates.values():
        gate.set()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def batch(
    done: list[str], name: str, *minutes: int, current: bool = True, published: float | None = None
) -> DirtyBatch:
    dirty = messages(minutes, time.time() if published is None else published)
    records = [
        Record(message.topic, 0, offset, 0, message.key, message.value, []) for offset, message in enumerate(dirty)
    ]
    return DirtyBatch(records, lambda: done.append(name), lambda: current)


async def test_a_batch_is_done_when_its_hours_and_days_are_derived(deriving: Deriving) -> None:
    done: list[str] = []
    deriving.gates["coarse"].clear()
    await deriving.refresher.put(batch(done, "one", LIVE, LATE))
    await eventually_async(lambda: deriving.of("coarse") == [[LATE, LIVE]])
    assert deriving.of("live") == [[LIVE]]
    assert deriving.of("late") == [[LATE]]
    assert done == []
    deriving.gates["coarse"].set()
    await eventually_async(lambda: done == ["one"])


async def test_hours_and_days_wait_for_all_minutes_of_a_batch(deriving: Deriving) -> None:
    deriving.gates["late"].clear()
    await deriving.refresher.put(batch([], "one", LIVE, LATE))
    await eventually_async(lambda: deriving.of("live") and deriving.of("late"))
    deriving.gates["late"].set()
    await eventually_async(lambda: deriving.of("coarse") == [[LATE, LIVE]])
    assert sorted(deriving.ended_before["coarse"]) == ["late", "live"]


async def test_live_minutes_wait_neither_for_late_ones_nor_for_hours_and_days(deriving: Deriving) -> None:
    for gate in ("late", "coarse"):
        deriving.gates[gate].clear()
    await deriving.refresher.put(batch([], "a back-fill", LATE))
    await eventually_async(lambda: deriving.of("late"))
    for number in (1, 2, 3):
        await deriving.refresher.put(batch([], "live", LIVE))
        await eventually_async(lambda number=number: len(deriving.of("live")) == number)


async def test_a_back_fill_is_late_whatever_its_minutes(deriving: Deriving) -> None:
    deriving.gates["late"].clear()
    await deriving.refresher.put(batch([], "a back-fill", LIVE, published=time.time() - 3_600))
    await eventually_async(lambda: deriving.of("late") == [[LIVE]])
    await deriving.refresher.put(batch([], "live", LIVE))
    await eventually_async(lambda: deriving.of("live") == [[LIVE]])


async def test_what_comes_during_a_derivation_is_derived_together(deriving: Deriving) -> None:
    done: list[str] = []
    deriving.gates["late"].clear()
    await deriving.refresher.put(batch(done, "first", LATE))
    await eventually_async(lambda: deriving.of("late"))
    for number in range(5):
        await deriving.refresher.put(batch(done, "more", LATE, LATE - 60 * number))
    deriving.refresher.drain()
    deriving.gates["late"].set()
    await eventually_async(lambda: len(done) == 6)
    assert deriving.of("late") == [[LATE], [LATE - 60 * number for number in (4, 3, 2, 1, 0)]]


async def test_who_waits_for_the_end_waits_for_no_cooldown(deriving: Deriving) -> None:
    done: list[str] = []
    await deriving.refresher.put(batch(done, "one", LIVE))
    await eventually_async(lambda: done == ["one"])
    await deriving.refresher.put(batch(done, "two", LIVE))
    await eventually_async(lambda: len(deriving.of("live")) == 2)
    assert done == ["one"]  # hours and days cool down for seconds
    deriving.refresher.drain()
    async with asyncio.timeout(2):
        await eventually_async(lambda: done == ["one", "two"])


async def test_who_asks_for_the_end_again_has_as_long_again(
    deriving: Deriving, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    await deriving.refresher.put(batch(done, "one", LIVE))
    await eventually_async(lambda: done == ["one"])
    monkeypatch.setattr(refresh, "DRAIN_SECONDS", 0.01)
    deriving.refresher.drain()
    first_ended = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, first_ended.set)  # timers go off in the order of their times
    monkeypatch.undo()
    deriving.refresher.drain()
    await first_ended.wait()
    await deriving.refresher.put(batch(done, "two", LIVE))
    async with asyncio.timeout(2):
        await eventually_async(lambda: done == ["one", "two"])


async def test_minutes_of_partitions_that_went_away_are_left_to_others(deriving: Deriving) -> None:
    done: list[str] = []
    await deriving.refresher.put(batch(done, "gone", LIVE, current=False))
    await deriving.refresher.put(batch(done, "ours", LIVE - 60))
    await eventually_async(lambda: done == ["ours"])
    assert deriving.derived == [("live", [LIVE - 60]), ("coarse", [LIVE - 60])]


async def test_a_message_that_names_no_minutes_is_acknowledged(deriving: Deriving) -> None:
    done: list[str] = []
    unreadable = Record("gapwatch.dirty-minutes", 0, 0, 0, None, b"no JSON", [])
    await deriving.refresher.put(DirtyBatch([unreadable], lambda: done.append("passed over")))
    await eventually_async(lambda: done == ["passed over"])
    assert deriving.derived == []
