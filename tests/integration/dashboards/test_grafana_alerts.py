"""Every alert rule's query on a real ClickHouse: a shape that Grafana takes, and the verdicts it leads to."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from support.sample_history import NASTY, NOW, report, store, story, usual

from gapwatch.dashboards.alert_groups import alert_groups
from gapwatch.pipeline.signals import runner
from gapwatch.pipeline.signals.series import Place, Series
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.store import ClickHouse

GROUPS = alert_groups("zh", "", "Asia/Shanghai")
RULES = {rule["uid"]: rule for group in GROUPS for rule in group["rules"]}
ENGLISH = {rule["uid"]: rule for group in alert_groups("en", "", "Asia/Shanghai") for rule in group["rules"]}
SIGNALS, PIPELINE = ([rule["uid"] for rule in group["rules"]] for group in GROUPS)
PLACE = Place(channel="app", product_id=NASTY, region="华东")


def run(database, uid, rules=RULES):
    query, _ = rules[uid]["data"]
    rows, columns = ClickHouse(database).execute(query["model"]["rawSql"], with_column_types=True)
    return rows, dict(columns)


def firing(database, uid):
    rows, columns = run(database, uid)
    limit = RULES[uid]["data"][1]["model"]["conditions"][0]["evaluator"]["params"][0]
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return [row for row in named if row["value"] > limit]


def signal(measure, severity, state="opened", *, opened=NOW, minute=NOW, part_of="", examples=(), place=PLACE):
    return Signal(
        Series(measure, place), minute, opened, opened - timedelta(hours=2), state, severity, "worse", part_of,
        45.9, 19.9, 41, 30, 29, 18.2, 14.6, 14.1, (), tuple(examples),
    )  # fmt: skip


def write(database, *signals):
    for one in signals:
        SignalTable(ClickHouse(database)).write(one.minute, [one], 1)


@pytest.mark.parametrize("uid", RULES)
def test_one_number_the_rest_words_and_always_a_row(database, uid):
    for rules in (RULES, ENGLISH):
        rows, columns = run(database, uid, rules)
        assert len(rows) == 1
        assert columns.pop("value") == "Float64"
        assert set(columns.values()) == {"String"}
        said = " ".join(rules[uid]["annotations"].values())
        assert set(re.findall(r"\.Labels\.(\w+)", said)) <= columns.keys()


@pytest.mark.parametrize("uid", SIGNALS)
def test_an_empty_database_is_silent_about_gaps(database, uid):
    assert firing(database, uid) == []


@pytest.mark.parametrize("uid", SIGNALS)
def test_a_rule_fires_for_its_own_measure_and_severity_only(database, uid):
    _, measure, severity = uid.split("-")
    write(database, signal(measure, severity))
    assert [other for other in SIGNALS if firing(database, other)] == [uid]


def test_critical_fires_for_the_other_measures_too(database):
    write(database, signal("promises", "critical"))
    assert len(firing(database, "gapwatch-promises-warning")) == 1


@pytest.mark.parametrize(
    "over",
    [
        signal("fulfillment", "critical", "recovered", minute=NOW + timedelta(hours=1)),
        signal("fulfillment", "critical", "ongoing", minute=NOW + timedelta(hours=1), part_of="fulfillment{}"),
    ],
)
def test_what_recovered_or_is_explained_does_not_fire(database, over):
    write(database, signal("fulfillment", "critical"), over)
    assert firing(database, "gapwatch-fulfillment-critical") == []


def test_a_signal_is_told_with_its_numbers_its_place_and_its_voices(database):
    voices = story(5, share=1.0, hours=1, product=NASTY)
    store(database, voices)
    write(database, signal("fulfillment", "critical", examples=[voice[0] for voice in voices[:3]]))
    (told,) = firing(database, "gapwatch-fulfillment-critical")
    assert told["value"] == 45.9
    assert told["place"].startswith("产品“it's")
    assert told["place"].endswith("渠道“App” · 地区“华东”")
    assert "指数 45.9，往常 19.9" in told["at_opening"]
    assert told["quotes"].count("【一个星期还没到】") == 3
    assert told["link"].startswith("/d/gapwatch-fulfillment?from=")
    assert "&var-gap=fulfillment&var-channel=app&var-product=it%27s" in told["link"].replace("'", "%27")
    assert "<b>" not in told["link"]


def test_labels_stay_the_same_while_the_signal_goes_on(database):
    """Labels are an alert's identity: if one changed, people would be told again."""
    write(database, signal("fulfillment", "critical"))
    (before,) = firing(database, "gapwatch-fulfillment-critical")
    later = signal("fulfillment", "critical", "ongoing", minute=NOW + timedelta(minutes=5))
    write(database, later._replace(gap_index=60.0, voices=99, events=70, customers=66, expected_index=18.0))
    (after,) = firing(database, "gapwatch-fulfillment-critical")
    assert after.pop("value") == 60.0
    assert before.pop("value") == 45.9
    assert after == before


def test_no_two_signals_have_the_same_labels(database):
    long_name = "锅" * 400
    places = [Place(product_id=long_name + tail) for tail in ("甲", "乙")]
    write(database, *[signal("fulfillment", "critical", place=place) for place in places])
    found = firing(database, "gapwatch-fulfillment-critical")
    assert len({tuple(row.values()) for row in found}) == 2
    assert all(len(row["place"]) < 60 for row in found)


def test_the_story_fires_and_usual_business_does_not(database):
    store(database, usual())
    runner.evaluate(ClickHouse(database), NOW)
    assert not any(firing(database, uid) for uid in SIGNALS)
    store(database, story(90, share=0.95))
    runner.evaluate(ClickHouse(database), NOW + timedelta(minutes=1))
    fulfillment = [uid for uid in SIGNALS if "fulfillment" in uid]
    told = [row for uid in fulfillment for row in firing(database, uid)]
    assert any("净水器" in row["place"] for row in told)


def fired(database):
    return [uid for uid in PIPELINE if firing(database, uid)]


def test_nothing_at_all_is_told_by_its_causes_only(database):
    """Without workers there can be no events and no aggregates: that is explained, not told."""
    assert fired(database) == ["gapwatch-no-workers", "gapwatch-no-evaluation"]


def test_workers_without_events_are_silence(database):
    report(database)
    assert fired(database) == ["gapwatch-no-events", "gapwatch-no-evaluation"]


def test_a_pipeline_that_works_is_not_told_of(database):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    store(database, story(20, until=now))
    SignalTable(ClickHouse(database)).write(now, [], 5)
    for minutes in range(10):
        report(database, minutes, records=6_000, lag=300, dead_letters=6)
    assert fired(database) == []


def test_events_without_aggregates_are_told_unless_nobody_derives(database):
    now = datetime.now(UTC)
    store(database, story(20, until=now - timedelta(hours=5)))
    ClickHouse(database).execute(
        "INSERT INTO event_versions (event_id, event_time, version, stored_at) VALUES",
        [("late", now - timedelta(minutes=10), 1, now - timedelta(minutes=6))],
    )
    assert firing(database, "gapwatch-no-rollups") == []
    report(database)
    assert len(firing(database, "gapwatch-no-rollups")) == 1


def test_lag_that_stays_is_told_and_a_burst_is_not(database):
    for minutes in range(1, 6):
        report(database, minutes, records=1_000, lag=60_000 if minutes == 1 else 500)
    assert firing(database, "gapwatch-lag") == []
    for minutes in range(1, 6):
        report(database, minutes, topic="chat.events", records=0, lag=150)
    (told,) = firing(database, "gapwatch-lag")
    assert told["value"] == 15.0


@pytest.mark.parametrize(
    ("usually", "lately", "told"),
    [(0, 50, [5.0]), (5, 50, [5.0]), (20, 50, []), (0, 5, []), (0, 9, [])],
    ids=["new", "risen", "usual", "less than one in a hundred", "less than ten"],
)
def test_dead_letters_are_told_when_they_rise(database, usually, lately, told):
    for hours in (2, 30, 100):
        report(database, 60 * hours, records=1_000, dead_letters=usually)
    report(database, 3, records=1_000 if lately != 9 else 90, dead_letters=lately)
    assert [row["value"] for row in firing(database, "gapwatch-dead-letters")] == told


def test_workers_that_wait_for_a_server_are_told_and_not_that_no_events_arrive(database):
    for minutes, seconds in ((3, 500), (0, 300)):
        ClickHouse(database).execute(
            "INSERT INTO worker_reports (at, worker, seconds, waiting_seconds) VALUES",
            [(datetime.now(UTC) - timedelta(minutes=minutes), "w", 10, seconds)],
        )
    assert [row["value"] for row in firing(database, "gapwatch-waiting")] == [300.0]
    assert firing(database, "gapwatch-no-events") == []


@pytest.mark.parametrize(("hours", "told"), [(1, [50.0]), (30, [])])
def test_records_that_left_unread_are_told_for_a_day(database, hours, told):
    noticed = datetime.now(UTC) - timedelta(hours=hours)
    for _ in range(2):
        ClickHouse(database).execute(
            "INSERT INTO lost_records (consumer_group, topic, partition, first_offset, next_offset, noticed_at) VALUES",
            [("g", "feedback.events", 0, 100, 150, noticed)],
        )
    assert [row["value"] for row in firing(database, "gapwatch-lost-records")] == told


RULE = "gapwatch-fulfillment-critical"


def test_what_opens_while_workers_are_behind_waits_until_they_have_caught_up(database):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    write(database, signal("fulfillment", "critical", opened=now - timedelta(minutes=3)))
    assert len(firing(database, RULE)) == 1, "without reports nothing is held back"
    report(database, 6, lag=0)
    for minutes in range(5):
        report(database, minutes, lag=100_000)
    assert firing(database, RULE) == []
    ClickHouse(database).execute("TRUNCATE TABLE worker_reports")
    report(database, 1, lag=0)
    assert len(firing(database, RULE)) == 1


def test_what_was_told_before_workers_fell_behind_goes_on(database):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    write(database, signal("fulfillment", "critical", opened=now - timedelta(hours=2)))
    report(database, 60, lag=0)
    for minutes in range(50):
        report(database, minutes, lag=100_000)
    assert len(firing(database, RULE)) == 1
