"""What aggregates there are: each grain's table, its groups and measures, and the statements that derive them.

Coarser grains derive from finer ones: hours from minutes, days from hours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from gapwatch.pipeline.language.reading import GAPS, Dimension, Stage


@dataclass(frozen=True)
class Grain:
    """One table of aggregates, and how its groups come from its source.

    `key` is the table's column for the period: minute, hour or day. A period is a number: seconds since 1970 of a
    minute or an hour, days since 1970 of a day. `period` is the key as an expression of a source row; `rows` counts the
    source rows or groups of a period.
    """

    table: str
    key: str
    source: str
    period: str
    rows: str
    dimensions: tuple[str, ...]
    measures: Mapping[str, str]
    array_join: str = ""
    prefix: str = ""
    condition: str = "1"

    @property
    def key_type(self) -> str:
        return "Date" if self.key == "day" else "DateTime('UTC')"

    def derivation(self, periods: str, generation: int) -> str:
        """The statement that derives the periods listed; those without events any more get a row without groups.

        In one thread: two take as long (0.14 s for 90,000 events of a minute), and the second would take, on a small
        machine, the core that reads.
        """
        columns = [*self.dimensions, *self.measures]
        groups = [*self.dimensions, *(f"group_{name}" for name in self.measures)]
        dimensions = (f"{self.prefix}{name} AS {name}" for name in self.dimensions)
        measures = (f"{formula} AS group_{name}" for name, formula in self.measures.items())
        arrays = (f"groupArray({group}) AS all_{name}" for group, name in zip(groups, columns, strict=True))
        return f"""
            INSERT INTO {self.table} ({self.key}, generation, {", ".join(f"groups.{name}" for name in columns)})
            SELECT asked, {generation}, {", ".join(f"all_{name}" for name in columns)}
            FROM (SELECT CAST(arrayJoin([{periods}]) AS {self.key_type}) AS asked) AS every
            LEFT JOIN (
                SELECT derived, {", ".join(arrays)}
                FROM (
                    SELECT {self.period} AS derived, {", ".join([*dimensions, *measures])}
                    FROM {self.source} FINAL {self.array_join}
                    WHERE {self.period} IN ({periods}) AND {self.condition}
                    GROUP BY derived, {", ".join(self.dimensions)}
                )
                GROUP BY derived
            ) AS found ON derived = asked
            SETTINGS do_not_merge_across_partitions_select_final = 1, max_threads = 1
        """  # noqa: S608 - every part is written in this module

    def snapshot(self, periods: str) -> str:
        """The query for the source rows of each period that has any, its greatest generation, and the time in ns."""
        return f"""
            SELECT
                (SELECT groupArray((number, size)) FROM (
                    SELECT toUInt32({self.period}) AS number, {self.rows} AS size FROM {self.source}
                    WHERE {self.period} IN ({periods}) AND {self.condition} GROUP BY number
                )),
                ({self.newest_generations(periods)}),
                toUnixTimestamp64Nano(now64(9))
        """  # noqa: S608

    def newest_generations(self, periods: str, but: int = 0) -> str:
        """The query for the greatest generation of each period, leaving one out."""
        return f"""
            SELECT groupArray((number, newest)) FROM (
                SELECT toUInt32({self.key}) AS number, max(generation) AS newest FROM {self.table}
                WHERE {self.key} IN ({periods}) AND generation != {but} GROUP BY number
            )
        """  # noqa: S608


def _thousandths(score: str) -> str:
    # Null counts as nothing: a sum of nulls alone would be null, which groupArray passes over.
    return f"toInt64(ifNull(round({score} * 1000), 0))"


def _known_thousandths(number: str) -> str:
    """The sum over the rows that have the number; groupArray would leave out a NULL."""
    return f"ifNull(sum({_thousandths(number)}), 0)"


def _coarser(table: str, source: Grain, dimensions: tuple[str, ...], measures: Mapping[str, str]) -> Grain:
    """Hours or days, added up from the groups of a finer grain, or of days by more dimensions."""
    key = table.removesuffix("_generations").rpartition("_")[2]
    periods = {"hour": "toStartOfHour(minute)", "day": f"toDate({source.key}, '{{time_zone}}')"}
    return Grain(
        table=table,
        key=key,
        source=source.table,
        period=key if key == source.key else periods[key],
        rows=f"sum(length(groups.{dimensions[0]}))",
        dimensions=dimensions,
        measures=measures,
        array_join="ARRAY JOIN groups",
        prefix="groups.",
    )


_PRIMARY = "gap = primary_gap"
GAP_MINUTE = Grain(
    table="gap_minute_generations",
    key="minute",
    source="event_versions",
    period="toStartOfMinute(event_time)",
    rows="count()",
    # The primary gap is one of the gaps; of an event without any it is 'none'.
    array_join="ARRAY JOIN arrayDistinct(arrayPushFront(gaps, primary_gap)) AS gap",
    dimensions=("event_type", "channel", "product_id", "region", "stage", "dimension", "gap"),
    measures={
        "events": "count()",
        "primary_events": f"countIf({_PRIMARY})",
        "customers_state": "uniqState(customer_id)",
        "positive": "countIf(sentiment = 'positive')",
        "neutral": "countIf(sentiment = 'neutral')",
        "negative": "countIf(sentiment = 'negative')",
        "sentiment_sum": f"sum({_thousandths('sentiment_score')})",
        "severity_sum": f"sum({_thousandths('severity')})",
        "primary_positive": f"countIf(sentiment = 'positive' AND {_PRIMARY})",
        "primary_neutral": f"countIf(sentiment = 'neutral' AND {_PRIMARY})",
        "primary_negative": f"countIf(sentiment = 'negative' AND {_PRIMARY})",
        "primary_sentiment_sum": f"sumIf({_thousandths('sentiment_score')}, {_PRIMARY})",
        "promises_kept": f"countIf(ifNull(delivered_at <= promised_at, 0) AND {_PRIMARY})",
        # What is not delivered is broken once the promised time had passed when the customer complained.
        "promises_broken": f"countIf(ifNull(coalesce(delivered_at, event_time) > promised_at, 0) AND {_PRIMARY})",
        # Three of the words that speak for the gap, by chance but always the same, whatever the order of the events.
        "evidence": "arraySlice(arraySort(text -> cityHash64(text), groupUniqArrayArray("
        "arrayMap(one -> one.text, arrayFilter(one -> one.gap = gap, evidence)))), 1, 3)",
    },
)
_COARSE_GAPS = {
    "customers_state": "uniqMergeState(groups.customers_state)",
    **{name: f"sum(groups.{name})" for name in GAP_MINUTE.measures if name not in {"customers_state", "evidence"}},
}
_COARSE_DIMENSIONS = ("event_type", "channel", "product_id", "region", "gap")
GAP_HOUR = _coarser("gap_hour_generations", GAP_MINUTE, _COARSE_DIMENSIONS, _COARSE_GAPS)
GAP_DAY = _coarser("gap_day_generations", GAP_HOUR, _COARSE_DIMENSIONS, _COARSE_GAPS)
_PLACE = ("channel", "product_id", "region")
# Of the voices on a gap: a count for each code of the event's column, as a tuple named by the codes.
_VOICED = {"dimensions": ("dimension", get_args(Dimension)), "stages": ("stage", get_args(Stage))}


def _counts(numbers: Iterable[str], codes: Iterable[str]) -> str:
    return f"CAST(({', '.join(numbers)}), 'Tuple({', '.join(f'{code} UInt32' for code in codes)})')"


PLACE_HOUR = _coarser(
    "place_hour_generations",
    GAP_MINUTE,
    _PLACE,
    {
        "voices": "sum(groups.primary_events)",
        "positive": "sum(groups.primary_positive)",
        "neutral": "sum(groups.primary_neutral)",
        "negative": "sum(groups.primary_negative)",
        "sentiment_sum": "sum(groups.primary_sentiment_sum)",
        "promises_kept": "sum(groups.promises_kept)",
        "promises_broken": "sum(groups.promises_broken)",
        **{gap: f"sumIf(groups.events, groups.gap = '{gap}')" for gap in GAPS},
        **{f"{gap}_severity": f"sumIf(groups.severity_sum, groups.gap = '{gap}')" for gap in GAPS},
        **{
            f"{gap}_{name}": _counts(
                (f"sumIf(groups.events, groups.gap = '{gap}' AND groups.{column} = '{code}')" for code in codes), codes
            )
            for gap in GAPS
            for name, (column, codes) in _VOICED.items()
        },
    },
)
PLACE_DAY = _coarser(
    "place_day_generations",
    PLACE_HOUR,
    _PLACE,
    {name: f"sum(groups.{name})" for name in PLACE_HOUR.measures}
    | {
        f"{gap}_{name}": _counts((f"sum(groups.{gap}_{name}.{code})" for code in codes), codes)
        for gap in GAPS
        for name, (_, codes) in _VOICED.items()
    },
)

_QUANTILES = "(0.01, 0.5, 0.9, 0.99)"
_SPANS = ("first_response", "resolution", "longest_wait")


def _span(name: str) -> dict[str, str]:
    """The measures of a time in seconds: its sum, and its distribution twice, as a state and counted by bucket."""
    seconds = f"{name}_seconds"
    known, given = f"assumeNotNull({seconds})", f"{seconds} IS NOT NULL"
    bucket = f"toUInt16(round(40 * log(greatest({known} * 1000, 1))))"
    return {
        f"{name}_sum": _known_thousandths(seconds),
        f"{name}_state": f"quantilesDDStateIf{_QUANTILES}({known}, {given})",
        f"{name}_buckets": f"sumMapIf(map({bucket}, toUInt32(1)), {given})",
    }


def _coarse_chats(measure: str) -> str:
    if measure.endswith("_state"):
        return f"quantilesDDMergeState{_QUANTILES}(groups.{measure})"
    if measure == "mood_lowest":
        return "min(groups.mood_lowest)"
    return f"{'sumMap' if measure.endswith('_buckets') else 'sum'}(groups.{measure})"


CHAT_MINUTE = Grain(
    table="chat_minute_generations",
    key="minute",
    source="event_versions",
    period="toStartOfMinute(event_time)",
    rows="count()",
    condition="event_type = 'chat'",
    dimensions=_PLACE,
    measures={
        "conversations": "count()",
        "answered": "count(first_response_seconds)",
        "unanswered": "countIf(unanswered)",
        "resolved": "count(resolution_seconds)",
        "waited": "count(longest_wait_seconds)",
        **{measure: formula for span in _SPANS for measure, formula in _span(span).items()},
        "moods": "count(mood_start)",
        "mood_start_sum": _known_thousandths("mood_start"),
        "mood_end_sum": _known_thousandths("mood_end"),
        "mood_low_sum": _known_thousandths("mood_low"),
        # Above all scores where no customer said anything; groupArray would leave out a NULL.
        "mood_lowest": "ifNull(min(mood_low), 2)",
    },
)
CHAT_HOUR = _coarser(
    "chat_hour_generations",
    CHAT_MINUTE,
    _PLACE,
    {name: _coarse_chats(name) for name in CHAT_MINUTE.measures if not name.endswith("_state")},
)
CHAT_DAY = _coarser(
    "chat_day_generations",
    CHAT_MINUTE,
    _PLACE,
    {name: _coarse_chats(name) for name in CHAT_MINUTE.measures},
)

# Of days by fewer dimensions, without states.
CHAT_PRODUCT_DAY = _coarser("chat_product_day_generations", CHAT_DAY, ("channel", "product_id"), CHAT_HOUR.measures)
CHAT_REGION_DAY = _coarser("chat_region_day_generations", CHAT_DAY, ("channel", "region"), CHAT_HOUR.measures)
CHAT_CHANNEL_DAY = _coarser("chat_channel_day_generations", CHAT_REGION_DAY, ("channel",), CHAT_HOUR.measures)
