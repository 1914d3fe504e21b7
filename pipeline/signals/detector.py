"""The detector: what the aggregates of the store say about every series in one minute.

It keeps nothing but a cache: what is usual derives from the aggregates, what is open from the table of verdicts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.signals import counts, verdict
from gapwatch.pipeline.signals.counts import Counts, Watched
from gapwatch.pipeline.signals.series import MEASURES, Measure, Place, Series
from gapwatch.pipeline.signals.statistics import chart
from gapwatch.pipeline.signals.statistics.usual import HOUR, Ended, Usual, hour_of_week, learn
from gapwatch.pipeline.signals.table import SignalTable
from gapwatch.pipeline.signals.verdict import Bins, Episode, Rise, Signal
from gapwatch.pipeline.store import ClickHouse

Array = NDArray[np.float64]

HISTORY = timedelta(days=28)
"""What is usual is learned from four weeks: four of each hour of the week."""

LOOK_BACK = timedelta(hours=48)
"""Evidence is gathered over two days, kept out of what is usual. A series of two voices an hour needs them."""

_FINE = timedelta(hours=2)  # of the look-back, at least this much by minute and the rest by hour
_MINUTE = timedelta(minutes=1)


class _Learned(NamedTuple):
    until: datetime
    places: list[Place]
    usual: dict[Measure, Usual]


class _LookBack(NamedTuple):
    coarse: Counts
    fine: Counts
    starts: list[datetime]

    def of(self, learned: _Learned, measure: Measure) -> Iterator[Array]:
        """Hits, voices, and the voices an hour that each bin stands for; (places, bins) each."""
        weight = learned.usual[measure].weight
        coarse, fine = (part.of(learned.places, measure, "weights") / weight for part in (self.coarse, self.fine))
        yield np.concatenate([coarse, fine], axis=1)
        coarse, fine = (part.of(learned.places, measure, "voices") for part in (self.coarse, self.fine))
        yield np.concatenate([coarse, fine], axis=1)
        hourly = fine.mean(axis=1, keepdims=True) * (HOUR / _MINUTE)
        yield np.concatenate([coarse, np.broadcast_to(hourly, fine.shape)], axis=1)


class _Standing(NamedTuple):
    """A series that is open or has something to say."""

    bins: Bins
    rise: Rise


class Detector:
    """Evaluates minutes. For one thread."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._table = SignalTable(clickhouse)
        self._learned: _Learned | None = None

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
        learned = self._learned_at(minute.replace(minute=0))
        standings, series = _standings(_Round(learned, look_back, episodes, ended))
        found = self._judge_all(standings, episodes, minute)
        found += [verdict.silent(one, episode, minute) for one, episode in episodes.items() if one not in standings]
        return found, series

    def _judge_all(
        self, standings: dict[Series, _Standing], episodes: dict[Series, Episode], minute: datetime
    ) -> list[Signal]:
        """The narrowest places first, so that they explain the wider ones and not the other way round."""
        found: list[Signal] = []
        causes = [series for series, episode in episodes.items() if not episode.part_of]
        for series in sorted(standings, key=lambda one: (sum(map(bool, one.place)), one.key), reverse=True):
            episode = episodes.get(series)
            signal = self._judge_one(series, standings, episode, causes, minute)
            if signal:
                found.append(signal)
                if not signal.part_of and (episode is None or episode.part_of):
                    causes.append(series)
        return found

    def _judge_one(
        self,
        series: Series,
        standings: dict[Series, _Standing],
        episode: Episode | None,
        causes: list[Series],
        minute: datetime,
    ) -> Signal | None:
        bins, rise = standings[series]
        if episode is None and not verdict.suspicious(rise):
            return None
        crowd = self._table.crowd(series, rise.since, minute, examples=verdict.is_news(rise, episode))
        if episode is None and not verdict.believable(crowd):
            return None
        others = {
            measure: standings[Series(measure, series.place)].rise
            for measure in MEASURES
            if measure != series.measure and Series(measure, series.place) in standings
        }
        part_of = self._cause(series, standings[series], episode, causes, minute)
        return verdict.judged(series, minute, bins, rise, crowd=crowd, episode=episode, others=others, part_of=part_of)

    def _cause(
        self, series: Series, standing: _Standing, episode: Episode | None, causes: list[Series], minute: datetime
    ) -> str:
        """The signal that explains this one, if it does not stand by itself. What once stood by itself goes on to."""
        if episode is not None and not episode.part_of:
            return ""
        bins, rise = standing
        near = [one for one in causes if _may_explain(one.place, series.place)]
        if near:
            places = list(dict.fromkeys(one.place for one in near))
            weight, voices = self._table.outside(series, rise.since, minute, places)
            dispersion = float(bins.dispersion[bins.starts.index(rise.since) :].mean())
            return near[0].key if verdict.explained(rise, weight / bins.weight, voices, dispersion) else ""
        # Nothing that could explain it is open any more: it stands by itself while it is still out of control.
        return episode.part_of if episode and rise.evidence < rise.limit else ""

    def _learned_at(self, hour: datetime) -> _Learned:
        until = hour - LOOK_BACK
        if self._learned is None or self._learned.until != until:
            history = counts.read(self._clickhouse, "hour", until - HISTORY, until, _watched())
            places = sorted(history.places)
            ended = self._table.ended_episodes(history.start, until)
            units = counts.weight_units(self._clickhouse, until - HISTORY, until)
            self._learned = _Learned(until, places, learn(history, places, ended, units))
        return self._learned

    def _look_back(self, minute: datetime) -> _LookBack:
        start, fine_from = minute.replace(minute=0) - LOOK_BACK, (minute - _FINE).replace(minute=0)
        coarse = counts.read(self._clickhouse, "hour", start, fine_from, _watched())
        fine = counts.read(self._clickhouse, "minute", fine_from, minute, _watched())
        hours, minutes = round((fine_from - start) / HOUR), round((minute - fine_from) / _MINUTE)
        return _LookBack(
            coarse,
            fine,
            [start + HOUR * number for number in range(hours)]
            + [fine_from + _MINUTE * number for number in range(minutes)],
        )


def _may_explain(cause: Place, place: Place) -> bool:
    """A signal from a part of a place is news about where; one from elsewhere has nothing to do with it."""
    return not place.inside(cause) and not place.apart_from(cause)


def _watched() -> Watched:
    return Watched(settings().signal_products, settings().response_target_seconds)


class _Round(NamedTuple):
    """One evaluation: what goes in, and how many series share the budget of false alarms."""

    learned: _Learned
    look_back: _LookBack
    episodes: dict[Series, Episode]
    ended: list[Ended]
    series: int = 0

    def counts(self, measure: Measure) -> tuple[Array, Array, Array]:
        """Hits, voices and voices an hour. A series starts anew after a signal: what opened it opens no other."""
        hits, voices, hourly = self.look_back.of(self.learned, measure)
        for series, _, recovered in self.ended:
            if series.measure == measure and series.place in self.learned.places:
                row = self.learned.places.index(series.place)
                before = sum(start < recovered for start in self.look_back.starts)
                hits[row, :before] = voices[row, :before] = 0
        return hits, voices, hourly


def _standings(around: _Round) -> tuple[dict[Series, _Standing], int]:
    """The series that are open or speak up, and how many were looked at."""
    inputs = {measure: around.counts(measure) for measure in MEASURES}
    watched = {
        measure: around.learned.usual[measure].ripe & (voices.sum(axis=1) >= verdict.MIN_VOICES)
        for measure, (_, voices, _) in inputs.items()
    }
    around = around._replace(series=sum(int(rows.sum()) for rows in watched.values()))
    standings: dict[Series, _Standing] = {}
    for measure in MEASURES:
        still_open = np.array(
            [Series(measure, place) in around.episodes for place in around.learned.places], dtype=bool
        )
        heard = inputs[measure][1].sum(axis=1) > 0
        rows = np.flatnonzero(watched[measure] | (still_open & heard))
        standings |= _of_measure(measure, around, inputs[measure], rows)
    return standings, around.series


def _of_measure(
    measure: Measure, around: _Round, inputs: tuple[Array, ...], rows: NDArray[np.intp]
) -> dict[Series, _Standing]:
    usual, starts = around.learned.usual[measure], around.look_back.starts
    share = usual.share(np.array([hour_of_week(start) for start in starts], dtype=np.intp))[rows]
    dispersion = usual.dispersion(inputs[2])[rows]
    hits, voices = inputs[0][rows], inputs[1][rows]
    found = chart.run(hits, voices, share, dispersion, monthly=usual.monthly[rows], series=max(1, around.series))
    standings = {}
    for number, row in enumerate(rows):
        series, evidence = Series(measure, around.learned.places[row]), float(found.evidence[number, -1])
        if series in around.episodes or evidence >= verdict.COMPANION_NATS:
            bins = Bins(starts, hits[number], voices[number], share[number], dispersion[number], usual.weight)
            first = _first_bin(starts, around.episodes.get(series), int(found.start[number, -1]))
            rise = verdict.rise(bins, evidence, float(found.limit[number, -1]), first)
            standings[series] = _Standing(bins, rise)
    return standings


def _first_bin(starts: list[datetime], episode: Episode | None, found: int) -> int:
    """The first bin of the rise: of an open signal the one it opened with, or the oldest still looked at."""
    return found if episode is None else max(0, sum(start <= episode.since for start in starts) - 1)
