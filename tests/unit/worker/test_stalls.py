"""Waiting for a server, and saying so."""

import threading

import pytest

from gapwatch.pipeline.errors import StoreUnavailable
from gapwatch.pipeline.worker import stalls as module
from gapwatch.pipeline.worker.stalls import Retrying, Stalls


def test_waiting_ends_when_the_process_stops() -> None:
    stopping, stalls = threading.Event(), Stalls()
    said: list[str | None] = []

    def fail() -> None:
        said.append(stalls.reason())
        if len(said) == 2:
            stopping.set()
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        Retrying(stalls, stopping)("store", fail, lambda _: True)
    assert said[0] is None
    assert "store has waited" in str(said[1])


def test_a_call_that_hangs_counts_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    stalls = Stalls()
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    said: list[str | None] = []

    def hang() -> None:
        nonlocal now
        now += module.HANGING_SECONDS
        said.append(stalls.reason())
        now += 2
        said.append(stalls.reason())

    Retrying(stalls, threading.Event())("store", hang)
    assert said == [None, "store has waited 17 s: the server has not answered yet"]
    assert stalls.reason() is None
