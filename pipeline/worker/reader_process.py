"""The reader in a process of its own.

Reading is all processor time. In the worker's interpreter it would share one lock with fetching, encoding rows and the
event loop, and slow all of them; beside it, it runs at the speed it has alone (docs/performance.md). And a text that
takes a whole process down, by memory or by a fault in native code, takes the reader's, not the worker's.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker.codec import pack, pack_records, unpack, unpack_records
from gapwatch.pipeline.worker.gc_tuning import collect_on_demand
from gapwatch.pipeline.worker.ingest import EventReader, Portion, joined
from gapwatch.schemas.events import EventType

log = logger(__name__)

_reader: EventReader | None = None


def _begin() -> None:
    """In the new process: load the models, leave Ctrl-C to the worker, and end when the worker is gone."""
    global _reader  # noqa: PLW0603 - what a process pool keeps between calls, it keeps in its module
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from gapwatch.pipeline.language.reader import Reader  # noqa: PLC0415 - the models stay out of the worker

    _reader = EventReader(Reader())
    collect_on_demand()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent  # noqa: S101 - this is a child
    wait([parent.sentinel])
    os._exit(1)


def _read(event_type: EventType, packed: bytes) -> list[bytes]:
    gc.collect()  # of the batch before this one nothing is left but what forms cycles
    return _read_and_pack(event_type, unpack_records(packed))


def _read_and_pack(event_type: EventType, records: Sequence[Record]) -> list[bytes]:
    """Portions, one as a rule: an event of which no row can be made is looked for by halves, as the reader does."""
    assert _reader  # noqa: S101 - set when the process began
    portion = _reader.read(event_type, records)
    try:
        return [pack(portion)]
    except Exception as error:  # noqa: BLE001 - whatever one event does, the others go on
        if len(records) == 1:
            rejected = Rejected(Reason.READER_FAILED, type(error).__name__)
            return [pack(Portion(_reader.read(event_type, []).columns, [DeadLetter.of(records[0], rejected)]))]
        middle = len(records) // 2
        return _read_and_pack(event_type, records[:middle]) + _read_and_pack(event_type, records[middle:])


class ReaderProcess:
    """Reads as EventReader does; for any thread. The process is started anew when it dies."""

    def __init__(self, begin: Callable[[], None] = _begin) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._apart = threading.Lock()
        self._pool = self._new_pool()

    def read(self, event_type: EventType, records: Sequence[Record]) -> Portion:
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
            return self._read_apart(event_type, records)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read_apart(self, event_type: EventType, records: Sequence[Record]) -> Portion:
        """Read in a process for these records alone, which is given up when it dies; then the halves."""
        # One record is about to be given up, and a process may also be killed from outside, for want of memory.
        for _ in range(2 if len(records) == 1 else 1):
            with contextlib.suppress(BrokenProcessPool):
                return self._ask_another(event_type, records)
        if len(records) > 1:
            middle = len(records) // 2
            halves = records[:middle], records[middle:]
            return joined([self._read_apart(event_type, half) for half in halves])
        try:
            portion = self._ask_another(event_type, [])
        except BrokenProcessPool as error:
            raise GapwatchError(
                "the reader's process dies as soon as it starts; run `gapwatch analyse 好` to see why"
            ) from error
        log.error("an event kills the reader's process", topic=records[0].topic, offset=records[0].offset)
        portion.dead.append(DeadLetter.of(records[0], Rejected(Reason.READER_FAILED, "the process died")))
        return portion

    def _ask_another(self, event_type: EventType, records: Sequence[Record]) -> Portion:
        with self._new_pool() as pool:
            return _ask(pool, event_type, records)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Spawned, not forked: the worker has threads, and a fork copies their locks as they are.
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=self._begin)
        pool.submit(int)
        return pool


def _ask(pool: ProcessPoolExecutor, event_type: EventType, records: Sequence[Record]) -> Portion:
    """Raises BrokenProcessPool when the process dies before it has answered."""
    return joined(map(unpack, pool.submit(_read, event_type, pack_records(records)).result()))
