"""What is usual, and the chart against it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gapwatch.pipeline.signals.statistics import baseline, control_chart


def history(share, voices=200.0, weeks=4, seed=1):
    rng = np.random.default_rng(seed)
    heard = rng.poisson(voices, (1, weeks * 168)).astype(float)
    return rng.binomial(heard.astype(int), share).astype(float), heard


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.01, 1.0, 500.0]),
    st.sampled_from([0.0, 0.01, 0.5, 1.0]),
    st.integers(1, 700),
    st.integers(0, 167),
)
def test_the_usual_share_is_a_share_whatever_the_counts(seed, rate, share, hours, first_hour):
    rng = np.random.default_rng(seed)
    voices = rng.poisson(rate, (2, hours)).astype(float)
    usual = baseline.learn(rng.binomial(voices.astype(int), share) * 1.3, voices, first_hour)
    assert np.isfinite(usual.share).all()
    assert ((usual.share > 0) & (usual.share < 1)).all()
    assert (usual.error > 0).all()
    assert ((usual.correlation >= 0) & (usual.correlation <= 1)).all()
    assert usual.unit >= 1


def test_the_rhythm_of_the_day_is_learned():
    hours = np.arange(4 * 168) % 24
    hits, voices = history(np.where(hours < 12, 0.2, 0.4))
    usual = baseline.learn(hits, voices, 0)
    assert usual.share[0, :12].mean() == pytest.approx(0.2, rel=0.1)
    assert usual.share[0, 12:24].mean() == pytest.approx(0.4, rel=0.1)


def test_the_first_hour_says_where_the_week_begins():
    hours = np.arange(4 * 168) % 24
    hits, voices = history(np.where(hours < 12, 0.2, 0.4))
    shifted = baseline.learn(hits, voices, 48)
    assert shifted.share[0, 48] == pytest.approx(baseline.learn(hits, voices, 0).share[0, 0])


def test_short_history_leans_on_all_the_others():
    hits, voices = history(0.3)
    both = baseline.learn(np.vstack([hits, np.zeros_like(hits)]), np.vstack([voices, np.zeros_like(voices)]), 0)
    assert both.share[1].mean() == pytest.approx(0.3, rel=0.05)
    assert both.error[1].mean() > 5 * both.error[0].mean()


def test_a_past_incident_hardly_moves_what_is_usual():
    hits, voices = history(0.3)
    incident = hits.copy()
    incident[0, 300:306] = voices[0, 300:306] * 0.9
    usual, disturbed = (baseline.learn(counts, voices, 0).share.mean() for counts in (hits, incident))
    assert disturbed == pytest.approx(usual, rel=0.02)


def test_hours_that_differ_by_more_than_chance_are_seen():
    rng = np.random.default_rng(3)
    hits, voices = history(rng.beta(0.3 * 99, 0.7 * 99, (1, 4 * 168)))
    assert baseline.learn(hits, voices, 0).correlation[0] == pytest.approx(0.01, rel=0.3)
    assert baseline.learn(*history(0.3), 0).correlation[0] < 0.001


@given(arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(-3, 3)))
def test_cusum_is_the_largest_sum_up_to_now(step):
    evidence, start = control_chart.cusum(step)
    for now in range(len(step)):
        sums = [step[first : now + 1].sum() for first in range(now + 1)]
        assert evidence[now] == pytest.approx(max(0.0, *sums), abs=1e-9)
        if evidence[now] > 1e-6:
            assert step[start[now] : now + 1].sum() == pytest.approx(evidence[now], abs=1e-9)


@given(st.floats(0.001, 0.94), st.sampled_from(sorted(control_chart.MARGINS)))
def test_a_shifted_share_is_larger_and_still_a_share(share, ratio):
    worse = float(control_chart.shifted(np.array(share), ratio))
    assert share < worse < 1
    assert worse <= share * ratio + 1e-12


@given(st.floats(0.01, 0.9), st.floats(1, 5), st.sampled_from(sorted(control_chart.MARGINS)))
def test_usual_voices_take_evidence_away_and_shifted_ones_bring_it(share, dispersion, ratio):
    usual, scatter = np.array([share]), np.array([dispersion])
    worse = control_chart.shifted(usual, ratio)
    as_usual = control_chart.steps(usual * 100, np.array([100.0]), usual, scatter, ratio)
    as_shifted = control_chart.steps(worse * 100, np.array([100.0]), usual, scatter, ratio)
    assert as_usual[0] == pytest.approx(-100 * control_chart.drift(usual, scatter, ratio)[0])
    assert as_usual[0] < 0 < as_shifted[0]


def test_more_series_and_more_voices_raise_the_limit():
    monthly = np.array([[1_000.0]])
    assert control_chart.budget_limit(monthly, 100) - control_chart.budget_limit(monthly, 1) == pytest.approx(
        np.log(100)
    )
    assert control_chart.budget_limit(10 * monthly, 1) > control_chart.budget_limit(monthly, 1)


def run(hits, voices, share=0.3):
    shape = (1, len(voices))
    return control_chart.run(
        np.array([hits]), np.array([voices]), np.full(shape, share), np.ones(shape), monthly=np.array([1e5]), series=100
    )


def test_a_step_is_found_and_its_beginning_told():
    voices = np.full(300, 3.0)
    hits = np.where(np.arange(300) < 200, 0.9, 1.8)
    found = run(hits, voices)
    alarms = np.flatnonzero(found.evidence[0] >= found.limit[0])
    assert 200 < alarms[0] < 250
    assert found.start[0, alarms[0]] == 200


def test_no_voices_are_no_evidence():
    found = run(np.zeros(100), np.zeros(100))
    assert (found.evidence == 0).all()
    assert np.isfinite(found.limit).all()
