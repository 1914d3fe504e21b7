"""The detector: what the aggregates of the store say about every series in one minute.

It keeps nothing but a cache: what is usual derives from the aggregates, what is open from the table of verdicts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals import verdict, voice_counts
from gapwatch.pipeline.signals.series import MEASURES, Measure, Place, Series
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.signals.statistics import control_chart
from gapwatch.pipeline.signals.statistics.measure_baselines import (
    HOUR,
    EndedEpisode,
    MeasureBaseline,
    hour_of_week,
    learn,
)
from gapwatch.pipeline.signals.verdict import Bins, Episode, Rise, Signal
from gapwatch.pipeline.signals.voice_counts import Counts, Coverage
from gapwatch.pipeline.store import ClickHouse

Array = NDArray[np.float64]

HISTORY = timedelta(days=28)
"""What is usual is learned from four weeks: four of each hour of the week."""

LOOK_BACK = timedelta(hours=48)
"""Evidence is gathered over two days, kept out of what is usual. A series of two voices an hour needs them."""

_FINE = timedelta(hours=2)  # of the look-back, at least this much by minute and the rest by hour
_MINUTE = timedelta(minutes=1)


class _Baselines(NamedTuple):
    until: datetime
    places: list[Place]
    by_measure: dict[Measure, MeasureBaseline]


class _LookBack(NamedTuple):
    by_hour: Counts
    by_minute: Counts
    starts: list[datetime]

    def of(self, baselines: _Baselines, measure: Measure) -> Iterator[Array]:
        """Hits, voices, and the voices an hour that each bin stands for; (places, bins) each."""
        weight = baselines.by_measure[measure].weight
        by_hour, by_minute = (
            part.of(baselines.places, measure, "weights") / weight for part in (self.by_hour, self.by_minute)
        )
        yield np.concatenate([by_hour, by_minute], axis=1)
        by_hour, by_minute = (part.of(baselines.places, measure, "voices") for part in (self.by_hour, self.by_minute))
        yield np.concatenate([by_hour, by_minute], axis=1)
        hourly = by_minute.mean(axis=1, keepdims=True) * (HOUR / _MINUTE)
        yield np.concatenate([by_hour, np.broadcast_to(hourly, by_minute.shape)], axis=1)


class _Candidate(NamedTuple):
    """A series that is open, or whose recent voices speak for a rise."""

    bins: Bins
    rise: Rise


class Detector:
    """Evaluates minutes. For one thread."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._table = SignalTable(clickhouse)
        self._baselines: _Baselines | None = None

    def evaluate(self, now: datetime) -> list[Signal]:
        """The verdicts on the minutes before the minute of `now`: what opened, lasts, escalated or recovered.

        They are stored; a minute that was evaluated before gives what it gave then. Raises StoreError.
        """
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        if not self._table.was_evaluated(minute):
            self._table.write(minute, *self._judge(minute))
        return self._table.verdicts_of(minute)

    def _judge(self, minute: datetime) -> tuple[list[Signal], int]:
        episodes = self._table.open_episodes(minute)
        look_back = self._look_back(minute)
        ended = self._table.ended_episodes(look_back.starts[0], minute)
        baselines = self._baselines_at(minute.replace(minute=0))
        candidates, series = _candidates(_Evaluation(baselines, look_back, episodes, ended))
        found = self._judge_all(candidates, episodes, minute)
        found += [
            verdict.ended_in_silence(one, episode, minute) for one, episode in episodes.items() if one not in candidates
        ]
        return found, series

    def _judge_all(
        self, candidates: dict[Series, _Candidate], episodes: dict[Series, Episode], minute: datetime
    ) -> list[Signal]:
        """The narrowest places first, so that they explain the wider ones and not the other way round."""
        found: list[Signal] = []
        causes = [series for series, episode in episodes.items() if not episode.part_of]
        for series in sorted(candidates, key=lambda one: (sum(map(bool, one.place)), one.key), reverse=True):
            episode = episodes.get(series)
            signal = self._judge_one(series, candidates, episode, causes, minute)
            if signal:
                found.append(signal)
                if not signal.part_of and (episode is None or episode.part_of):
                    causes.append(series)
        return found

    def _judge_one(
        self,
        series: Series,
        candidates: dict[Series, _Candidate],
        episode: Episode | None,
        causes: list[Series],
        minute: datetime,
    ) -> Signal | None:
        bins, rise = candidates[series]
        if episode is None and not verdict.is_out_of_control(rise):
            return None
        support = self._table.support(series, rise.since, minute, examples=verdict.is_news(rise, episode))
        if episode is None and not verdict.is_supported(support):
            return None
        others = {
            measure: candidates[Series(measure, series.place)].rise
            for measure in MEASURES
            if measure != series.measure and Series(measure, series.place) in candidates
        }
        part_of = self._cause(series, candidates[series], episode, causes, minute)
        return verdict.judge(
            series, minute, bins, rise, support=support, episode=episode, others=others, part_of=part_of
        )

    def _cause(
        self, series: Series, candidate: _Candidate, episode: Episode | None, causes: list[Series], minute: datetime
    ) -> str:
        """The signal that explains this one, if it does not stand by itself. What once stood by itself goes on to."""
        if episode is not None and not episode.part_of:
            return ""
        bins, rise = candidate
        near = [one for one in causes if _may_explain(one.place, series.place)]
        if near:
            places = list(dict.fromkeys(one.place for one in near))
            weight, voices = self._table.counts_outside(series, rise.since, minute, places)
            dispersion = float(bins.dispersion[bins.starts.index(rise.since) :].mean())
            return near[0].key if verdict.is_explained(rise, weight / bins.weight, voices, dispersion) else ""
        # Nothing that could explain it is open any more: it stands by itself while it is still out of control.
        return episode.part_of if episode and rise.evidence < rise.limit else ""

    def _baselines_at(self, hour: datetime) -> _Baselines:
        until = hour - LOOK_BACK
        if self._baselines is None or self._baselines.until != until:
            history = voice_counts.read(self._clickhouse, "hour", until - HISTORY, until, _coverage())
            places = sorted(history.places)
            ended = self._table.ended_episodes(history.start, until)
            units = voice_counts.weight_units(self._clickhouse, until - HISTORY, until)
            self._baselines = _Baselines(until, places, learn(history, places, ended, units))
        return self._baselines

    def _look_back(self, minute: datetime) -> _LookBack:
        start, fine_from = minute.replace(minute=0) - LOOK_BACK, (minute - _FINE).replace(minute=0)
        by_hour = voice_counts.read(self._clickhouse, "hour", start, fine_from, _coverage())
        by_minute = voice_counts.read(self._clickhouse, "minute", fine_from, minute, _coverage())
        hours, minutes = round((fine_from - start) / HOUR), round((minute - fine_from) / _MINUTE)
        return _LookBack(
            by_hour,
            by_minute,
            [start + HOUR * number for number in range(hours)]
            + [fine_from + _MINUTE * number for number in range(minutes)],
        )


def _may_explain(cause: Place, place: Place) -> bool:
    """A signal from a part of a place is news about where; one from elsewhere has nothing to do with it."""
    return not place.inside(cause) and not place.apart_from(cause)


def _coverage() -> Coverage:
    return Coverage(settings().signal_products, settings().response_target_seconds)


class _Evaluation(NamedTuple):
    """One evaluation: what goes in, and how many series share the budget of false alarms."""

    baselines: _Baselines
    look_back: _LookBack
    episodes: dict[Series, Episode]
    ended: list[EndedEpisode]
    series: int = 0

    def counts(self, measure: Measure) -> tuple[Array, Array, Array]:
        """Hits, voices and voices an hour. A series starts anew after a signal: what opened it opens no other."""
        hits, voices, hourly = self.look_back.of(self.baselines, measure)
        for series, _, recovered in self.ended:
            if series.measure == measure and series.place in self.baselines.places:
                row = self.baselines.places.index(series.place)
                before = sum(start < recovered for start in self.look_back.starts)
                hits[row, :before] = voices[row, :before] = 0
        return hits, voices, hourly


def _candidates(evaluation: _Evaluation) -> tuple[dict[Series, _Candidate], int]:
    """The series that are open or rise, and how many were looked at."""
    inputs = {measure: evaluation.counts(measure) for measure in MEASURES}
    watched = {
        measure: evaluation.baselines.by_measure[measure].warmed_up & (voices.sum(axis=1) >= verdict.MIN_VOICES)
        for measure, (_, voices, _) in inputs.items()
    }
    evaluation = evaluation._replace(series=sum(int(rows.sum()) for rows in watched.values()))
    candidates: dict[Series, _Candidate] = {}
    for measure in MEASURES:
        still_open = np.array(
            [Series(measure, place) in evaluation.episodes for place in evaluation.baselines.places], dtype=bool
        )
        active = inputs[measure][1].sum(axis=1) > 0
        rows = np.flatnonzero(watched[measure] | (still_open & active))
        candidates |= _of_measure(measure, evaluation, inputs[measure], rows)
    return candidates, evaluation.series


def _of_measure(
    measure: Measure, evaluation: _Evaluation, inputs: tuple[Array, ...], rows: NDArray[np.intp]
) -> dict[Series, _Candidate]:
    usual, starts = evaluation.baselines.by_measure[measure], evaluation.look_back.starts
    share = usual.share(np.array([hour_of_week(start) for start in starts], dtype=np.intp))[rows]
    dispersion = usual.dispersion(inputs[2])[rows]
    hits, voices = inputs[0][rows], inputs[1][rows]
    found = control_chart.run(
        hits, voices, share, dispersion, monthly=usual.monthly_voices[rows], series=max(1, evaluation.series)
    )
    candidates = {}
    for number, row in enumerate(rows):
        series, evidence = Series(measure, evaluation.baselines.places[row]), float(found.evidence[number, -1])
        if series in evaluation.episodes or evidence >= verdict.COMPANION_NATS:
            bins = Bins(starts, hits[number], voices[number], share[number], dispersion[number], usual.weight)
            first = _first_bin(starts, evaluation.episodes.get(series), int(found.start[number, -1]))
            rise = verdict.rise(bins, evidence, float(found.limit[number, -1]), first)
            candidates[series] = _Candidate(bins, rise)
    return candidates


def _first_bin(starts: list[datetime], episode: Episode | None, found: int) -> int:
    """The first bin of the rise: of an open signal the one it opened with, or the oldest still looked at."""
    return found if episode is None else max(0, sum(start <= episode.since for start in starts) - 1)
