"""From charts to verdicts: what opens, lasts, escalates and recovers. Pure functions; the clock is an argument."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.signals.series import Measure, Series
from gapwatch.pipeline.signals.statistics import control_chart

Array = NDArray[np.float64]

State = Literal["opened", "ongoing", "escalated", "recovered"]
Severity = Literal["notice", "warning", "critical"]
Reason = Literal["worse", "usual", "silent"]

SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")
_WARNING_FROM, _CRITICAL_FROM = 0.55, 0.75

# An excess of this many average voices over the usual number counts as many, whatever the size of the company.
_MANY_VOICES = 30

MIN_VOICES, MIN_EVENTS, MIN_CUSTOMERS = 20, 5, 5
"""Below these a series is not judged, however strange it looks."""

RECOVERY_NATS = float(np.log(100))
"""Recovered once the voices since the opening speak 100 to 1 for the usual share against the share seen."""

COMPANION_NATS = 3.0
"""Another gap is said to rise too when its voices speak 20 to 1 for it."""


class Bins(NamedTuple):
    """One series over the look-back: counts and what is usual, bin by bin."""

    starts: list[datetime]
    hits: Array
    voices: Array
    share: Array
    dispersion: Array
    weight: float = 1.0  # of one hit


class Rise(NamedTuple):
    """How a series stands now. `hits` and `expected` are over the bins from `since` on, in average voices."""

    evidence: float
    limit: float
    since: datetime
    hits: float
    expected: float
    voices: float

    @property
    def ratio(self) -> float:
        return self.hits / self.expected if self.expected > 0 else 1.0


class Support(NamedTuple):
    """Who spoke of the measure in the place since the rise began."""

    events: int
    customers: int
    examples: tuple[str, ...] = ()  # event ids


class Companion(NamedTuple):
    """Another measure that rises in the same place; `lead_minutes` > 0: it began that long before."""

    measure: Measure
    ratio: float
    evidence: float
    lead_minutes: int


class Episode(NamedTuple):
    """A signal that is open."""

    opened: datetime
    since: datetime
    severity: Severity
    ratio: float  # at its worst so far
    part_of: str = ""


class Signal(NamedTuple):
    """The verdict on one series in one minute."""

    series: Series
    minute: datetime
    opened: datetime
    since: datetime
    state: State
    severity: Severity
    reason: Reason
    part_of: str = ""  # key of the signal that explains this one
    gap_index: float = 0.0
    expected_index: float = 0.0
    voices: int = 0
    events: int = 0
    customers: int = 0
    excess: float = 0.0
    evidence: float = 0.0
    limit: float = 0.0
    companions: tuple[Companion, ...] = ()
    examples: tuple[str, ...] = ()


def rise(bins: Bins, evidence: float, limit: float, first: int) -> Rise:
    """The series over its bins from number `first` on."""
    hits, voices = bins.hits[first:], bins.voices[first:]
    expected = float((voices * bins.share[first:]).sum())
    return Rise(evidence, limit, bins.starts[first], float(hits.sum()), expected, float(voices.sum()))


def judge(
    series: Series,
    minute: datetime,
    bins: Bins,
    now: Rise,
    *,
    support: Support,
    episode: Episode | None,
    others: dict[Measure, Rise],
    part_of: str = "",
) -> Signal:
    """The verdict on a series that is open, or is to be opened (`episode` None)."""
    level = severity(now)
    state, reason = _state(bins, now, episode, part_of)
    if episode is not None and SEVERITIES.index(level) < SEVERITIES.index(episode.severity):
        level = episode.severity
    if state == "recovered" and episode is not None:
        now = rise(bins, now.evidence, now.limit, recovery(bins, episode) or 0)
    per_voice = 100 * bins.weight / max(now.voices, 1)
    return Signal(
        series,
        minute,
        opened=episode.opened if episode else minute,
        since=episode.since if episode else now.since,
        state=state,
        severity=level,
        reason=reason,
        part_of=part_of,
        gap_index=now.hits * per_voice,
        expected_index=now.expected * per_voice,
        voices=round(now.voices),
        events=support.events,
        customers=support.customers,
        excess=now.hits - now.expected,
        evidence=now.evidence,
        limit=now.limit,
        companions=companions(now, others),
        examples=support.examples,
    )


def is_news(now: Rise, episode: Episode | None) -> bool:
    """Opened, or escalated."""
    return episode is None or SEVERITIES.index(severity(now)) > SEVERITIES.index(episode.severity)


def _state(bins: Bins, now: Rise, episode: Episode | None, part_of: str) -> tuple[State, Reason]:
    if episode is None:
        return "opened", "worse"
    if recovery(bins, episode) is not None:
        return "recovered", "usual"
    stands_by_itself_now = bool(episode.part_of and not part_of)
    return ("escalated" if stands_by_itself_now or is_news(now, episode) else "ongoing"), "worse"


def ended_in_silence(series: Series, episode: Episode, minute: datetime) -> Signal:
    """The end of a signal of which nobody speaks any more."""
    return Signal(
        series, minute, episode.opened, episode.since, "recovered", episode.severity, "silent", episode.part_of
    )


def is_explained(now: Rise, hits: float, voices: float, dispersion: float) -> bool:
    """Whether a rise is that of other signals: without their voices, less than half of it and no signal is left.

    `hits` and `voices` are those of the rise outside the places of the others.
    """
    usual = now.expected / now.voices
    share = float(np.clip(hits / max(voices, 1e-9), 1e-9, 1 - 1e-9))
    if hits - voices * usual >= (now.hits - now.expected) / 2:
        return False
    left = voices * (share * np.log(share / usual) + (1 - share) * np.log((1 - share) / (1 - usual))) / dispersion
    return bool(share <= usual or left < now.limit)


def severity(now: Rise) -> Severity:
    """By size × surprise × volume: the geometric mean of three factors between 0 and 1.

    Size: how far above usual, full at twice the usual. Surprise: evidence, full at twice the limit. Volume: average
    voices more than usual, full at 30.
    """
    size = np.clip(now.ratio - 1, 0, 1)
    surprise = np.clip(now.evidence / (2 * now.limit), 0, 1)
    volume = np.clip((now.hits - now.expected) / _MANY_VOICES, 0, 1)
    score = float(np.cbrt(size * surprise * volume))
    if score >= _CRITICAL_FROM:
        return "critical"
    return "warning" if score >= _WARNING_FROM else "notice"


def is_out_of_control(now: Rise) -> bool:
    """Out of control, on enough voices."""
    return now.evidence >= now.limit and now.voices >= MIN_VOICES and now.hits >= MIN_EVENTS and now.ratio > 1


def is_supported(support: Support) -> bool:
    """Enough different customers: one who writes fifty times is one customer."""
    return support.customers >= MIN_CUSTOMERS and 2 * support.customers >= support.events >= MIN_EVENTS


def recovery(bins: Bins, episode: Episode) -> int | None:
    """The bin since which the series is as usual again, if it is."""
    first = sum(start < episode.opened for start in bins.starts)
    ratio = float(np.clip(episode.ratio, min(control_chart.MARGINS), max(control_chart.MARGINS)))
    step = control_chart.steps(
        bins.hits[first:], bins.voices[first:], bins.share[first:], bins.dispersion[first:], ratio
    )
    evidence, start = control_chart.cusum(-step)
    return first + int(start[-1]) if evidence.size and evidence[-1] >= RECOVERY_NATS else None


def companions(main: Rise, others: dict[Measure, Rise]) -> tuple[Companion, ...]:
    """The other measures that rise in the same place, strongest first: the joint effect."""
    found = [
        Companion(measure, other.ratio, other.evidence, int((main.since - other.since) / timedelta(minutes=1)))
        for measure, other in others.items()
        if other.evidence >= COMPANION_NATS and other.ratio > 1
    ]
    return tuple(sorted(found, key=lambda companion: -companion.evidence))
