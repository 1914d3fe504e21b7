"""What a worker process does, put together: reading and storing events, deriving aggregates."""

import asyncio
import threading
from dataclasses import dataclass

from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import StackError, StoreUnavailable
from gapwatch.pipeline.kafka.outbox import Outbox
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.settings import Settings
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore, migrate
from gapwatch.pipeline.worker.gc_tuning import collect_periodically
from gapwatch.pipeline.worker.ingest import Ingest
from gapwatch.pipeline.worker.reader_process import ReaderProcess
from gapwatch.pipeline.worker.refresh import Refresher
from gapwatch.pipeline.worker.reports import Reports
from gapwatch.pipeline.worker.retrying import Patience, Waits
from gapwatch.pipeline.worker.storing import Storing

log = logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """`ingest` and `refresher` take batches; `waits` says what they wait for."""

    ingest: Ingest
    refresher: Refresher
    waits: Waits

    async def run(self) -> None:
        """Work until cancelled. What leaves here as an exception is no passing trouble: the process should end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ingest.run())
            tasks.create_task(self.refresher.run())
            tasks.create_task(collect_periodically())


def prepare(settings: Settings, stopping: threading.Event, waits: Waits) -> Runtime:
    """Topics and tables made sure of, models loaded, reports begun. Waits for servers that do not answer, until
    `stopping` is set.

    Raises GapwatchError for what waiting does not mend.
    """
    patience = Patience(waits, stopping)
    url = endpoints().clickhouse
    reader = ReaderProcess()  # which takes seconds to begin, and compiles once after an installation
    patience("topics", ensure_topics, lambda error: isinstance(error, StackError))
    patience("migrate", lambda: migrate(url), _passes)
    log.info("loading models")
    reader.read("feedback", [])  # only a worker that can read takes partitions
    storing = Storing(EventStore(url), Outbox(), reader, patience)
    aggregates = Aggregates(url)

    def derive_minutes(minutes: list[int]) -> None:
        patience("derive", lambda: aggregates.derive_minutes(minutes), _passes)

    def derive_late_minutes(minutes: list[int]) -> None:
        patience("derive late", lambda: aggregates.derive_minutes(minutes), _passes)

    def derive_hours_and_days(minutes: list[int]) -> None:
        patience("derive hours", lambda: aggregates.derive_hours_and_days(minutes), _passes)

    Reports(ClickHouse(url), waits).start(stopping)
    return Runtime(
        Ingest(reader, storing, flush_events=settings.flush_events, flush_seconds=settings.flush_seconds),
        Refresher(derive_minutes, derive_late_minutes, derive_hours_and_days),
        waits,
    )


def _passes(error: BaseException) -> bool:
    return isinstance(error, StoreUnavailable)
