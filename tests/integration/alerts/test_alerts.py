"""Alerts over a real Kafka and a real ClickHouse, by the command that people run."""

import json
import os
import signal as signals
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from support.waiting import eventually

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.kafka.outbox import Outbox, PlainMessage
from gapwatch.pipeline.kafka.topics import SIGNALS_TOPIC
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals import publication
from gapwatch.pipeline.signals.series import Place, Series
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.store import ClickHouse

MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
GAPWATCH = [sys.executable, "-m", "gapwatch"]


class Webhook(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.titles: list[str] = []
        self.refuse = 0
        self.lock = threading.Lock()

    @property
    def address(self):
        return f"json://127.0.0.1:{self.server_address[1]}/alerts"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            refused = self.server.refuse > 0
            self.server.refuse -= refused
            if not refused:
                self.server.titles.append(message["title"])
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def webhook(settings_env):
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings_env.setenv("GAPWATCH_ALERT_TARGETS", json.dumps({"notice": [server.address]}))
    settings.cache_clear()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def change(product, state="opened", minute=MINUTE):
    series = Series("fulfillment", Place(product_id=product))
    return Signal(
        series, minute, MINUTE, MINUTE - timedelta(hours=1), state, "warning", "worse", "", 40.0, 20.0, 50, 30, 29
    )


def publish(database, changes):
    table = SignalTable(ClickHouse(database))
    for minute in sorted({one.minute for one in changes}):
        table.write(minute, [one for one in changes if one.minute == minute], 10)
    return publication.publish(table, Outbox())


def once(*options):
    return CliRunner().invoke(gapwatch, ["alerts", "run", *options])


def outcomes(database):
    query = "SELECT outcome, count() FROM alert_deliveries FINAL GROUP BY outcome"
    return dict(ClickHouse(database).execute(query))


def test_each_change_arrives_once_however_often_it_runs(database, event_topics, group, webhook):
    publish(database, [change("空调"), change("空调", "recovered", MINUTE + timedelta(minutes=9)), change("<b>锅</b>")])
    for _ in range(2):
        assert once("--once").exception is None
    assert sorted(webhook.titles) == [
        "【警告】实现差距变差：产品“<b>锅</b>”",
        "【警告】实现差距变差：产品“空调”",
        "【警告】实现差距恢复：产品“空调”",
    ]
    assert outcomes(database) == {"sent": 3}


def test_a_target_that_refuses_is_reported_and_told_later(database, event_topics, group, webhook):
    publish(database, [change("空调")])
    webhook.refuse = 1
    failed = once("--once")
    assert failed.exit_code != 0
    assert "1 alerts were not delivered" in str(failed.exception)
    assert outcomes(database) == {"failed": 1}
    assert once("--once").exit_code == 0
    assert len(webhook.titles) == 1
    assert outcomes(database) == {"sent": 1}


def test_published_twice_is_told_once(database, event_topics, group, webhook):
    publish(database, [change("空调")])
    ClickHouse(database).execute("TRUNCATE TABLE signal_publications")
    assert len(publication.publish(SignalTable(ClickHouse(database)), Outbox())) == 1
    assert once("--once").exit_code == 0
    assert len(webhook.titles) == 1


def test_several_workers_one_of_them_killed(database, event_topics, group, webhook):
    names = [f"商品{number}" for number in range(30)]
    workers = [subprocess.Popen([*GAPWATCH, "alerts", "run"], env=os.environ.copy()) for _ in range(2)]
    try:
        publish(database, [change(name) for name in names[:15]])
        eventually(lambda: len(webhook.titles) >= 5)
        workers[0].send_signal(signals.SIGKILL)
        publish(database, [change(name, minute=MINUTE + timedelta(minutes=1)) for name in names[15:]])
        eventually(lambda: len(set(webhook.titles)) == len(names))
        eventually(lambda: outcomes(database).get("sent") == len(names))
    finally:
        for worker in workers:
            worker.send_signal(signals.SIGTERM)
        for worker in workers:
            worker.wait(timeout=60)
    counts = Counter(webhook.titles)
    # Only the alert that was being sent at the moment of the kill may come twice.
    assert sum(counts.values()) <= len(names) + 1


def test_dry_run_prints_and_sends_nothing(database, event_topics, group, webhook):
    publish(database, [change("空调")])
    printed = once("--dry-run")
    assert printed.exit_code == 0
    assert "【警告】实现差距变差：产品“空调”" in printed.output
    assert "--- to json" in printed.output
    assert webhook.titles == []
    assert outcomes(database) == {}


def test_a_record_that_is_no_signal_stops_nothing(database, event_topics, group, webhook):
    Outbox().deliver([PlainMessage(SIGNALS_TOPIC, b"x", b"{"), PlainMessage(SIGNALS_TOPIC, b"y", None)])
    publish(database, [change("空调")])
    assert once("--once").exit_code == 0
    assert len(webhook.titles) == 1


def test_without_targets_it_says_what_to_set(database, event_topics, group):
    refused = once("--once")
    assert refused.exit_code != 0
    assert "GAPWATCH_ALERT_TARGETS" in str(refused.exception)
