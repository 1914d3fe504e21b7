"""The reader's process, killed by what it reads: only the event that does it is given up, whoever reads beside it."""

import contextlib
import gc
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.pipeline.worker import reader_process
from gapwatch.pipeline.worker.reader_process import ReaderProcess

READING = Reading("", "neutral", 0.0, (), "none", "none", "in_sale", 0.0, ())


class Mortal:
    """Dies of one text, as of a fault in native code; never ends with another, and takes much memory for a third."""

    version = "1"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        if "die" in texts:
            os._exit(1)
        while "loop" in texts:
            pass
        if "grow" in texts:
            bytearray(4 * reader_process.MEMORY_BYTES)
        return [READING] * len(texts)

    def read_chat(self, said: Sequence[str], whole: str) -> ChatReading:
        return ChatReading(READING)


def begin() -> None:
    reader_process._reader = EventReader(Mortal())
    reader_process._bound_memory()


def fail() -> None:
    os._exit(1)


def begin_at_the_fourth_attempt(marks: Path) -> None:
    for attempt in range(1, 4):
        with contextlib.suppress(FileExistsError):
            (marks / str(attempt)).touch(exist_ok=False)
            os._exit(1)
    begin()


@pytest.fixture(autouse=True, scope="module")
def no_tracker_left() -> Iterator[None]:
    yield
    gc.collect()  # pools that are closed, whose semaphores the tracker would remove before they do
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # else it lasts as long as these tests


@pytest.fixture
def process() -> Iterator[ReaderProcess]:
    made = ReaderProcess(begin)
    yield made
    made.close()


def records(first: int, texts: Sequence[str]) -> list[Record]:
    now = datetime.now(UTC).isoformat()
    events = [{"event_id": str(first + n), "event_time": now, "channel": "app", "text": t} for n, t in enumerate(texts)]
    return [
        Record("feedback.events", 0, first + number, 0, None, json.dumps(event | {"customer_id": "c"}).encode())
        for number, event in enumerate(events)
    ]


def test_two_threads_with_a_killer_each_give_up_these_two_events(process: ReaderProcess) -> None:
    batches = [records(0, ["好", "die", "好"]), records(100, ["好"]), records(200, ["好"] * 5 + ["die"])]
    with ThreadPoolExecutor(3) as threads:
        read = list(threads.map(lambda batch: process.read("feedback", batch), batches))
    given_up = [[letter.source[2] for letter in batch.dead] for batch in read]
    assert given_up == [[b"1"], [], [b"205"]]
    assert [len(batch.columns) for batch in read] == [2, 1, 5]
    assert process.read("feedback", records(300, ["好"])).dead == [], "and reading goes on"


def test_an_event_that_never_ends_is_given_up(process: ReaderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_process, "PROCESSOR_SECONDS", 1.0)
    monkeypatch.setattr(reader_process, "_LOOK_SECONDS", 0.1)
    read = process.read("feedback", records(0, ["好", "loop", "好"]))
    assert [letter.source[2] for letter in read.dead] == [b"1"]
    assert len(read.columns) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts memory on Linux only")
def test_an_event_that_wants_too_much_memory_is_given_up(process: ReaderProcess) -> None:
    read = process.read("feedback", records(0, ["好", "grow", "好"]))
    assert [dict(letter.headers)["gapwatch.detail"] for letter in read.dead] == [b"MemoryError"]
    assert len(read.columns) == 2


def test_a_process_that_does_not_start_gives_up_no_event() -> None:
    process = ReaderProcess(fail)
    with pytest.raises(GapwatchError, match="as soon as it starts"):
        process.read("feedback", records(0, ["好"]))
    process.close()


@pytest.mark.timeout(120)
def test_a_process_that_starts_at_last_is_asked_for_nothing_without_an_error(tmp_path: Path) -> None:
    """The worker reads no records at first, to know that its reader starts. Here three processes die before that."""
    process = ReaderProcess(partial(begin_at_the_fourth_attempt, tmp_path))
    read = process.read("feedback", [])
    assert (len(read.columns), read.dead) == (0, [])
    process.close()
