"""The reader in a process of its own.

Reading is all processor time. In the worker's interpreter it would share one lock with fetching, encoding rows and the
event loop, and slow all of them; beside it, it runs at the speed it has alone (docs/performance.md). And a text that
takes a whole process down, by memory, by time or by a fault in native code, takes the reader's, not the worker's. What
one batch may take of either is bounded, and a record that ends the process twice is set aside.
"""

import contextlib
import gc
import multiprocessing
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import psutil

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.bisection import bisect
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.events.event_reader import EventReader, ReadBatch, joined
from gapwatch.pipeline.hosting.processes import end_with
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker.codec import decode_batch, decode_records, encode_batch, encode_records
from gapwatch.pipeline.worker.gc_tuning import collect_on_demand
from gapwatch.schemas.events import EventType

log = logger(__name__)

# The dearest event that fits the contract, a chat of a million characters, takes half of it.
MEMORY_BYTES = 384 * 1024**2
"""What reading may take beside the models. Whoever asks for more gets a MemoryError."""

PROCESSOR_SECONDS = 90.0
"""What one batch may take, whatever else the machine does."""

_LOOK_SECONDS = 2.0
_MOST_LIKELY_KILLED = "1000"

_reader: EventReader | None = None


def _begin() -> None:
    """In the new process: load the models, leave Ctrl-C to the worker, and end when the worker is gone."""
    global _reader  # noqa: PLW0603 - what a process pool keeps between calls, it keeps in its module
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None  # noqa: S101, PT018 - this is a child
    end_with(parent.pid, gracefully=False)
    from gapwatch.pipeline.language.reader import Reader  # noqa: PLC0415 - the models stay out of the worker

    _reader = EventReader(Reader())
    collect_on_demand()
    _bound_memory()


def _bound_memory() -> None:
    """What a text asks for beyond this is refused here. Were memory short, the system would end any process."""
    status, likely = Path("/proc/self/status"), Path("/proc/self/oom_score_adj")
    if not status.exists():  # the limit counts other things where there is no Linux
        return
    likely.write_text(_MOST_LIKELY_KILLED)
    (used,) = (int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmData:"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _read(event_type: EventType, encoded: bytes) -> list[bytes]:
    """Batches, one as a rule: a record whose rows cannot be encoded becomes a dead letter, and the others go on."""
    gc.collect()  # of the batch before this one nothing is left but what forms cycles
    records = decode_records(encoded)
    return bisect(records, partial(_read_and_encode, event_type), partial(_give_up, event_type), Exception)


def _read_and_encode(event_type: EventType, records: Sequence[Record]) -> bytes:
    assert _reader  # noqa: S101 - set when the process began
    return encode_batch(_reader.read(event_type, records))


def _give_up(event_type: EventType, record: Record, error: Exception) -> bytes:
    assert _reader  # noqa: S101 - set when the process began
    batch = _reader.read(event_type, [])
    batch.dead.append(DeadLetter.of(record, Rejected(Reason.READER_FAILED, type(error).__name__)))
    return encode_batch(batch)


class ReaderProcess:
    """Reads as EventReader does; for any thread. The process is started anew when it dies."""

    def __init__(self, begin: Callable[[], None] = _begin) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._apart = threading.Lock()
        self._pool = self._new_pool()

    def read(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
        """What became of the records. One that kills a process whenever it is read becomes a dead letter.

        Raises GapwatchError when a process does not even start.
        """
        pool = self._pool
        try:
            return _ask(pool, event_type, records)
        except BrokenProcessPool:
            log.warning("the reader's process died and is started again", records=len(records))
        with self._lock:
            if self._pool is pool:
                self._pool = self._new_pool()
        # It may have died of what another thread gave it. Here nobody else has a say.
        with self._apart:
            ask, give_up = partial(self._ask_apart, event_type), partial(self._give_up, event_type)
            return joined(bisect(records, ask, give_up, BrokenProcessPool) if records else [self._probe(event_type)])

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask_apart(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
        """Read in a process for these records alone."""
        try:
            return self._ask_another(event_type, records)
        except BrokenProcessPool:
            if len(records) > 1:
                raise
        # One record is about to be given up, and a process may also be killed from outside, for want of memory.
        return self._ask_another(event_type, records)

    def _give_up(self, event_type: EventType, record: Record, _: BrokenProcessPool) -> ReadBatch:
        batch = self._probe(event_type)
        log.error(
            "an event ended the reader's process twice, and is set aside",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
        batch.dead.append(DeadLetter.of(record, Rejected(Reason.READER_FAILED, "the process died")))
        return batch

    def _probe(self, event_type: EventType) -> ReadBatch:
        """Read nothing, which shows that a process starts. Raises GapwatchError when it does not, tried twice."""
        try:
            return self._ask_apart(event_type, [])
        except BrokenProcessPool as error:
            raise GapwatchError(
                "the reader's process dies as soon as it starts; run `gapwatch analyse 好` to see why"
            ) from error

    def _ask_another(self, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
        with self._new_pool() as pool:
            return _ask(pool, event_type, records)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Spawned, not forked: the worker has threads, and a fork copies their locks as they are.
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=self._begin)
        pool.submit(int)
        return pool


def _ask(pool: ProcessPoolExecutor, event_type: EventType, records: Sequence[Record]) -> ReadBatch:
    """Raises BrokenProcessPool when the process dies, or is ended for the time it takes, before it has answered."""
    asked = pool.submit(_read, event_type, encode_records(records))
    limit: float | None = None
    while True:
        try:
            return joined(map(decode_batch, asked.result(_LOOK_SECONDS)))
        except TimeoutError:
            # Two batches may wait for one process: each is given the time of both.
            spent = _processor_seconds(pool)
            limit = limit or spent + 2 * PROCESSOR_SECONDS
            if spent > limit:
                log.warning("a batch takes the reader's process too long, which is ended", records=len(records))
                _end(pool)


def _processes_of(pool: ProcessPoolExecutor) -> list[psutil.Process]:
    # The pool tells nobody which processes it has, until Python 3.14.
    processes = pool._processes or {}  # noqa: SLF001
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(number) for number in list(processes)]
    return []


def _processor_seconds(pool: ProcessPoolExecutor) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times().user + process.cpu_times().system for process in _processes_of(pool))
    return 0.0


def _end(pool: ProcessPoolExecutor) -> None:
    for process in _processes_of(pool):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
