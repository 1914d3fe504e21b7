"""What a worker did lately and how far it is behind, in ClickHouse, where the operators' page and alerts read it.

The numbers are the worker's own metrics. Writing has a thread and a connection of its own and nothing waits for it:
a report that cannot be written is part of the next, and tells that ClickHouse is away.
"""

import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gapwatch.pipeline.errors import StoreError, StoreUnavailable
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.worker import metrics
from gapwatch.pipeline.worker.stalls import Stalls
from gapwatch.schemas.events import dead_letter_topic_of

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

log = logger(__name__)

REPORT_SECONDS = 10.0

_COLUMNS = (
    "worker, seconds, topics.topic, topics.partitions, topics.lag, topics.records, topics.dead_letters, "
    "stored, flushes, flush_seconds, delay_seconds, derived_minutes, derive_seconds, waiting_seconds"
)
# The server gathers the rows of many workers into one part, and answers at once.
_UNHURRIED = {"async_insert": 1, "wait_for_async_insert": 0, "insert_quorum": 0}

Values = Mapping[tuple[str, ...], float]
"""Values of this process by sample name, without prefix, and labels."""


class Reports:
    """Writes what has changed since the last report."""

    def __init__(self, clickhouse: ClickHouse, stalls: Stalls) -> None:
        self._clickhouse = clickhouse
        self._stalls = stalls
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._reported, self._at = read(), time.monotonic()

    def start(self, stopping: threading.Event) -> None:
        """Report until `stopping` is set."""
        threading.Thread(target=self._run, args=(stopping,), name="reports", daemon=True).start()

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(REPORT_SECONDS):
            try:
                self.write()
            except StoreUnavailable as error:
                # A worker with nothing to store would not notice otherwise.
                self._stalls.begin("report", str(error))
            except StoreError as error:
                self._stalls.end("report")  # it has answered
                log.warning("no report is written", error=str(error))
            else:
                self._stalls.end("report")

    def write(self) -> None:
        """Write one report. Raises StoreError; then the next covers its time too."""
        now, at = read(), time.monotonic()
        report = row(self._reported, now)
        self._clickhouse.execute(
            f"INSERT INTO worker_reports ({_COLUMNS}) VALUES",
            [(self._worker, at - self._at, *report)],
            settings=_UNHURRIED,
        )
        self._reported, self._at = now, at


def read() -> dict[tuple[str, ...], float]:
    """The metrics as this process has them now."""
    kept: tuple[MetricWrapperBase, ...] = (
        metrics.ASSIGNED,
        metrics.LAG,
        metrics.RECORDS,
        metrics.DEAD_LETTERS,
        metrics.EVENTS,
        metrics.EVENT_DELAY,
        metrics.STAGE_SECONDS,
        metrics.DERIVED_MINUTES,
        metrics.WAITING_SECONDS,
    )
    return {
        (sample.name.removeprefix(metrics.PREFIX), *sample.labels.values()): sample.value
        for metric in kept
        for family in metric.collect()
        for sample in family.samples
    }


def row(before: Values, now: Values) -> tuple[Any, ...]:
    """A row of `worker_reports` from its topics on: counts since `before`, gauges as they are."""

    def since(*name: str) -> float:
        return now.get(name, 0.0) - before.get(name, 0.0)

    topics = (*EVENT_TOPICS, DIRTY_MINUTES_TOPIC)
    return (
        topics,
        [int(now.get(("assigned_partitions", topic), 0)) for topic in topics],
        [_known(now.get(("lag_records", topic), 0)) for topic in topics],
        [int(since("records_total", topic)) for topic in topics],
        [int(since("dead_letters_total", dead_letter_topic_of(topic))) for topic in topics],
        int(since("events_stored_total")),
        int(since("event_delay_seconds_count")),
        since("stage_seconds_sum", "store"),
        since("event_delay_seconds_sum"),
        int(since("derived_minutes_total")),
        since("stage_seconds_sum", "derive"),
        max((value for (name, *_), value in now.items() if name == "waiting_seconds"), default=0.0),
    )


def _known(lag: float) -> int:
    # The table has no number for what is not known. `waiting_seconds` says that nothing is.
    return 0 if math.isnan(lag) else int(lag)
