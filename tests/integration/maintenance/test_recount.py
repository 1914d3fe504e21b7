"""The recount on real servers: what it finds exact, and each thing it must not overlook."""
# ruff: noqa: S608 - the queries are written here

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from support.sample_events import TODAY, Voice, at, chat, columns, complaint, feedback
from support.sample_pipeline import World, bad_record

from gapwatch.commands.init import init
from gapwatch.commands.recount import recount as command
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import StoreUnavailable
from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.maintenance.health import examine
from gapwatch.pipeline.maintenance.recount import Discrepancies, aggregates, recount, topics
from gapwatch.pipeline.store import ClickHouse, EventStore, LostRecords

pytestmark = pytest.mark.usefixtures("event_topics")


def _history(world: World) -> list[Voice]:
    """Feedback, complaints and chats, with duplicates, corrections of minute and product, one id in two types."""
    voices = world.publish(
        *[feedback(f"f{n}", 7 * n, n, "fulfillment", "design", customer=f"c{n % 5}") for n in range(40)],
        *[complaint(f"k{n}", 60 * n, n, promised=at(0), delivered=at(30 * n)) for n in range(10)],
        *[chat(f"h{n}", 11 * n, n, wait=n * 3.5 if n % 3 else None) for n in range(12)],
        feedback("f1", 7, 100, "fulfillment", "design", customer="c1"),
        feedback("f2", 900, 101, "information", product="P2", customer="c2"),
        feedback("f3", 21, 102, product="P3", customer="c3"),
        complaint("f4", 28, 103, promised=None, delivered=None),
        chat("h5", 2000, 104, wait=9),
    )
    world.process(*voices)
    return voices


def test_a_history_is_exact(world: World) -> None:
    _history(world)
    world.give_up(world.send(bad_record()))
    world.catch_up()
    result = recount(world.database)
    assert result.exact, result
    by_topic = {
        topic.topic: (topic.published, topic.stored, topic.duplicates, topic.corrections, topic.dead_lettered)
        for topic in result.topics
    }
    assert by_topic == {
        "feedback.events": (44, 40, 1, 2, 1),
        "complaint.events": (11, 11, 0, 0, 0),
        "chat.events": (13, 12, 0, 1, 0),
    }


def test_events_whose_ids_are_hashed_are_found_again(world: World) -> None:
    """A recount reads raw records, and the table holds hashes."""
    voices = [feedback(f"1381234567{n % 4}", 3 * n, n, "fulfillment", customer=f"1391234567{n % 3}") for n in range(24)]
    world.process(*world.publish(*voices))
    world.catch_up()
    result = recount(world.database)
    assert result.exact, result
    assert not world.query("SELECT count() FROM event_versions WHERE match(event_id || customer_id, '[0-9]{5}')")[0][0]


def test_in_small_slices_the_result_is_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_IDS_AT_ONCE", 10)
    monkeypatch.setattr(topics, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(aggregates, "_IDS_AT_ONCE", 10)
    monkeypatch.setattr(aggregates, "_EVENTS_AT_ONCE", 5)
    _history(world)
    world.catch_up()
    assert recount(world.database).exact


def test_scores_that_cancel_out_are_exact(world: World) -> None:
    """0.1 + 0.2 - 0.3 is not 0, and -0.0 is not 0.0, unless they are added up as whole thousandths."""
    scores = (0.1, 0.2, -0.3, -0.1, -0.2, 0.3)
    world.process(*world.publish(*[feedback(f"e{n}", 90 * n, n, score=score) for n, score in enumerate(scores)]))
    world.catch_up()
    assert recount(world.database).exact


def test_the_marker_of_a_transaction_is_no_record(world: World, kafka: str) -> None:
    voices = world.publish(feedback("before", 1, 0))
    producer = KafkaProducer(bootstrap_servers=kafka, transactional_id="a publisher of theirs")
    producer.init_transactions()
    producer.begin_transaction()
    sent = feedback("within", 2, 1)
    future = producer.send(sent.record.topic, sent.record.value, partition=sent.record.partition)
    producer.commit_transaction()
    producer.close()
    placed = future.get(timeout=30)
    voices.append(sent._replace(record=sent.record._replace(offset=placed.offset, timestamp=placed.timestamp)))
    world.process(*voices)
    world.catch_up()
    result = recount(world.database)
    assert result.exact, result
    assert result.topics[0].published == 2


def test_empty_topics_and_tables_are_exact(world: World) -> None:
    world.catch_up()
    assert recount(world.database).exact


def test_a_lost_event_is_named_by_its_record(world: World) -> None:
    first, second = world.publish(feedback("a", 1, 1), feedback("b", 1, 2))
    world.process(first)
    world.catch_up()
    result = recount(world.database)
    assert result.lost == Discrepancies(1, (f"feedback.events[0]@{second.record.offset}",))
    assert [topic.missing for topic in result.topics] == [1, 0, 0]
    assert not result.exact


def test_a_lost_event_is_named_beside_a_dead_letter_of_the_very_first_record(world: World) -> None:
    (voice,) = world.publish(feedback("a", 1, 1))
    world.give_up(voice.record._replace(offset=0))
    (lost,) = world.publish(feedback("b", 1, 2))
    world.catch_up()
    assert f"feedback.events[0]@{lost.record.offset}" in recount(world.database).lost.examples


def test_a_lost_correction_is_named(world: World) -> None:
    first, second = world.publish(feedback("a", 1, 1), feedback("a", 2, 2))
    world.process(first)
    world.catch_up()
    assert recount(world.database).stale == Discrepancies(1, (f"feedback.events[0]@{second.record.offset}",))


def test_an_event_that_stands_twice_is_named(world: World) -> None:
    voices = world.publish(feedback("a", 1, 1), feedback("a", 2, 2))
    world.process(*voices)
    world.query("ALTER TABLE event_versions DELETE WHERE is_deleted = 1 SETTINGS mutations_sync = 1")
    world.catch_up()
    result = recount(world.database)
    assert result.doubled.count == 1
    assert result.differs


def test_an_event_that_nobody_published_is_named(world: World) -> None:
    (voice,) = world.publish(feedback("a", 1, 1))
    ghost = feedback("ghost", 1, voice.record.offset + 1000)
    world.process(voice, ghost)
    world.catch_up()
    assert recount(world.database).unknown == Discrepancies(1, (f"feedback.events[0]@{ghost.record.offset}",))


def test_an_event_whose_record_kafka_no_longer_keeps_is_no_difference(world: World) -> None:
    (voice,) = world.publish(feedback("a", 1, 1))
    if voice.record.offset == 0:
        pytest.skip("nothing was removed from the topic yet")
    world.process(voice, feedback("old", 1, voice.record.offset - 1))
    world.catch_up()
    assert recount(world.database).exact


def test_abad_record_without_a_dead_letter_is_named(world: World) -> None:
    record = world.send(bad_record())
    world.catch_up()
    result = recount(world.database)
    assert result.unaccounted == Discrepancies(1, (f"feedback.events[0]@{record.offset}",))


def test_a_dead_letter_sent_twice_counts_once(world: World) -> None:
    record = world.send(bad_record())
    world.give_up(record)
    world.give_up(record)
    world.catch_up()
    result = recount(world.database)
    assert result.exact
    assert result.topics[0].dead_lettered == 1


def test_a_readable_record_that_was_given_up_is_accounted_for(world: World) -> None:
    """As when the reader fails on it."""
    (voice,) = world.publish(feedback("a", 1, 1))
    world.give_up(voice.record)
    world.catch_up()
    assert recount(world.database).exact


def test_events_beyond_the_retention_are_not_missed(world: World) -> None:
    world.publish(feedback("old", -500 * 24 * 60, 1))
    world.catch_up()
    result = recount(world.database)
    assert result.exact
    assert result.topics[0].expired == 1


@pytest.mark.parametrize(
    "view",
    [
        *("gap_minute", "gap_hour", "gap_day", "place_hour", "place_day"),
        *("chat_minute", "chat_hour", "chat_day", "chat_product_day", "chat_region_day", "chat_channel_day"),
    ],
)
def test_a_wrong_aggregate_is_named_and_repaired(world: World, view: str) -> None:
    _history(world)
    world.catch_up()
    counted = {"gap": "events", "place": "fulfillment", "chat": "conversations"}[view.split("_", maxsplit=1)[0]]
    key = view.rsplit("_", maxsplit=1)[1]
    table = f"{view}_generations"
    world.query(
        f"INSERT INTO {table} SELECT * REPLACE (generation + 1 AS generation, "
        f"arrayMap(n -> n + 1, `groups.{counted}`) AS `groups.{counted}`) FROM {table} FINAL ORDER BY {key} LIMIT 1"
    )
    ((period,),) = world.query(f"SELECT toString(min({key})) FROM {view}")
    result = recount(world.database)
    assert result.aggregates[view] == Discrepancies(1, (period,))
    repaired = recount(world.database, repair=True)
    assert repaired.exact, repaired


@pytest.mark.parametrize(
    ("view", "column", "wrong"),
    [
        ("place_hour", "fulfillment_dimensions", "(one.reliability + 1, 0, 0, 0, 0, 0)"),
        ("place_day", "design_stages", "(0, one.in_sale, 1)"),
        ("chat_minute", "mood_lowest", "one - 0.25"),
        ("chat_product_day", "mood_lowest", "one - 0.25"),
        ("chat_region_day", "mood_lowest", "one - 0.25"),
        ("chat_channel_day", "mood_lowest", "one - 0.25"),
    ],
)
def test_what_stands_for_single_events_is_counted_too(world: World, view: str, column: str, wrong: str) -> None:
    _history(world)
    world.catch_up()
    key = view.rsplit("_", maxsplit=1)[1]
    world.query(
        f"INSERT INTO {view}_generations SELECT * REPLACE (generation + 1 AS generation, CAST(arrayMap(one -> {wrong}, "
        f"`groups.{column}`), toTypeName(`groups.{column}`)) AS `groups.{column}`) "
        f"FROM {view}_generations FINAL ORDER BY {key} LIMIT 1"
    )
    assert recount(world.database).aggregates[view].count == 1
    assert recount(world.database, repair=True).exact


def test_a_group_too_many_is_found(world: World) -> None:
    _history(world)
    world.query(
        "INSERT INTO gap_minute_generations SELECT * REPLACE (minute + INTERVAL 3 MINUTE AS minute) "
        "FROM gap_minute_generations FINAL ORDER BY minute LIMIT 1"
    )
    world.catch_up()
    assert recount(world.database).aggregates["gap_minute"].count == 1


def test_an_aggregate_never_derived_is_found(world: World) -> None:
    (voice,) = world.publish(feedback("a", 1, 1))
    EventStore(world.database).insert(columns([voice]), "t")
    world.catch_up()
    result = recount(world.database)
    assert [result.aggregates[view].count for view in ("gap_minute", "gap_hour", "gap_day")] == [1, 1, 0]
    assert recount(world.database, repair=True).exact


def test_only_the_range_asked_for_is_counted(world: World) -> None:
    voices = world.publish(feedback("a", -5 * 24 * 60, 1), feedback("b", 0, 2))
    world.process(*voices)
    world.query(
        "INSERT INTO gap_minute_generations SELECT * REPLACE (generation + 1 AS generation, "
        "arrayMap(n -> n + 1, `groups.events`) AS `groups.events`) FROM gap_minute_generations FINAL ORDER BY minute LIMIT 1"
    )
    world.catch_up()
    then = TODAY - timedelta(days=5)
    assert recount(world.database, then, then + timedelta(hours=1)).aggregates["gap_minute"].count == 1
    assert recount(world.database, TODAY - timedelta(days=1)).exact


def test_lag_makes_it_not_final(world: World) -> None:
    world.catch_up()
    voices = world.publish(feedback("a", 1, 1))
    result = recount(world.database)
    assert not result.final
    assert not result.exact
    assert result.lag["feedback.events"] == 1
    world.process(*voices)
    world.catch_up()
    assert recount(world.database).exact


@pytest.fixture
def gapwatch() -> Callable[..., Any]:
    return lambda command, *arguments: CliRunner().invoke(command, arguments, env={"COLUMNS": "200"})


def test_the_command_prints_the_sums(world: World, gapwatch: Callable[..., Any]) -> None:
    _history(world)
    world.catch_up()
    shown = gapwatch(command)
    assert shown.exit_code == 0, shown.output
    assert "published = stored + duplicates + corrections + dead-lettered" in shown.output
    assert "exact" in shown.output


def test_the_command_fails_on_a_difference_and_names_it(world: World, gapwatch: Callable[..., Any]) -> None:
    (voice,) = world.publish(feedback("a", 1, 1))
    world.catch_up()
    shown = gapwatch(command)
    assert shown.exit_code == 1
    assert f"1 events published and not stored: feedback.events[0]@{voice.record.offset}" in shown.output


def test_a_clickhouse_that_does_not_answer_is_told(world: World) -> None:
    with pytest.raises(StoreUnavailable, match=r"ClickHouse at 127\.0\.0\.1:1: the server cannot be reached"):
        recount("clickhouse://u:p@127.0.0.1:1/gapwatch")


def test_the_command_in_json(world: World, gapwatch: Callable[..., Any]) -> None:
    world.publish(feedback("a", 1, 1))
    shown = gapwatch(command, "--json", "--from", "2026-01-01", "--to", "2026-01-02T00:00:00+08:00")
    result = json.loads(shown.stdout)
    assert (result["exact"], result["final"], result["lost"]["count"]) == (False, False, 1)


def test_init_makes_topics_and_tables_and_can_be_repeated(
    kafka: str, empty_database: str, gapwatch: Callable[..., Any]
) -> None:
    assert "0001_events.sql" in gapwatch(init).output
    assert gapwatch(init).output == "topics created: none\nmigrations applied: none\n"


def test_what_left_a_topic_unread_is_counted_until_and_after_a_worker_notices(
    world: World, group: str, admin: KafkaAdminClient
) -> None:
    world.process(*world.publish(*[feedback(f"f{n}", n, n) for n in range(10)]))
    world.catch_up()
    assert recount(world.database).exact
    last = world.send(bad_record())
    missed = [world.send(bad_record()) for _ in range(4)][-1]
    admin.delete_records({TopicPartition("feedback.events", 0): missed.offset + 1})
    result = recount(world.database)
    assert result.left == {"feedback.events": 5}
    assert not result.exact
    notes = LostRecords(ClickHouse(world.database), group)
    for _ in range(2):
        notes.note(Lost("feedback.events", 0, last.offset, missed.offset + 1))
    world.catch_up()
    result = recount(world.database)
    assert (result.left, result.final, result.exact) == ({"feedback.events": 5}, True, False)
    shown = CliRunner().invoke(command)
    assert "5 records of feedback.events left the topic before a worker read them" in shown.output
    assert shown.exit_code == 1
    assert examine(endpoints()).lost == {"feedback.events": 5}
