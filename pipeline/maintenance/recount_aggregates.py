"""The second half of a recount: every aggregate against the events stored."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from clickhouse_driver import Client

from gapwatch.pipeline.language.reading import GAPS, Dimension, Stage
from gapwatch.pipeline.maintenance.recount_result import Found, Tally
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.aggregates import oldest_derived
from gapwatch.pipeline.store.connection import ClickHouse

# Events counted at once, some 1,200 bytes each of the server's memory; ids looked at at once, some 100 bytes each.
_EVENTS_AT_ONCE = 250_000
_IDS_AT_ONCE = 2_000_000
_HOUR = 3600

# Ids with versions in several minutes, and the version that stands.
_MOVED_TABLE = "CREATE TEMPORARY TABLE recount_moved (id_hash UInt64, version UInt128)"
_FIND_MOVED = """
INSERT INTO recount_moved
SELECT halfMD5(event_id) AS id_hash, max(version) FROM event_versions
WHERE is_deleted = 0 AND id_hash % {slices} = {number}
GROUP BY id_hash HAVING min(toStartOfMinute(event_time)) != max(toStartOfMinute(event_time))
"""
_STANDING = """(
    SELECT * FROM event_versions
    WHERE is_deleted = 0 AND event_time >= toDateTime({start}, 'UTC') AND event_time < toDateTime({end}, 'UTC')
        AND (
            halfMD5(event_id) NOT IN (SELECT id_hash FROM recount_moved)
            OR (halfMD5(event_id), version) IN (SELECT id_hash, version FROM recount_moved)
        )
    ORDER BY event_id, version DESC, read_at DESC
    LIMIT 1 BY event_id
)"""


_GAPS = f"{_STANDING} ARRAY JOIN arrayDistinct(arrayConcat(gaps, [primary_gap])) AS gap"
_VOICES = f"(SELECT *, arrayConcat(gaps, [primary_gap]) AS voiced FROM {_STANDING})"  # noqa: S608 - written here
_CHATS = f"(SELECT * FROM {_STANDING} WHERE event_type = 'chat')"  # noqa: S608
_IN_DAY = "{key} >= toDateTime({{start}}, 'UTC') AND {key} < toDateTime({{end}}, 'UTC')"
_DAY_HOURS = f"(SELECT * FROM gap_hour_states WHERE {_IN_DAY.format(key='hour')})"  # noqa: S608
_DAY_PLACES = f"(SELECT * FROM place_hour WHERE {_IN_DAY.format(key='hour')})"  # noqa: S608
_DAY_CHATS = f"(SELECT * FROM chat_minute_states WHERE {_IN_DAY.format(key='minute')})"  # noqa: S608


def _exactly(total: str) -> str:
    """A sum of thousandths, added up in any order and grouping, as the views show it."""
    return f"toInt64(round({total} * 1000)) / 1000"


def _of_events(score: str, condition: str = "1") -> str:
    return f"ifNull(sumIf(toInt64(round({score} * 1000)), {condition}), 0) / 1000"


_KEPT = (
    "promised_at IS NOT NULL AND delivered_at IS NOT NULL AND assumeNotNull(delivered_at) <= assumeNotNull(promised_at)"
)
_BROKEN = (
    "promised_at IS NOT NULL "
    "AND if(delivered_at IS NULL, event_time, assumeNotNull(delivered_at)) > assumeNotNull(promised_at)"
)
_GAP_MEASURES = {
    "events": "count()",
    "primary_events": "sum(gap = primary_gap)",
    "customers": "uniq(customer_id)",
    **{word: f"sum(sentiment = '{word}')" for word in ("positive", "neutral", "negative")},
    "sentiment_sum": _of_events("sentiment_score"),
    "severity_sum": _of_events("severity"),
    **{
        f"primary_{word}": f"sum(sentiment = '{word}' AND gap = primary_gap)"
        for word in ("positive", "neutral", "negative")
    },
    "primary_sentiment_sum": _of_events("sentiment_score", "gap = primary_gap"),
    "promises_kept": f"sum(gap = primary_gap AND {_KEPT})",
    "promises_broken": f"sum(gap = primary_gap AND {_BROKEN})",
}
_COARSE_DIMENSIONS = ("event_type", "channel", "product_id", "region", "gap")
_PLACE = ("channel", "product_id", "region")
_VOICED = {
    f"{gap}_{column}s.{code}": f"sum(has(voiced, '{gap}') AND {column} = '{code}')"
    for gap in GAPS
    for column, codes in (("dimension", get_args(Dimension)), ("stage", get_args(Stage)))
    for code in codes
}
_PLACE_MEASURES = {
    "voices": "count()",
    **{word: f"sum(sentiment = '{word}')" for word in ("positive", "neutral", "negative")},
    "sentiment_sum": _of_events("sentiment_score"),
    "promises_kept": f"sum({_KEPT})",
    "promises_broken": f"sum({_BROKEN})",
    **{gap: f"sum(has(voiced, '{gap}'))" for gap in GAPS},
    **{f"{gap}_severity": _of_events("severity", f"has(voiced, '{gap}')") for gap in GAPS},
    **_VOICED,
}
_QUANTILES = "(0.01, 0.5, 0.9, 0.99)"
_SPANS = {
    "first_response": "first_response_seconds",
    "resolution": "resolution_seconds",
    "longest_wait": "longest_wait_seconds",
}
# A hash of a NULL is no hash.
_LOWEST = "ifNull(mood_lowest, 2)"
_MOODS = ("mood_start", "mood_end", "mood_low")


def _bucketed(seconds: str) -> str:
    """How many times lie in each bucket; a factor of e is forty of them."""
    bucket = f"toUInt16(round(40 * log(greatest(assumeNotNull({seconds}) * 1000, 1))))"
    return f"sumMapIf(map({bucket}, toUInt32(1)), {seconds} IS NOT NULL)"


_CHAT_MEASURES = {
    "conversations": "count()",
    "answered": "sum(first_response_seconds IS NOT NULL)",
    "unanswered": "sum(unanswered)",
    "resolved": "sum(resolution_seconds IS NOT NULL)",
    "waited": "sum(longest_wait_seconds IS NOT NULL)",
    "moods": "sum(mood_start IS NOT NULL)",
    **{f"{span}_sum": _of_events(column) for span, column in _SPANS.items()},
    **{f"{mood}_sum": _of_events(mood) for mood in _MOODS},
    **{f"{span}_buckets": _bucketed(column) for span, column in _SPANS.items()},
    _LOWEST: "ifNull(min(mood_low), 2)",
}


@dataclass(frozen=True)
class _Comparison:
    """What is counted from `source`, against the groups of a view: its columns, or expressions of them, by formula."""

    view: str
    key: str
    source: str
    period: str
    dimensions: tuple[str, ...]
    measures: Mapping[str, str]
    states: bool = True

    def query(self, start: int, end: int) -> str:
        """The periods from `start` to `end`, in seconds since 1970, in which a group differs."""
        group = f"cityHash64({', '.join(f'toString({name})' for name in self.dimensions)})"
        shown = f"cityHash64({', '.join(f'toString({column})' for column in self.measures)})"
        counted = f"cityHash64({', '.join(f'toString({formula})' for formula in self.measures.values())})"
        first, last = (f"toDateTime({instant}, 'UTC')" for instant in (start, end))
        shown_by = f"{self.view}_states" if self.states else self.view
        if self.key == "day":
            first, last = (f"toDate({instant}, '{settings().time_zone}')" for instant in (first, last))
        return f"""
            SELECT toString(period) FROM (
                SELECT period, grp FROM (
                    SELECT {self.period} AS period, {group} AS grp, {counted} AS measures
                    FROM {self.source.format(start=start, end=end)} GROUP BY period, {", ".join(self.dimensions)}
                    UNION ALL
                    SELECT {self.key}, {group}, {shown} FROM {shown_by}
                    WHERE {self.key} >= {first} AND {self.key} < {last}
                )
                GROUP BY period, grp HAVING count() != 2 OR min(measures) != max(measures)
            )
            GROUP BY period ORDER BY period
        """  # noqa: S608 - every part is written here


def _summed(measures: Iterable[str]) -> dict[str, str]:
    """The same measures, added up over the rows of a finer grain."""
    return {name: _sum(name) for name in measures}


def _sum(measure: str) -> str:
    if measure.endswith("_buckets"):
        return f"sumMap({measure})"
    if measure == _LOWEST:
        return "ifNull(min(mood_lowest), 2)"
    return _exactly(f"sum({measure})") if measure.endswith(("_sum", "_severity")) else f"sum({measure})"


def _comparisons() -> tuple[_Comparison, ...]:
    zone = settings().time_zone
    return (
        _Comparison(
            view="gap_minute",
            key="minute",
            source=_GAPS,
            period="toStartOfMinute(event_time)",
            dimensions=("event_type", "channel", "product_id", "region", "stage", "dimension", "gap"),
            measures=_GAP_MEASURES,
        ),
        _Comparison(
            view="gap_hour",
            key="hour",
            source=_GAPS,
            period="toStartOfHour(event_time)",
            dimensions=_COARSE_DIMENSIONS,
            measures=_GAP_MEASURES,
        ),
        _Comparison(
            view="gap_day",
            key="day",
            source=_DAY_HOURS,
            period=f"toDate(hour, '{zone}')",
            dimensions=_COARSE_DIMENSIONS,
            measures=_summed(_GAP_MEASURES) | {"customers": "uniqMerge(customers_state)"},
        ),
        _Comparison(
            view="place_hour",
            key="hour",
            source=_VOICES,
            period="toStartOfHour(event_time)",
            dimensions=_PLACE,
            measures=_PLACE_MEASURES,
            states=False,
        ),
        _Comparison(
            view="place_day",
            key="day",
            source=_DAY_PLACES,
            period=f"toDate(hour, '{zone}')",
            dimensions=_PLACE,
            measures=_summed(_PLACE_MEASURES),
            states=False,
        ),
        _Comparison(
            view="chat_minute",
            key="minute",
            source=_CHATS,
            period="toStartOfMinute(event_time)",
            dimensions=_PLACE,
            measures=_CHAT_MEASURES
            | {
                f"finalizeAggregation({span}_state)": f"quantilesDDIf{_QUANTILES}"
                f"(assumeNotNull({column}), {column} IS NOT NULL)"
                for span, column in _SPANS.items()
            },
        ),
        _Comparison(
            view="chat_hour",
            key="hour",
            source=_CHATS,
            period="toStartOfHour(event_time)",
            dimensions=_PLACE,
            measures=_CHAT_MEASURES,
            states=False,
        ),
        _Comparison(
            view="chat_day",
            key="day",
            source=_DAY_CHATS,
            period=f"toDate(minute, '{zone}')",
            dimensions=_PLACE,
            measures=_summed(_CHAT_MEASURES)
            | {f"finalizeAggregation({span}_state)": f"quantilesDDMerge{_QUANTILES}({span}_state)" for span in _SPANS},
        ),
        *(
            _Comparison(
                view=view,
                key="day",
                source=_DAY_CHATS,
                period=f"toDate(minute, '{zone}')",
                dimensions=dimensions,
                measures=_summed(_CHAT_MEASURES),
                states=False,
            )
            for view, dimensions in (
                ("chat_product_day", ("channel", "product_id")),
                ("chat_region_day", ("channel", "region")),
                ("chat_channel_day", ("channel",)),
            )
        ),
    )


def compare_aggregates(client: Client, start: datetime | None, end: datetime | None) -> dict[str, Found]:
    """The differing periods of each view. Leaves a temporary table on the connection."""
    days = whole_days(client, start, end)
    comparisons = _comparisons()
    tallies = {comparison.view: Tally() for comparison in comparisons}
    _find_moved(client)
    for first, last in _chunks(client, days):
        for comparison in comparisons:
            if comparison.key != "day":
                _compare(client, comparison, first, last, tallies[comparison.view])
    for first, last in days:
        for comparison in comparisons:
            if comparison.key == "day":
                _compare(client, comparison, first, last, tallies[comparison.view])
    return {view: tally.found() for view, tally in tallies.items()}


def minutes_between(client: Client | ClickHouse, start: datetime | None, end: datetime | None) -> set[int]:
    """Every minute of the range that has events, or aggregates without events; in seconds since 1970."""
    days = whole_days(client, start, end)
    if not days:
        return set()
    inside = f"BETWEEN toDateTime({days[0][0]}, 'UTC') AND toDateTime({days[-1][1] - 1}, 'UTC')"
    rows = client.execute(f"""
        SELECT DISTINCT toUnixTimestamp(minute) FROM (
            SELECT toStartOfMinute(event_time) AS minute FROM event_versions WHERE event_time {inside}
            UNION ALL SELECT minute FROM gap_minute_generations WHERE minute {inside}
            UNION ALL SELECT minute FROM chat_minute_generations WHERE minute {inside}
        )
    """)  # noqa: S608
    return {minute for (minute,) in rows}


def _compare(client: Client, comparison: _Comparison, start: int, end: int, tally: Tally) -> None:
    for (period,) in client.execute_iter(comparison.query(start, end)):
        tally.add(period)


def whole_days(client: Client | ClickHouse, start: datetime | None, end: datetime | None) -> list[tuple[int, int]]:
    """Begin and end of each day of the range, in seconds since 1970; all that is stored unless given."""
    ((rows, least, greatest),) = client.execute(_STORED_RANGE)
    if not rows:
        return []
    first = datetime.fromtimestamp(max(oldest_derived(), int(start.timestamp()) if start else least), UTC)
    last = datetime.fromtimestamp(int(end.timestamp()) - 1 if end else greatest, UTC)
    zone = ZoneInfo(settings().time_zone)
    day = first.astimezone(zone).date()
    days = []
    while day <= last.astimezone(zone).date():
        days.append((_midnight(day, zone), _midnight(day + timedelta(days=1), zone)))
        day += timedelta(days=1)
    return days


_STORED_RANGE = """
SELECT count(), toUnixTimestamp(min(instant)), toUnixTimestamp(max(instant)) FROM (
    SELECT min(event_time)::DateTime('UTC') AS instant FROM event_versions HAVING count() > 0
    UNION ALL SELECT max(event_time)::DateTime('UTC') FROM event_versions HAVING count() > 0
    UNION ALL SELECT min(minute) FROM gap_minute_generations HAVING count() > 0
    UNION ALL SELECT max(minute) FROM gap_minute_generations HAVING count() > 0
)
"""


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _find_moved(client: Client) -> None:
    client.execute(_MOVED_TABLE)
    ((versions,),) = client.execute("SELECT count() FROM event_versions")
    slices = versions // _IDS_AT_ONCE + 1
    for number in range(slices):
        client.execute(_FIND_MOVED.format(slices=slices, number=number))


def _chunks(client: Client, days: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The range in portions of whole hours with at most `_EVENTS_AT_ONCE` events each, or one hour."""
    if not days:
        return
    start, end = days[0][0], days[-1][1]
    begin, events = start, 0
    for hour, count in client.execute(f"""
        SELECT toUnixTimestamp(toStartOfHour(event_time)) AS hour, count() FROM event_versions
        WHERE event_time >= toDateTime({start}, 'UTC') AND event_time < toDateTime({end}, 'UTC')
        GROUP BY hour ORDER BY hour
    """):  # noqa: S608
        if events and events + count > _EVENTS_AT_ONCE:
            yield begin, hour
            begin, events = hour, 0
        events += count
    yield begin, end
