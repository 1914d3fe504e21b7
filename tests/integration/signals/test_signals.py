"""The detector on a real ClickHouse."""

import threading
from datetime import timedelta

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer
from support.sample_history import NASTY, NOW, store, story, usual

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.kafka.topics import SIGNALS_TOPIC
from gapwatch.pipeline.signals import publication, runner
from gapwatch.pipeline.signals.detector import Detector
from gapwatch.pipeline.signals.series import Place
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.store import ClickHouse

PLACE = Place(channel="app", product_id="净水器")


def rows(database, query, parameters=None):
    return ClickHouse(database).execute(query, parameters)


def evaluated(database, first, last=NOW, every=10):
    detector = Detector(ClickHouse(database))
    found = []
    for minute in runner.minutes(first, last, timedelta(minutes=every)):
        found += detector.evaluate(minute)
    return found


def test_an_empty_database_says_nothing(database):
    assert runner.evaluate(ClickHouse(database), NOW) == []
    assert rows(database, "SELECT minute, series FROM signal_evaluations") == [(NOW, 0)]


def test_one_event_says_nothing(database):
    store(database, story(1))
    assert runner.evaluate(ClickHouse(database), NOW) == []


def test_the_story_is_found_and_little_else(database):
    store(database, [*usual(), *story()])
    found = evaluated(database, NOW - timedelta(hours=6))
    opened = [signal for signal in found if signal.state == "opened"]
    assert ("fulfillment", PLACE) in [tuple(signal.series) for signal in opened]
    assert all(signal.series.place.product_id in {"", "净水器"} for signal in opened)
    assert all(signal.series.place.channel in {"", "app"} for signal in opened)
    story_signal = next(signal for signal in opened if signal.series.place == PLACE)
    assert story_signal.since >= NOW - timedelta(hours=6)
    assert story_signal.gap_index > 1.5 * story_signal.expected_index
    assert 5 <= story_signal.customers <= story_signal.events <= story_signal.voices
    assert len(story_signal.examples) == 3


def test_one_incident_is_one_signal_that_stands_by_itself(database):
    store(database, [*usual(), *story(120)])
    found = {signal.series: signal.part_of for signal in evaluated(database, NOW - timedelta(hours=1))}
    assert len(found) > 2
    assert [series.place for series, part_of in found.items() if not part_of] == [PLACE]


def test_two_incidents_do_not_explain_each_other(database):
    store(database, [*usual(), *story(120), *story(120, product="空调", channel="phone", seed=9)])
    found = evaluated(database, NOW - timedelta(minutes=30))
    unexplained = {signal.series.place for signal in found if not signal.part_of}
    assert {PLACE, Place(channel="phone", product_id="空调")} <= unexplained


def test_the_view_tells_each_episode_once(database):
    store(database, [*usual(), *story()])
    evaluated(database, NOW - timedelta(hours=3))
    ((state, severity, product, updated, recovered, over),) = rows(
        database,
        "SELECT state, severity, product_id, updated, recovered, peak_index >= gap_index FROM signals "
        "WHERE channel = 'app' AND scope = 'product_channel'",
    )
    assert (state, product, updated, recovered, over) == ("ongoing", "净水器", NOW, None, 1)
    assert severity in {"notice", "warning", "critical"}
    changes = rows(database, "SELECT state, count() FROM signal_changes WHERE scope = 'product_channel' GROUP BY state")
    assert dict(changes)["opened"] == 1


def test_names_of_products_are_values_never_words_of_a_query(database):
    store(database, [*usual(), *story(product=NASTY)])
    found = runner.evaluate(ClickHouse(database), NOW)
    assert Place(channel="app", product_id=NASTY) in [signal.series.place for signal in found]
    assert rows(database, "SELECT DISTINCT product_id FROM signals WHERE scope = 'product_channel'") == [(NASTY,)]
    assert rows(database, "EXISTS TABLE event_versions") == [(1,)]


def test_one_customer_alone_opens_nothing(database):
    store(database, [*usual(), *story(customer="angry")])
    assert all(signal.series.place != PLACE for signal in runner.evaluate(ClickHouse(database), NOW))


def test_a_minute_evaluated_again_says_the_same_although_events_came_late(database):
    store(database, [*usual(), *story()])
    first = runner.evaluate(ClickHouse(database), NOW)
    store(database, [*story(300, share=0.0, seed=5), *story(200, seed=6, product="空调")])
    assert runner.evaluate(ClickHouse(database), NOW) == first
    assert runner.evaluate(ClickHouse(database), NOW + timedelta(minutes=1)) != first


def test_workers_at_the_same_time_do_not_double(database):
    store(database, [*usual(), *story()])
    threads = [
        threading.Thread(target=runner.evaluate, args=(ClickHouse(database), NOW + timedelta(minutes=number // 3)))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    evaluated(database, NOW + timedelta(minutes=2), NOW + timedelta(minutes=3), every=1)
    open_now = rows(database, "SELECT series, count() FROM signals WHERE state != 'recovered' GROUP BY series")
    assert open_now
    assert {count for _, count in open_now} == {1}


def test_a_restart_goes_on_where_the_table_stands(database):
    store(database, [*usual(), *story()])
    before = {signal.series: signal for signal in runner.evaluate(ClickHouse(database), NOW)}
    after = {signal.series: signal for signal in runner.evaluate(ClickHouse(database), NOW + timedelta(minutes=1))}
    assert after[next(iter(before))].state in {"ongoing", "escalated"}
    assert all(after[series].opened == signal.opened for series, signal in before.items())


def test_it_recovers_when_voices_are_usual_again(database):
    later = NOW + timedelta(hours=30)
    store(database, [*usual(), *story(), *usual(seed=3, days=30 / 24, hourly=200, until=later)])
    evaluated(database, NOW, NOW)
    found = evaluated(database, NOW + timedelta(hours=1), later, every=60)
    ended = [signal for signal in found if signal.state == "recovered" and signal.series.place == PLACE]
    assert [signal.reason for signal in ended] == ["usual"]
    series = 'fulfillment{channel="app",product_id="净水器"}'
    query = "SELECT state FROM signals WHERE series = %(series)s"
    assert rows(database, query, {"series": series}) == [("recovered",)]


def test_days_of_silence_end_a_signal_without_calling_it_recovered(database):
    store(database, [*usual(), *story()])
    evaluated(database, NOW, NOW)
    found = evaluated(database, NOW + timedelta(hours=50), NOW + timedelta(hours=50))
    assert found
    assert {(signal.state, signal.reason) for signal in found} == {("recovered", "silent")}


def test_voices_from_the_future_are_not_heard_yet(database):
    store(database, [*usual(), *story(until=NOW + timedelta(hours=9))])
    assert runner.evaluate(ClickHouse(database), NOW) == []


@pytest.mark.parametrize("days", [1, 3])
def test_a_short_history_is_no_measure(database, days):
    store(database, [*usual(days=days), *story()])
    assert runner.evaluate(ClickHouse(database), NOW) == []


def test_the_command_judges_past_minutes_and_publishes(database, event_topics, kafka):
    store(database, [*usual(), *story()])
    command = [
        "signals",
        "run",
        "--from",
        f"{NOW - timedelta(minutes=20):%Y-%m-%dT%H:%M}",
        "--to",
        f"{NOW:%Y-%m-%dT%H:%M}",
    ]
    for _ in range(2):
        result = CliRunner().invoke(gapwatch, [*command, "--every", "10"])
        assert result.exit_code == 0, result.exception
        assert 'fulfillment{channel="app",product_id="净水器"}' in result.output
    consumer = KafkaConsumer(
        SIGNALS_TOPIC, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    published = [publication.decode(record.value).series.key for record in consumer]
    consumer.close()
    (in_table,) = rows(database, "SELECT groupArray(series) FROM signal_changes")[0]
    assert sorted(published) == sorted(in_table)
    assert 'fulfillment{channel="app",product_id="净水器"}' in published


def test_the_command_refuses_an_end_without_a_beginning(database):
    assert CliRunner().invoke(gapwatch, ["signals", "run", "--to", "2026-01-01T00:00"]).exit_code == 2


def test_changes_are_published_until_kafka_has_them(database):
    store(database, [*usual(), *story()])
    found = runner.evaluate(ClickHouse(database), NOW)
    table = SignalTable(ClickHouse(database))
    kafka = []

    class Outbox:
        def deliver(self, messages):
            kafka.extend(messages)

    first = publication.publish(table, Outbox())
    assert publication.publish(table, Outbox()) == []
    assert [publication.decode(message.value) for message in kafka] == first
    assert {signal.series for signal in first} == {signal.series for signal in found}
