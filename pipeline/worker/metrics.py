"""Every metric that a worker exports, in one list: `CATALOGUE` feeds the endpoint, the documents and the dashboards.

Workers of one `gapwatch worker` write to files of one directory (`PROMETHEUS_MULTIPROC_DIR`), and the supervisor serves
their sum. Each metric belongs to all of them, so none carries a process.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from gapwatch.pipeline.hosting.retrying import Limits, retrying
from gapwatch.pipeline.kafka.records import Record

PREFIX = "gapwatch_"
DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# Stages take from a millisecond (an empty batch) to minutes (ClickHouse away).
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# Live events arrive within seconds, channels that deliver daily within a day, corrections later.
DELAY_SECONDS = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000)
SIZES = (1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000)


@dataclass(frozen=True)
class Metric:
    """One exported metric: `name` as Prometheus shows it, and what it tells."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()


CATALOGUE: list[Metric] = []


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    CATALOGUE.append(Metric(PREFIX + name + "_total", "counter", meaning, labels))
    return Counter(PREFIX + name, meaning, labels)


def _gauge(name: str, meaning: str, *labels: str, over_processes: Literal["livesum", "livemax"]) -> Gauge:
    CATALOGUE.append(Metric(PREFIX + name, "gauge", meaning, labels))
    return Gauge(PREFIX + name, meaning, labels, multiprocess_mode=over_processes)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    CATALOGUE.append(Metric(PREFIX + name, "histogram", meaning, labels))
    return Histogram(PREFIX + name, meaning, labels, buckets=buckets)


RECORDS = _counter("records", "Records taken from Kafka, replays included.", "topic")
BATCHES = _counter("batches", "Batches of records taken from Kafka.", "topic")
EVENTS = _counter("events_stored", "Events whose rows ClickHouse acknowledged, replays included.")
DEAD_LETTERS = _counter("dead_letters", "Records sent to a dead-letter topic.", "topic")
LOST = _counter(
    "records_lost",
    "Records that left their topic before a worker read them: retention was shorter than the workers' absence.",
    "topic",
)
FLUSH_EVENTS = _histogram("flush_events", "Events in one insert; many small ones load ClickHouse.", buckets=SIZES)
STAGE_SECONDS = _histogram(
    "stage_seconds",
    "Time of one batch or flush in a stage: read (decode, mask, classify), store (insert), publish (dead letters and "
    "dirty minutes), derive (aggregates).",
    "stage",
    buckets=SECONDS,
)
EVENT_DELAY = _histogram(
    "event_delay_seconds",
    "From the time of an event to its rows being stored, of each flush's latest event.",
    buckets=DELAY_SECONDS,
)
RETRIES = _counter("retries", "Attempts that ClickHouse or Kafka did not answer and that are made again.", "stage")
WAITING_SECONDS = _gauge(
    "waiting_seconds",
    "How long the stage has waited for a server that does not answer; 0 when all is well. Nothing is lost meanwhile.",
    "stage",
    over_processes="livemax",
)
LAG = _gauge(
    "lag_records",
    "Records in the log behind the committed offset; NaN while no broker answers.",
    "topic",
    over_processes="livesum",
)
DERIVED_MINUTES = _counter("derived_minutes", "Minutes whose aggregates were derived again.")
DIRTY_MINUTES = _counter("dirty_minutes", "Minutes reported dirty, before equal ones are joined.")
ASSIGNED = _gauge("assigned_partitions", "Partitions that the workers hold.", "topic", over_processes="livesum")
RESTARTS = _counter("worker_restarts", "Workers that the supervisor started again.")


def count_taken(records: Sequence[Record]) -> None:
    """Count a batch from Kafka: records of one topic, at least one."""
    topic = records[0].topic
    RECORDS.labels(topic).inc(len(records))
    BATCHES.labels(topic).inc()


def forget_process(pid: int) -> None:
    """Take a worker that has ended out of the gauges; its counts stay."""
    if DIRECTORY_VARIABLE in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


# A worker that starts makes its files empty, and a moment later gives them their size.
_UNTIL_SIZED = Limits(attempts=20, first_pause=0.1, longest_pause=0.1)


@retrying(_UNTIL_SIZED, lambda error: isinstance(error, struct.error)).wraps
def over_processes(directory: str) -> bytes:
    """All metrics of the workers that write to `directory`, in Prometheus' text format."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
