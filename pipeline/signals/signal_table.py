"""Verdicts in the store: written once, read back, and what is needed beside the counts to reach them."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals.query_time import as_text
from gapwatch.pipeline.signals.series import GAP_MEASURES, Place, Series
from gapwatch.pipeline.signals.statistics.measure_baselines import EndedEpisode
from gapwatch.pipeline.signals.verdict import Companion, Episode, Signal, Support
from gapwatch.pipeline.store import ClickHouse

DETECTOR = "cusum-1"
"""Version of the scheme, kept with each verdict."""

_COLUMNS = (
    "series, minute, opened, since, state, severity, reason, part_of, measure, scope, channel, product_id, region, "
    "gap_index, expected_index, voices, events, customers, excess, evidence, limit, "
    "companions.measure, companions.ratio, companions.evidence, companions.lead_minutes, examples"
)
_INSERT = f"INSERT INTO signal_verdicts ({_COLUMNS}, detector, precedence) VALUES"
_IN_PLACE = " AND ".join(f"(%({name})s = '' OR {name} = %({name})s)" for name in Place._fields)
# An episode is what lies between two recoveries, as in the view `signals`, but as it stood before a minute.
_EPISODES = """
SELECT measure, channel, product_id, region, min(opened), min(since), argMax(severity, minute),
    max(gap_index / greatest(expected_index, 1e-9)), argMax(part_of, minute), argMax(state, minute), max(minute)
FROM (
    SELECT *, countIf(state = 'recovered') OVER (
        PARTITION BY series ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS episode
    FROM signal_verdicts FINAL
    WHERE minute < %(before)s
)
GROUP BY series, measure, channel, product_id, region, episode
"""
_SPEAKS = {
    **{gap: f"has(gaps, '{gap}')" for gap in GAP_MEASURES},
    "response": "event_type = 'chat' AND (unanswered OR first_response_seconds > %(target)s)",
    "promises": "coalesce(delivered_at, event_time) > promised_at",  # as gap_minute counts them
}
_WEIGHED = {
    **{gap: f"sumIf(severity_sum, gap = '{gap}'), sum(primary_events)" for gap in GAP_MEASURES},
    "response": "countIf(unanswered OR first_response_seconds > %(target)s), countIf(event_type = 'chat')",
    "promises": "sum(promises_broken), sum(promises_kept + promises_broken)",
}
_EXAMPLES = 3


class SignalTable:
    """Reads and writes verdicts. For one thread. Every method raises StoreError when ClickHouse refuses."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    def was_evaluated(self, minute: datetime) -> bool:
        query = "SELECT count() FROM signal_evaluations WHERE minute = %(minute)s"
        return bool(self._clickhouse.execute(query, {"minute": as_text(minute)})[0][0])

    def write(self, minute: datetime, signals: Iterable[Signal], series: int) -> None:
        """Store the verdicts of a minute. Of two writers the first stands; written again, nothing doubles."""
        precedence = 2**64 - 1 - time.time_ns()
        rows = [(*_row(signal), DETECTOR, precedence) for signal in signals]
        if rows:
            self._clickhouse.execute(_INSERT, rows)
        self._clickhouse.execute(
            "INSERT INTO signal_evaluations (minute, series, precedence) VALUES", [(minute, series, precedence)]
        )

    def verdicts_of(self, minute: datetime) -> list[Signal]:
        return self._read("signal_verdicts FINAL WHERE minute = %(minute)s", {"minute": as_text(minute)})

    def open_episodes(self, before: datetime) -> dict[Series, Episode]:
        """What is open just before a minute."""
        return {series: episode for series, episode, state, _ in self._episodes(before) if state != "recovered"}

    def ended_episodes(self, since: datetime, before: datetime) -> list[EndedEpisode]:
        """Signals that were over before an instant and ended after another."""
        return [
            EndedEpisode(series, episode.since, updated)
            for series, episode, state, updated in self._episodes(before)
            if state == "recovered" and updated >= since
        ]

    def support(self, series: Series, since: datetime, until: datetime, *, examples: bool) -> Support:
        """Who spoke of the measure in the place in [since, until); with `examples` the ids of the gravest three."""
        parameters = _parameters(series, since, until)
        if series.measure in GAP_MEASURES:
            query = "SELECT sum(events), uniqMerge(customers_state) FROM gap_minute_states WHERE minute >= %(since)s "
            query += f"AND minute < %(until)s AND gap = %(measure)s AND {_IN_PLACE}"
        else:
            query = f"SELECT count(), uniq(customer_id) FROM events WHERE {self._speaking(series)}"  # noqa: S608
        events, customers = self._clickhouse.execute(query, parameters)[0]
        return Support(events, customers, self._examples(series, parameters) if examples else ())

    def counts_outside(
        self, series: Series, since: datetime, until: datetime, places: Sequence[Place]
    ) -> tuple[float, float]:
        """Weight and number of the voices of a series in [since, until) that come from none of the places."""
        parameters = _parameters(series, since, until)
        elsewhere = []
        for number, place in enumerate(places):
            given = {name: value for name, value in place._asdict().items() if value}
            parameters |= {f"{name}_{number}": value for name, value in given.items()}
            elsewhere.append(f"NOT ({' AND '.join(f'{name} = %({name}_{number})s' for name in given) or '1'})")
        table, moment = ("events", "event_time") if series.measure == "response" else ("gap_minute", "minute")
        (row,) = self._clickhouse.execute(
            f"SELECT {_WEIGHED[series.measure]} FROM {table} "  # noqa: S608 - our own words only
            f"WHERE {moment} >= %(since)s AND {moment} < %(until)s AND {_IN_PLACE} AND {' AND '.join(elsewhere)}",
            parameters,
        )
        return float(row[0]), float(row[1])

    def _examples(self, series: Series, parameters: dict[str, Any]) -> tuple[str, ...]:
        query = (
            f"SELECT event_id FROM events WHERE {self._speaking(series)} "  # noqa: S608 - our own words only
            f"ORDER BY severity DESC, event_time DESC, event_id LIMIT 1 BY customer_id LIMIT {_EXAMPLES}"
        )
        return tuple(row[0] for row in self._clickhouse.execute(query, parameters))

    def unpublished(self) -> list[Signal]:
        """Changes that Kafka has not acknowledged, oldest first."""
        found = self._read(
            "signal_changes WHERE (series, minute) NOT IN (SELECT series, minute FROM signal_publications)", {}
        )
        return sorted(found, key=lambda signal: (signal.minute, signal.series.key))

    def changes(self, since: datetime) -> list[Signal]:
        """What opened, escalated or recovered since then, oldest first."""
        found = self._read("signal_changes WHERE minute >= %(since)s", {"since": as_text(since)})
        return sorted(found, key=lambda signal: (signal.minute, signal.series.key))

    def mark_published(self, signals: Sequence[Signal]) -> None:
        rows = [(signal.series.key, signal.minute) for signal in signals]
        if rows:
            self._clickhouse.execute("INSERT INTO signal_publications (series, minute) VALUES", rows)

    def _episodes(self, before: datetime) -> list[tuple[Series, Episode, str, datetime]]:
        rows = self._clickhouse.execute(_EPISODES, {"before": as_text(before)})
        return [
            (Series(measure, Place(*place)), Episode(opened, since, severity, ratio, part_of), state, updated)
            for measure, *place, opened, since, severity, ratio, part_of, state, updated in rows
        ]

    def _read(self, source: str, parameters: dict[str, Any]) -> list[Signal]:
        rows = self._clickhouse.execute(f"SELECT {_COLUMNS} FROM {source}", parameters)  # noqa: S608
        return sorted((_signal(row) for row in rows), key=lambda signal: signal.series.key)

    @staticmethod
    def _speaking(series: Series) -> str:
        return f"event_time >= %(since)s AND event_time < %(until)s AND {_SPEAKS[series.measure]} AND {_IN_PLACE}"


def _parameters(series: Series, since: datetime, until: datetime) -> dict[str, Any]:
    return {
        **series.place._asdict(),
        "measure": series.measure,
        "since": as_text(since),
        "until": as_text(until),
        "target": settings().response_target_seconds,
    }


def _row(signal: Signal) -> tuple[Any, ...]:
    series, minute, opened, since, state, severity, reason, part_of, *numbers, companions, examples = signal
    place = series.place
    named = (series.measure, place.scope, place.channel, place.product_id, place.region)
    nested = [list(column) for column in zip(*companions, strict=True)] or [[], [], [], []]
    return (
        series.key,
        minute,
        opened,
        since,
        state,
        severity,
        reason,
        part_of,
        *named,
        *numbers,
        *nested,
        list(examples),
    )


def _signal(row: tuple[Any, ...]) -> Signal:
    _, minute, opened, since, state, severity, reason, part_of, measure, _, channel, product_id, region, *rest = row
    *numbers, measures, ratios, evidence, leads, examples = rest
    series = Series(measure, Place(channel, product_id, region))
    companions = tuple(Companion(*one) for one in zip(measures, ratios, evidence, leads, strict=True))
    return Signal._make(
        [series, minute, opened, since, state, severity, reason, part_of, *numbers, companions, tuple(examples)]
    )
