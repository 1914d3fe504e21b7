"""Cycles of objects go away in time, although Python itself hardly ever looks for them."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator

import pytest
from support.waiting import eventually_async

from gapwatch.pipeline.worker import gc_tuning


@pytest.fixture
def no_collection_by_count() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(0)
    yield
    gc.set_threshold(*before)


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("no_collection_by_count")
async def test_what_only_refers_to_itself_is_found_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_tuning, "FULL_COLLECTION_SECONDS", 0.01)
    left = weakref.ref(Cycle())
    assert left() is not None
    collecting = asyncio.create_task(gc_tuning.collect_periodically())
    await eventually_async(lambda: left() is None)
    collecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await collecting
