"""What a recount compares: for each view of aggregates, the rows it is counted from and the measures counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gapwatch.pipeline.events.identity import IDENTITY_COLUMNS, IDENTITY_HASH
from gapwatch.pipeline.maintenance.recount.measures import (
    CHAT_MEASURES,
    CHAT_QUANTILES,
    GAP_MEASURES,
    MERGED_CHAT_QUANTILES,
    PLACE_MEASURES,
    added_up,
)
from gapwatch.pipeline.settings import settings

MOVED_TABLE = "recount_moved"
"""The temporary table of events with versions in several minutes, and the version of each that stands."""

_STANDING = f"""(
    SELECT * FROM event_versions
    WHERE is_deleted = 0 AND event_time >= toDateTime({{start}}, 'UTC') AND event_time < toDateTime({{end}}, 'UTC')
        AND (
            {IDENTITY_HASH} NOT IN (SELECT id_hash FROM {MOVED_TABLE})
            OR ({IDENTITY_HASH}, version) IN (SELECT id_hash, version FROM {MOVED_TABLE})
        )
    ORDER BY {IDENTITY_COLUMNS}, version DESC, read_at DESC
    LIMIT 1 BY {IDENTITY_COLUMNS}
)"""  # noqa: S608 - every part is written here
_VOICED_GAPS = f"{_STANDING} ARRAY JOIN arrayDistinct(arrayConcat(gaps, [primary_gap])) AS gap"
_VOICES = f"(SELECT *, arrayConcat(gaps, [primary_gap]) AS voiced FROM {_STANDING})"  # noqa: S608
_CHATS = f"(SELECT * FROM {_STANDING} WHERE event_type = 'chat')"  # noqa: S608

_GAP_GROUPS = ("event_type", "channel", "product_id", "region", "gap")
_PLACES = ("channel", "product_id", "region")


@dataclass(frozen=True)
class Comparison:
    """What is counted from `source`, against the groups of a view: its columns, or expressions of them, by formula.

    `key` is the view's column for the period, minute, hour or day, and `period` the same of a row of `source`.
    `states` tells that the view has aggregate states, which its twin `…_states` shows.
    """

    view: str
    source: str
    period: str
    dimensions: tuple[str, ...]
    measures: Mapping[str, str]
    states: bool = False

    @property
    def key(self) -> str:
        return self.view.rpartition("_")[2]

    def query(self, start: int, end: int) -> str:
        """The periods from `start` to `end`, in seconds since 1970, in which a group differs."""
        counted = f"""
            SELECT {self.period} AS period, {_hash(self.dimensions)} AS grp, {_hash(self.measures.values())} AS measures
            FROM {self.source.format(start=start, end=end)} GROUP BY period, {", ".join(self.dimensions)}
        """  # noqa: S608 - every part is written here
        return f"""
            SELECT toString(period) FROM (
                SELECT period, grp FROM (
                    {counted} UNION ALL {self._shown(start, end)}
                )
                GROUP BY period, grp HAVING count() != 2 OR min(measures) != max(measures)
            )
            GROUP BY period ORDER BY period
        """  # noqa: S608

    def _shown(self, start: int, end: int) -> str:
        first, last = (f"toDateTime({instant}, 'UTC')" for instant in (start, end))
        if self.key == "day":
            first, last = (f"toDate({instant}, '{settings().time_zone}')" for instant in (first, last))
        return f"""
            SELECT {self.key}, {_hash(self.dimensions)}, {_hash(self.measures)}
            FROM {self.view}{"_states" * self.states}
            WHERE {self.key} >= {first} AND {self.key} < {last}
        """  # noqa: S608


def _hash(expressions: Iterable[str]) -> str:
    return f"cityHash64({', '.join(f'toString({expression})' for expression in expressions)})"


def comparisons() -> tuple[Comparison, ...]:
    """Minutes and hours are counted from the events; days must be the sum of a finer grain."""
    minute, hour = "toStartOfMinute(event_time)", "toStartOfHour(event_time)"
    gaps_of_minutes = (*_GAP_GROUPS, "stage", "dimension")
    quantiles = CHAT_MEASURES | CHAT_QUANTILES
    chats = added_up(CHAT_MEASURES)
    return (
        Comparison("gap_minute", _VOICED_GAPS, minute, gaps_of_minutes, GAP_MEASURES, states=True),
        Comparison("gap_hour", _VOICED_GAPS, hour, _GAP_GROUPS, GAP_MEASURES, states=True),
        _day("gap_day", "gap_hour_states", _GAP_GROUPS, added_up(GAP_MEASURES), states=True),
        Comparison("place_hour", _VOICES, hour, _PLACES, PLACE_MEASURES),
        _day("place_day", "place_hour", _PLACES, added_up(PLACE_MEASURES)),
        Comparison("chat_minute", _CHATS, minute, _PLACES, quantiles, states=True),
        Comparison("chat_hour", _CHATS, hour, _PLACES, CHAT_MEASURES),
        _day("chat_day", "chat_minute_states", _PLACES, chats | MERGED_CHAT_QUANTILES, states=True),
        _day("chat_product_day", "chat_minute_states", ("channel", "product_id"), chats),
        _day("chat_region_day", "chat_minute_states", ("channel", "region"), chats),
        _day("chat_channel_day", "chat_minute_states", ("channel",), chats),
    )


def _day(
    view: str, finer: str, dimensions: tuple[str, ...], measures: Mapping[str, str], *, states: bool = False
) -> Comparison:
    key = finer.removesuffix("_states").rpartition("_")[2]
    inside = f"{key} >= toDateTime({{start}}, 'UTC') AND {key} < toDateTime({{end}}, 'UTC')"
    source = f"(SELECT * FROM {finer} WHERE {inside})"  # noqa: S608
    return Comparison(view, source, f"toDate({key}, '{settings().time_zone}')", dimensions, measures, states=states)
