"""The reader in a process of its own.

Reading is all processor time. In the worker's interpreter it would share one lock with fetching, encoding rows and the
event loop, and slow all of them; beside it, it runs at the speed it has alone (docs/performance.md). And a text that
takes a whole process down, by memory or by a fault in native code, takes the reader's, not the worker's.
"""

import gc
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

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
        log.error("an event kills the reader's process", topic=record.topic, offset=record.offset)
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
    """Raises BrokenProcessPool when the process dies before it has answered."""
    return joined(map(decode_batch, pool.submit(_read, event_type, encode_records(records)).result()))
