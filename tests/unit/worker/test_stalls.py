"""Waiting for a server, and saying so."""

import threading

import pytest

from gapwatch.pipeline.errors import StoreUnavailable
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
