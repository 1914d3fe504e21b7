"""What is usual: the share expected at each hour of the week, how sure we are of it, and how much hours scatter.

Everything here is a pure function of hourly counts with a leading series axis, so that the runner and the
simulation use the same code. `voices` are counts of distinct events; `hits` are the severity-weighted events that
speak of the thing, in the unit sum(w²) / sum(w) of their weights w, in which a weighted sum scatters like a count of
events (Bohm and Zech 2014); so `hits / voices` is a share.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOURS_OF_WEEK = 168

# Prior spread (standard deviation relative to the level) of series around their parent, of the hours of a day, of the
# days of a week, and of single hours of the week around those two. A gamma prior of spread s weighs like 1 / s**2
# expected hits, so short history leans on the coarser level and long history speaks for itself.
SERIES_SPREAD, HOUR_SPREAD, DAY_SPREAD, HOUR_OF_WEEK_SPREAD = 0.5, 0.15, 0.10, 0.03

# Hours further than this many standard deviations from their expectation count less, in inverse proportion (Huber).
OUTLIER = 2.5

# Until this many thin cells were seen, single hits are taken to scatter like a plain binomial.
THIN_CELL_VOICES = 3
THIN_CELLS_NEEDED = 500

_SMALLEST_SHARE, _LARGEST_SHARE = 1e-4, 0.95


class Baseline(NamedTuple):
    """Per series: the usual share by hour of the week, its relative standard error, and the scatter of hours.

    The variance of the hits of an hour with n voices is `n p (1 - p) (unit + correlation (n - 1))`: beta-binomial,
    with `unit` above 1 where even single voices scatter more.
    """

    share: Array  # (series, 168)
    error: Array  # (series, 168), relative to the share; of level, hour and day, which last longer than an hour
    unit: float
    correlation: Array  # (series,)


def learn(hits: Array, voices: Array, first_hour: int, parent_share: float | None = None) -> Baseline:
    """Learn what is usual from whole hours of history, oldest first.

    `hits`, `voices`: (series, hours); an hour without voices teaches nothing. `first_hour`: hour of the week of the
    first column. `parent_share`: level that series with little history lean on; the pooled share when not given.
    """
    hour_of_week = (first_hour + np.arange(voices.shape[1])) % HOURS_OF_WEEK
    weight = np.ones_like(voices)
    baseline = _fit(hits, voices, hour_of_week, parent_share)
    for _ in range(2):
        weight = _huber(hits, voices, baseline, hour_of_week)
        baseline = _fit(hits * weight, voices * weight, hour_of_week, parent_share)
    unit, correlation = _scatter(hits * weight, voices * weight, baseline.share[:, hour_of_week])
    return baseline._replace(unit=unit, correlation=correlation)


def _fit(hits: Array, voices: Array, hour_of_week: NDArray[np.intp], parent_share: float | None) -> Baseline:
    parent = parent_share or _ratio(hits.sum(), voices.sum())
    parent = float(np.clip(parent, _SMALLEST_SHARE, _LARGEST_SHARE))
    level = (hits.sum(1) + SERIES_SPREAD**-2) / (voices.sum(1) + SERIES_SPREAD**-2 / parent)
    share = np.repeat(level[:, None], HOURS_OF_WEEK, axis=1)
    variance = np.repeat(1 / (hits.sum(1) + SERIES_SPREAD**-2)[:, None], HOURS_OF_WEEK, axis=1)

    week_hits, week_voices = _by_hour_of_week(hits, hour_of_week), _by_hour_of_week(voices, hour_of_week)
    hours = np.arange(HOURS_OF_WEEK)
    for group, spread in ((hours % 24, HOUR_SPREAD), (hours // 24, DAY_SPREAD), (hours, HOUR_OF_WEEK_SPREAD)):
        seen = _grouped(week_hits, group) + spread**-2
        usual = _grouped(week_voices * share, group) + spread**-2
        share = share * (seen / usual)[:, group]
        if spread != HOUR_OF_WEEK_SPREAD:
            variance = variance + (1 / seen)[:, group]
    return Baseline(np.clip(share, _SMALLEST_SHARE, _LARGEST_SHARE), np.sqrt(variance), 1.0, np.zeros(len(hits)))


def _huber(hits: Array, voices: Array, baseline: Baseline, hour_of_week: NDArray[np.intp]) -> Array:
    share = baseline.share[:, hour_of_week]
    variance = np.maximum(voices * share * (1 - share), 1e-9)
    squared = np.where(voices > 0, (hits - voices * share) ** 2 / variance, 0.0)
    scale = np.maximum(1.0, squared.sum(1) / np.maximum(1, (voices > 0).sum(1)))
    z = np.sqrt(squared / scale[:, None])
    weight: Array = OUTLIER / np.maximum(z, OUTLIER)
    return weight


def _scatter(hits: Array, voices: Array, share: Array) -> tuple[float, Array]:
    binomial = voices * share * (1 - share)
    squared = (hits - voices * share) ** 2
    thin = (voices > 0) & (voices <= THIN_CELL_VOICES)
    enough = thin.sum() >= THIN_CELLS_NEEDED
    unit = max(1.0, _ratio(squared[thin].sum(), binomial[thin].sum())) if enough else 1.0
    excess = (squared - unit * binomial).sum(1)
    pairs = (binomial * np.maximum(voices - 1, 0)).sum(1)
    return unit, np.clip(excess / np.maximum(pairs, 1e-9), 0.0, 1.0)


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below > 0 else 0.0


def _by_hour_of_week(counts: Array, hour_of_week: NDArray[np.intp]) -> Array:
    folded = np.zeros((len(counts), HOURS_OF_WEEK))
    np.add.at(folded.T, hour_of_week, counts.T)
    return folded


def _grouped(counts: Array, group: NDArray[np.intp]) -> Array:
    sums = np.zeros((len(counts), int(group.max()) + 1))
    np.add.at(sums.T, group, counts.T)
    return sums


def cautious(usual: Baseline, errors: float) -> Array:
    """The usual share, (series, 168), raised by so many of its standard errors."""
    return np.minimum(usual.share * np.exp(errors * usual.error), _LARGEST_SHARE)
