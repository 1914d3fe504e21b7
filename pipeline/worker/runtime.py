"""What a worker process does, put together: reading and storing events, deriving aggregates."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.events.privacy.pseudonyms import require_key
from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.kafka.outbox import Outbox
from gapwatch.pipeline.kafka.topics import ensure_topics
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.settings import Settings
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore, LostRecords, migrate
from gapwatch.pipeline.worker.gc_tuning import collect_periodically
from gapwatch.pipeline.worker.ingest import Ingest
from gapwatch.pipeline.worker.reader_process import ReaderProcess
from gapwatch.pipeline.worker.refresh import Refresher
from gapwatch.pipeline.worker.reports import Reports
from gapwatch.pipeline.worker.stalls import Retrying, Stalls
from gapwatch.pipeline.worker.storing import Storing

log = logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """`ingest` and `refresher` take batches; `stalls` says what they wait for.

    `note_lost` keeps which records nobody can read any more.
    """

    ingest: Ingest
    refresher: Refresher
    stalls: Stalls
    note_lost: Callable[[Lost], None]

    async def run(self) -> None:
        """Work until cancelled. What leaves here as an exception is no passing trouble: the process should end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ingest.run())
            tasks.create_task(self.refresher.run())
            tasks.create_task(collect_periodically())


def prepare(settings: Settings, stopping: threading.Event, stalls: Stalls) -> Runtime:
    """Topics and tables made sure of, models loaded, reports begun. Waits for servers that do not answer, until
    `stopping` is set.

    Raises GapwatchError for what waiting does not mend.
    """
    if require_key() and settings.clickhouse:
        log.warning("GAPWATCH_ID_KEY is unset: workers on other machines make other hashes of identifiers")
    retrying = Retrying(stalls, stopping)
    url = endpoints().clickhouse
    reader = ReaderProcess()  # which takes seconds to begin, and compiles once after an installation
    retrying("topics", ensure_topics, lambda error: isinstance(error, StackError))
    retrying("migrate", lambda: migrate(url))
    log.info("loading models")
    reader.read("feedback", [])  # only a worker that can read takes partitions
    storing = Storing(EventStore(url), Outbox(), reader, retrying)
    aggregates = Aggregates(url)

    def derive_minutes(minutes: list[int]) -> None:
        retrying("derive", lambda: aggregates.derive_minutes(minutes))

    def derive_late_minutes(minutes: list[int]) -> None:
        retrying("derive late", lambda: aggregates.derive_minutes(minutes))

    def derive_hours_and_days(minutes: list[int]) -> None:
        retrying("derive hours", lambda: aggregates.derive_hours_and_days(minutes))

    lost_records = LostRecords(ClickHouse(url), settings.group)

    def note_lost(lost: Lost) -> None:
        retrying("note lost records", lambda: lost_records.note(lost))

    Reports(ClickHouse(url), stalls).start(stopping)
    return Runtime(
        Ingest(reader, storing, flush_events=settings.flush_events, flush_seconds=settings.flush_seconds),
        Refresher(derive_minutes, derive_late_minutes, derive_hours_and_days),
        stalls,
        note_lost,
    )
