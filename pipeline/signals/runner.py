"""Evaluating every minute and telling Kafka what changed."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gapwatch.pipeline.errors import PublishError, StoreUnavailable
from gapwatch.pipeline.kafka.outbox import Outbox
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.signals import publication
from gapwatch.pipeline.signals.detector import Detector
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.store import ClickHouse

log = logger("gapwatch.signals")

SETTLING = timedelta(seconds=15)
"""A minute is evaluated this long after its end, when its events are stored and counted. Later ones count later."""

_MINUTE = timedelta(minutes=1)


def evaluate(clickhouse: ClickHouse, now: datetime) -> list[Signal]:
    """One round without a cache; see `Detector.evaluate`."""
    return Detector(clickhouse).evaluate(now)


class Runner:
    """Evaluates and publishes. Any number may run: the first verdict on a minute stands. For one thread."""

    def __init__(self, url: str) -> None:
        clickhouse = ClickHouse(url)
        self._detector = Detector(clickhouse)
        self._table = SignalTable(clickhouse)
        self._outbox = Outbox()

    def once(self, now: datetime) -> list[Signal]:
        """The verdicts of the last whole minute before `now`. Raises StoreError, PublishError."""
        signals = self._detector.evaluate(now)
        for signal in publication.publish(self._table, self._outbox):
            log.info("signal", series=signal.series.measure, state=signal.state, severity=signal.severity)
        return signals

    def run(self, stopping: threading.Event) -> None:
        """Evaluate every minute until stopped. Minutes missed are not made up: the look-back holds their voices."""
        while not stopping.is_set():
            now = datetime.now(UTC)
            began = time.monotonic()
            try:
                signals = self.once(now - SETTLING)
                log.info("evaluated", open=len(signals), seconds=round(time.monotonic() - began, 2))
            except (StoreUnavailable, PublishError) as error:
                log.warning("a minute could not be evaluated; the next is tried", error=str(error))
            stopping.wait(_until_next(datetime.now(UTC)))

    def close(self) -> None:
        self._outbox.close()


def minutes(first: datetime, last: datetime, every: timedelta = _MINUTE) -> Iterator[datetime]:
    """From `first` to `last`, both included."""
    while first <= last:
        yield first
        first += every


def _until_next(now: datetime) -> float:
    """Seconds until the next minute is to be evaluated."""
    due = (now - SETTLING).replace(second=0, microsecond=0) + _MINUTE + SETTLING
    return (due - now).total_seconds()
