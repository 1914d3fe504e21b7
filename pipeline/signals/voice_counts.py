"""Counts of voices per place and bin, read from the aggregates of the store."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.signals.query_time import as_text
from gapwatch.pipeline.signals.series import GAP_MEASURES, MEASURES, Measure, Place
from gapwatch.pipeline.store import ClickHouse

Array = NDArray[np.float64]
Grain = Literal["hour", "minute"]

LENGTH: dict[Grain, timedelta] = {"hour": timedelta(hours=1), "minute": timedelta(minutes=1)}

# A product or region that was not given is no place; a place is a column outside its grouping set, or a given value.
_PLACES = """
GROUP BY GROUPING SETS ((bin), (bin, channel), (bin, product), (bin, region), (bin, channel, product))
HAVING (grouping(product) = 1 OR product != '') AND (grouping(region) = 1 OR region != '')
"""

# Products beyond the busiest are watched through their channel and region: each series costs all others sensitivity.
_BUSIEST = """
SELECT product_id FROM gap_hour WHERE hour >= %(busy_from)s AND hour < %(end)s AND product_id != ''
GROUP BY product_id ORDER BY sum(primary_events) DESC, product_id LIMIT %(products)s
"""

_GAPS = """
SELECT bin, channel, product, region, sum(primary_events), {gaps}, sum(promises_kept), sum(promises_broken)
FROM (
    SELECT *, {grain} AS bin, if(product_id IN ({busiest}), product_id, '') AS product FROM gap_{grain}
    WHERE {grain} >= %(start)s AND {grain} < %(end)s
)
{places}
"""

_RESPONSE = """
SELECT bin, channel, product, region, count(), countIf(unanswered OR first_response_seconds > %(target)s)
FROM (
    SELECT *, toStartOf{Grain}(event_time) AS bin, if(product_id IN ({busiest}), product_id, '') AS product FROM events
    WHERE event_time >= %(start)s AND event_time < %(end)s AND event_type = 'chat'
)
{places}
"""

_UNITS = """
SELECT {sums} FROM (
    SELECT gaps, severity FROM events WHERE event_time >= %(start)s AND event_time < %(end)s
    ORDER BY minute, event_id LIMIT 100000
)
"""


class Coverage(NamedTuple):
    """What of the store is watched."""

    products: int  # so many of the busiest products
    response_seconds: float  # a first response later than this is late


class Counts(NamedTuple):
    """Per measure and place, by bin from `start` on.

    `weights` are the severities of the events that speak of the measure, `voices` count all events that could have.
    """

    start: datetime
    places: dict[Place, int]  # to row
    voices: dict[Measure, Array]
    weights: dict[Measure, Array]

    def of(self, places: Sequence[Place], measure: Measure, kind: Literal["voices", "weights"]) -> Array:
        """(places, bins); zeros for a place that was not heard of."""
        counts: Array = getattr(self, kind)[measure]
        aligned = np.zeros((len(places), counts.shape[1]))
        for row, place in enumerate(places):
            if place in self.places:
                aligned[row] = counts[self.places[place]]
        return aligned


def read(clickhouse: ClickHouse, grain: Grain, start: datetime, end: datetime, coverage: Coverage) -> Counts:
    """Count the bins of [start, end), which are whole hours or minutes of UTC. Raises StoreError."""
    parameters: dict[str, Any] = {
        "start": as_text(start),
        "end": as_text(end),
        "busy_from": as_text(end - timedelta(days=7)),
        "products": coverage.products,
        "target": coverage.response_seconds,
    }
    gaps = ", ".join(f"sumIf(severity_sum, gap = '{gap}')" for gap in GAP_MEASURES)
    words = {"grain": grain, "Grain": grain.capitalize(), "busiest": _BUSIEST, "places": _PLACES, "gaps": gaps}
    voiced = clickhouse.execute(_GAPS.format(**words), parameters, columnar=True)
    chats = clickhouse.execute(_RESPONSE.format(**words), parameters, columnar=True)
    return _arrays(voiced, chats, start, round((end - start) / LENGTH[grain]), LENGTH[grain])


def _arrays(voiced: Sequence[Any], chats: Sequence[Any], start: datetime, bins: int, length: timedelta) -> Counts:
    places: dict[Place, int] = {}
    voiced_at, chats_at = (_rows_and_bins(columns, places, start, length) for columns in (voiced, chats))
    shape = (len(places), bins)

    def table(at: tuple[list[int], list[int]], columns: Sequence[Any], number: int) -> Array:
        counts = np.zeros(shape)
        if columns:
            counts[at] = columns[number]
        return counts

    voices = dict.fromkeys(GAP_MEASURES, table(voiced_at, voiced, 4))
    weights = {gap: table(voiced_at, voiced, 5 + number) for number, gap in enumerate(GAP_MEASURES)}
    kept, broken = table(voiced_at, voiced, 9), table(voiced_at, voiced, 10)
    weights["promises"], voices["promises"] = broken, kept + broken
    weights["response"], voices["response"] = table(chats_at, chats, 5), table(chats_at, chats, 4)
    return Counts(start, places, voices, weights)


def _rows_and_bins(
    columns: Sequence[Any], places: dict[Place, int], start: datetime, length: timedelta
) -> tuple[list[int], list[int]]:
    if not columns:
        return [], []
    rows = [places.setdefault(Place(*names), len(places)) for names in zip(*columns[1:4], strict=True)]
    return rows, [round((bin_start - start) / length) for bin_start in columns[0]]


def weight_units(clickhouse: ClickHouse, start: datetime, end: datetime) -> dict[Measure, float]:
    """Per measure sum(w²) / sum(w) of the severities w of the events of [start, end), or of its first 100,000.

    A sum of weights in this unit scatters like a count. 1 where nothing was heard, and where events are not weighted.
    """
    sums = ", ".join(
        f"sumIf(severity * severity, has(gaps, '{gap}')), sumIf(severity, has(gaps, '{gap}'))" for gap in GAP_MEASURES
    )
    (row,) = clickhouse.execute(_UNITS.format(sums=sums), {"start": as_text(start), "end": as_text(end)})
    units = dict.fromkeys(MEASURES, 1.0)
    for number, gap in enumerate(GAP_MEASURES):
        squares, weights = row[2 * number : 2 * number + 2]
        units[gap] = squares / weights if weights > 0 else 1.0
    return units
