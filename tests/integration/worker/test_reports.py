"""Workers tell ClickHouse how they do, and nothing waits for that."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from kafka import KafkaProducer
from support.waiting import eventually

from gapwatch.pipeline.errors import StoreError, StoreUnavailable
from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.worker import metrics, reports
from gapwatch.pipeline.worker.stalls import Stalls


def totals(database):
    query = """
        SELECT sum(stored), sum(flushes), sum(flush_seconds) > 0, sum(derived_minutes), uniqExact(worker),
            sum(arraySum(`topics.records`)), sum(arraySum(`topics.dead_letters`)), max(arraySum(`topics.partitions`))
        FROM worker_reports"""
    return ClickHouse(database).execute(query)[0]


def feedback(number):
    return {
        "event_id": f"e{number}",
        "event_time": datetime.now(UTC).isoformat(),
        "channel": "app",
        "customer_id": "c",
        "text": "说好三天到，一个星期还没到",
    }


def _reported(database, worker):
    assert worker.poll() is None
    stored, *_, letters, _ = totals(database)
    return stored >= 20 and letters >= 1


def test_a_running_worker_reports_what_it_does(kafka, database, event_topics, group):
    producer = KafkaProducer(bootstrap_servers=kafka)
    for value in (*(json.dumps(feedback(number)).encode() for number in range(20)), b"{"):
        producer.send("feedback.events", value)
    producer.close()
    worker = subprocess.Popen([sys.executable, "-m", "gapwatch", "worker"], env=os.environ.copy())
    try:
        eventually(lambda: _reported(database, worker), told=lambda: totals(database))
    finally:
        worker.terminate()
        worker.wait(60)
    stored, flushes, took_time, minutes, workers, records, letters, partitions = totals(database)
    assert (stored, letters, workers, took_time) == (20, 1, 1, True)
    assert flushes >= 1
    assert minutes >= 1
    assert records >= 21
    assert partitions == 16  # of three event topics and the dirty minutes, four each


def test_a_report_that_cannot_be_written_is_part_of_the_next(database):
    clickhouse = ClickHouse(database)
    report = reports.Reports(clickhouse, Stalls())
    metrics.EVENTS.inc(5)
    clickhouse.execute("RENAME TABLE worker_reports TO away")
    with pytest.raises(StoreError):
        report.write()
    clickhouse.execute("RENAME TABLE away TO worker_reports")
    metrics.EVENTS.inc(2)
    report.write()
    assert totals(database)[0] == 7


def test_without_clickhouse_the_thread_goes_on_and_ends(monkeypatch):
    monkeypatch.setattr(reports, "REPORT_SECONDS", 0.01)
    asked = threading.Event()

    class Away(ClickHouse):
        def execute(self, *_, **__):
            asked.set()
            raise StoreUnavailable("away")

    stopping = threading.Event()
    stalls = Stalls()
    reports.Reports(Away("clickhouse://u:p@127.0.0.1:1/x"), stalls).start(stopping)
    assert asked.wait(10)
    asked.clear()
    assert asked.wait(10)
    stopping.set()
    assert "away" in stalls.reason(), "the health of a worker with nothing to store"
