"""The control chart: how strongly the recent bins speak for a share above the usual one.

A risk-adjusted CUSUM (Steiner, Cook, Farewell and Treasure 2000) of log-likelihood ratios, tempered by the scatter of
the series (quasi-likelihood), run side by side for several sizes of shift. It is computed anew from the bins of the
look-back each time, so it has no state of its own. Evidence is in nats: +4.6 says 100 to 1 for worse.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MARGINS = {1.25: 5.5, 1.5: 2.0, 2.0: 1.5, 3.0: 1.5}
"""Sizes of shift looked for, as multiples of the usual share, and what each adds to its limit in nats: found with
`benchmarks/signals.py tune`. Small shifts need more, because an error in what is usual looks like one."""

CAUTION = 0.5
"""The usual share is raised by this many of its standard errors: short history must not cry wolf."""


class Chart(NamedTuple):
    """One run of the chart. All are of the shift size that is strongest against its limit, bin by bin."""

    evidence: Array  # (series, bins), nats
    limit: Array  # (series, bins), nats; a series is out of control where evidence >= limit
    start: NDArray[np.intp]  # (series, bins), first bin of the rise


def run(hits: Array, voices: Array, share: Array, dispersion: Array, *, monthly: Array, series: int) -> Chart:
    """Run the chart over bins of any length, oldest first.

    `hits`, `voices`: (series, bins). `share`, `dispersion`: what is usual in each bin, of the same shape.
    `monthly`: usual voices of each series in 30 days. `series`: how many series share the budget of false alarms.
    """
    best: Chart | None = None
    for ratio, margin in MARGINS.items():
        evidence, start = cusum(steps(hits, voices, share, dispersion, ratio))
        limit = budget_limit(monthly[:, None] * drift(share, dispersion, ratio), series) + margin
        found = Chart(evidence, limit, start)
        best = found if best is None else _stronger(best, found)
    assert best is not None  # noqa: S101 - MARGINS is not empty
    return best


def _stronger(one: Chart, other: Chart) -> Chart:
    other_wins = other.evidence - other.limit > one.evidence - one.limit
    return Chart(*(np.where(other_wins, b, a) for a, b in zip(one, other, strict=True)))


def budget_limit(monthly_drift: Array, series: int) -> Array:
    """The limit in nats that spends one false alarm in 30 days over all series and shift sizes together.

    A CUSUM of log-likelihood ratios with limit h goes about exp(h) / drift voices between false alarms (Lorden 1971),
    so h is the logarithm of the drift that the voices of 30 days bring, times the number of charts.
    """
    return np.log(np.maximum(monthly_drift * series * len(MARGINS), np.e))


def shifted(share: Array, ratio: float) -> Array:
    """The share `ratio` times as large; near 1 the rest is divided instead, so that it stays a share."""
    return np.minimum(share * ratio, 1 - (1 - share) / ratio)


def steps(hits: Array, voices: Array, share: Array, dispersion: Array, ratio: float) -> Array:
    """Evidence of each bin for a share `ratio` times the usual one against the usual one, in nats."""
    worse = shifted(share, ratio)
    return (hits * np.log(worse / share) + (voices - hits) * np.log((1 - worse) / (1 - share))) / dispersion


def drift(share: Array, dispersion: Array, ratio: float) -> Array:
    """Evidence that one usual voice takes away on average, in nats (Kullback-Leibler divergence)."""
    worse = shifted(share, ratio)
    return (share * np.log(share / worse) + (1 - share) * np.log((1 - share) / (1 - worse))) / dispersion


def cusum(step: Array) -> tuple[Array, NDArray[np.intp]]:
    """Evidence gathered since the last time there was none, and the bin where that rise began."""
    sums = np.cumsum(step, axis=-1)
    before = np.concatenate([np.zeros((*sums.shape[:-1], 1)), sums[..., :-1]], axis=-1)
    lowest = np.minimum.accumulate(before, axis=-1)
    bins = np.arange(step.shape[-1])
    start = np.maximum.accumulate(np.where(before <= lowest, bins, 0), axis=-1)
    return np.maximum(sums - lowest, 0.0), start
