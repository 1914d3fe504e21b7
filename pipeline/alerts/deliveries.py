"""What was sent to whom, and what the messages are written from."""

import os
import socket
from typing import Any, Literal

from gapwatch.pipeline.alerts.message import Quote
from gapwatch.pipeline.signals.query_time import as_text
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.store import ClickHouse

Outcome = Literal["sent", "failed", "expired"]

_DONE = """
SELECT target FROM alert_deliveries FINAL
WHERE series = %(series)s AND minute = %(minute)s AND outcome IN ('sent', 'expired')
"""
_INSERT = "INSERT INTO alert_deliveries (series, minute, state, target, outcome, attempts, worker) VALUES"
_QUOTES = """
SELECT text, arrayFilter(one -> one.gap = %(measure)s, evidence)[1] AS spoken, channel, event_time
FROM events
WHERE event_time >= %(since)s AND event_time < %(until)s AND event_id IN %(ids)s
    AND (%(channel)s = '' OR channel = %(channel)s)
    AND (%(product_id)s = '' OR product_id = %(product_id)s)
    AND (%(region)s = '' OR region = %(region)s)
ORDER BY indexOf(%(listed)s, event_id), has(gaps, %(measure)s) DESC, severity DESC
LIMIT 1 BY event_id
"""


class Deliveries:
    """For one thread. Every method raises StoreError when ClickHouse refuses."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def done(self, signal: Signal) -> set[str]:
        """Names of the targets that need nothing more."""
        parameters = {"series": signal.series.key, "minute": as_text(signal.minute)}
        return {row[0] for row in self._clickhouse.execute(_DONE, parameters)}

    def note(self, signal: Signal, target: str, outcome: Outcome, attempts: int) -> None:
        row = (signal.series.key, signal.minute, signal.state, target, outcome, attempts, self._worker)
        self._clickhouse.execute(_INSERT, [row])

    def quotes(self, signal: Signal) -> list[Quote]:
        """The masked words of the signal's examples, as many as the store still has.

        Of several events with one `event_id` those of the gravest that speaks of the measure in the signal's place.
        """
        if not signal.examples:
            return []
        parameters: dict[str, Any] = {
            **signal.series.place._asdict(),
            "measure": signal.series.measure,
            "since": as_text(signal.since),
            "until": as_text(signal.minute),
            "ids": signal.examples,
            "listed": list(signal.examples),
        }
        rows = self._clickhouse.execute(_QUOTES, parameters)
        return [Quote(text, *_span(text, spoken), channel, at) for text, (_, spoken, *_), channel, at in rows]


def _span(text: str, spoken: str) -> tuple[int, int]:
    """Where the evidence stands. Of a chat the text is its turns joined, in which evidence has other offsets."""
    start = text.find(spoken) if spoken else -1
    return (start, start + len(spoken)) if start >= 0 else (0, 0)
