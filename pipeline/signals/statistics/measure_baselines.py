"""What is usual for every series, learned from the counts of past hours."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.signals.series import MEASURES, Measure, Place, Series
from gapwatch.pipeline.signals.statistics import baseline, control_chart
from gapwatch.pipeline.signals.voice_counts import Counts

Array = NDArray[np.float64]

HOUR = timedelta(hours=1)
_MONTH_HOURS = 720
_HOURS_TO_LEARN = 72  # below three days no daily rhythm can be told from a trend
_EVENTS_TO_LEARN = 10
# An episode that lasted longer than this became the new normal and is learned from; a shorter one is left out.
_LONGEST_LEFT_OUT = timedelta(days=7)


class EndedEpisode(NamedTuple):
    """A signal that is over."""

    series: Series
    since: datetime
    recovered: datetime


class MeasureBaseline(NamedTuple):
    """Of one measure, by place: the usual share, its scatter, the voices of 30 days, and who has enough history."""

    weight: float  # hits are weights in this unit
    baseline: baseline.Baseline
    monthly_voices: Array
    warmed_up: NDArray[np.bool_]

    def share(self, hours_of_week: NDArray[np.intp]) -> Array:
        """(places, hours), raised by its standard error."""
        return baseline.cautious(self.baseline, control_chart.CAUTION)[:, hours_of_week]

    def dispersion(self, hourly: Array) -> Array:
        """How much wider than binomial hits scatter in hours of so many voices."""
        return self.baseline.unit + self.baseline.correlation[:, None] * np.maximum(hourly - 1, 0)


def learn(
    history: Counts, places: list[Place], ended: list[EndedEpisode], units: dict[Measure, float]
) -> dict[Measure, MeasureBaseline]:
    """Learn from whole hours, oldest first; hours of signals that are over are left out of their series."""
    return {measure: _learn(history, places, ended, measure, units[measure]) for measure in MEASURES}


def hour_of_week(instant: datetime) -> int:
    """A count of hours that repeats each week."""
    return int(instant.timestamp() // 3600) % baseline.HOURS_OF_WEEK


def _learn(
    history: Counts, places: list[Place], ended: list[EndedEpisode], measure: Measure, weight: float
) -> MeasureBaseline:
    hits = history.of(places, measure, "weights") / weight
    voices = history.of(places, measure, "voices")
    for row, hours in _left_out(history, places, ended, measure):
        hits[row, hours] = voices[row, hours] = 0
    return MeasureBaseline(
        weight,
        baseline.learn(hits, voices, hour_of_week(history.start)),
        voices.sum(1) * _MONTH_HOURS / np.maximum(_active_hours(voices), 1),
        (_active_hours(voices) >= _HOURS_TO_LEARN) & (hits.sum(1) >= _EVENTS_TO_LEARN),
    )


def _left_out(
    history: Counts, places: list[Place], ended: list[EndedEpisode], measure: Measure
) -> Iterable[tuple[int, slice]]:
    rows = {place: row for row, place in enumerate(places)}
    for series, since, recovered in ended:
        if series.measure == measure and series.place in rows and recovered - since <= _LONGEST_LEFT_OUT:
            first = max(0, int((since - history.start) // HOUR))
            yield rows[series.place], slice(first, max(0, int((recovered - history.start) // HOUR) + 1))


def _active_hours(voices: Array) -> Array:
    """Hours since the first voice."""
    silent = np.cumsum(voices, axis=1) == 0
    active: Array = (~silent).sum(axis=1).astype(float)
    return active
