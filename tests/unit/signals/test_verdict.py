"""What opens, escalates and recovers, and the names of series."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.signals import publication, verdict
from gapwatch.pipeline.signals.series import MEASURES, Place, Series
from gapwatch.pipeline.signals.verdict import Bins, Companion, Episode, Rise, Signal, Support

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SERIES = Series("fulfillment", Place(product_id="净水器"))


def rise(evidence=15.0, hits=60.0, expected=30.0, voices=100.0):
    return Rise(evidence, 14.0, NOW - timedelta(hours=1), hits, expected, voices)


def bins(share_now, minutes=120):
    starts = [NOW - timedelta(minutes=minutes - number) for number in range(minutes)]
    voices = np.full(minutes, 3.0)
    return Bins(starts, voices * share_now, voices, np.full(minutes, 0.3), np.ones(minutes), 0.5)


def judge(now=None, share_now=0.6, episode=None, support=Support(60, 55, ("e1",)), others=None):  # noqa: B008
    return verdict.judge(
        SERIES, NOW, bins(share_now), now or rise(), support=support, episode=episode, others=others or {}
    )


def episode(severity="notice", minutes=90):
    return Episode(NOW - timedelta(minutes=minutes), NOW - timedelta(minutes=minutes + 30), severity, 2.0)


@pytest.mark.parametrize(
    "quiet",
    [
        rise(evidence=13.9),
        rise(voices=verdict.MIN_VOICES - 1),
        rise(hits=verdict.MIN_EVENTS - 1, expected=1.0),
        rise(hits=29.0),
    ],
)
def test_too_little_evidence_or_too_few_voices_open_nothing(quiet):
    assert verdict.is_out_of_control(rise())
    assert not verdict.is_out_of_control(quiet)


@pytest.mark.parametrize(
    ("events", "customers", "believed"), [(60, 55, True), (60, 29, False), (8, 4, False), (4, 4, False)]
)
def test_one_customer_who_writes_often_is_one_customer(events, customers, believed):
    assert verdict.is_supported(Support(events, customers)) is believed


def test_a_new_signal_opens_now_and_tells_since_when():
    signal = judge()
    assert (signal.state, signal.opened, signal.since) == ("opened", NOW, NOW - timedelta(hours=1))
    assert (signal.gap_index, signal.expected_index) == (30.0, 15.0)
    assert signal.excess == 30


def test_an_open_signal_goes_on_and_keeps_its_beginning():
    before = episode("critical")
    signal = judge(rise(evidence=14.0, hits=33.0), episode=before)
    assert (signal.state, signal.opened, signal.since) == ("ongoing", before.opened, before.since)
    assert signal.severity == "critical"


def test_it_escalates_once_for_each_severity():
    grave = rise(evidence=40.0, hits=90.0)
    assert judge(grave, episode=episode("notice")).state == "escalated"
    assert judge(grave, episode=episode("critical")).state == "ongoing"


def test_it_recovers_when_the_voices_since_speak_for_the_usual_share():
    signal = judge(share_now=0.3, episode=episode())
    assert (signal.state, signal.reason) == ("recovered", "usual")
    assert signal.gap_index == pytest.approx(signal.expected_index)


def test_a_few_usual_voices_are_not_a_recovery():
    assert judge(share_now=0.3, episode=episode("critical", minutes=5)).state == "ongoing"
    assert judge(share_now=0.3, episode=episode("critical", minutes=0)).state == "ongoing"


@given(st.floats(0, 100), st.floats(0, 500), st.floats(0.1, 500), st.floats(0, 50), st.floats(0, 500))
def test_severity_rises_with_size_surprise_and_volume(evidence, hits, expected, more, more_hits):
    level = verdict.SEVERITIES.index(verdict.severity(rise(evidence, hits, expected)))
    graver = verdict.SEVERITIES.index(verdict.severity(rise(evidence + more, hits + more_hits, expected)))
    assert graver >= level


def test_a_rise_is_explained_when_little_is_left_without_the_others():
    now = rise(hits=60.0, expected=30.0, voices=100.0)
    assert verdict.is_explained(now, hits=12.0, voices=40.0, dispersion=1.0)
    assert verdict.is_explained(now, hits=0.0, voices=0.0, dispersion=1.0)
    assert not verdict.is_explained(now, hits=50.0, voices=80.0, dispersion=1.0)
    much = rise(hits=600.0, expected=300.0, voices=1000.0)
    assert verdict.is_explained(much, hits=70.0, voices=200.0, dispersion=1.0)
    assert not verdict.is_explained(much, hits=250.0, voices=333.0, dispersion=1.0)


def test_a_part_that_stands_by_itself_is_news():
    part = episode("critical")._replace(part_of="fulfillment{}")
    assert judge(episode=part).state == "escalated"


def test_places_inside_and_apart():
    app, phone, both = Place("app"), Place("phone"), Place("app", "净水器")
    assert both.inside(app)
    assert app.inside(Place())
    assert not app.inside(both)
    assert not app.inside(app)
    assert app.apart_from(phone)
    assert not app.apart_from(Place(region="华东"))


def test_companions_tell_what_rises_with_it_and_what_rose_before():
    others = {
        "communication": rise(evidence=9.0)._replace(since=NOW - timedelta(minutes=100)),
        "design": rise(evidence=20.0)._replace(since=NOW),
        "information": rise(evidence=2.0),
    }
    assert judge(others=others).companions == (
        Companion("design", 2.0, 20.0, -60),
        Companion("communication", 2.0, 9.0, 40),
    )


places = st.builds(Place, st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
series = st.builds(Series, st.sampled_from(MEASURES), places)


@given(series, series)
def test_different_series_have_different_keys(one, other):
    assert (one.key == other.key) == (one == other)


def test_the_key_of_a_series_can_be_read():
    key = Series("fulfillment", Place("app", 'a "b",region="c"')).key
    assert key == 'fulfillment{channel="app",product_id="a \\"b\\",region=\\"c\\""}'


@given(series, st.lists(st.text(), max_size=3), st.floats(0, 1e6))
def test_a_published_signal_comes_back(one, examples, number):
    signal = Signal(
        one,
        NOW,
        NOW,
        NOW,
        "opened",
        "warning",
        "worse",
        gap_index=number,
        companions=(Companion("design", 1.5, 4.0, -3),),
        examples=tuple(examples),
    )
    assert publication.decode(publication.encode(signal)) == signal


def test_a_published_signal_has_the_columns_of_the_view():
    record = json.loads(publication.encode(judge()))
    assert record["series"] == 'fulfillment{product_id="净水器"}'
    assert (record["scope"], record["product_id"], record["channel"]) == ("product", "净水器", "")
    assert record["minute"] == "2026-11-20T09:00:00Z"
