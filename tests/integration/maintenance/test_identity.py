"""Which records are one event, from the publisher to the recount, on a real Kafka and a real ClickHouse."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from support.small_worker import SmallWorker

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.events.dead_letter import DeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.events.retention import oldest_kept
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.maintenance.recount import RecountResult, recount
from gapwatch.pipeline.maintenance.replay import Selection, read_letters, replay
from gapwatch.pipeline.maintenance.reprocess import Outcome, Reprocessing
from gapwatch.pipeline.publishing.publisher import Publisher
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse, migrate
from gapwatch.schemas.events import EventType

NOW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=3)
Event = tuple[EventType, dict[str, Any]]


def event(event_id: str, customer: str = "c1", kind: EventType = "feedback", **changes: Any) -> Event:
    made = {"event_id": event_id, "customer_id": customer, "channel": "weibo", "event_time": NOW.isoformat()} | changes
    if kind == "chat":
        made = {"conversation_id": "k", "turns": [{"role": "customer", "text": "还没到"}]} | made
    else:
        made = {"text": "还没到"} | made
    return kind, made


class Scene:
    """Publishes, lets a worker work, and looks at what stands."""

    def __init__(self, database: str, group: str) -> None:
        self.database = database
        self.worker = SmallWorker(database, group)
        self.query = ClickHouse(database).execute

    def publish(self, *events: Event) -> None:
        with Publisher() as publisher:
            for kind, fields in events:
                publisher.publish(fields, kind)

    def stored(self, *columns: str) -> list[Any]:
        found: list[Any] = self.query(f"SELECT {', '.join(columns)} FROM events ORDER BY ALL")  # noqa: S608
        return found if len(columns) > 1 else [value for (value,) in found]

    def recounted(self, **counts: Sequence[int]) -> RecountResult:
        """The recount, which is exact; by topic stored, duplicates, corrections and dead-lettered are as given."""
        result = recount(self.database, list_corrections=True)
        assert result.exact, result
        assert {
            topic.topic.partition(".")[0]: [topic.stored, topic.duplicates, topic.corrections, topic.dead_lettered]
            for topic in result.topics
            if topic.published
        } == counts
        ((voices, listed),) = self.query("SELECT sum(primary_events), (SELECT count() FROM events) FROM gap_day")
        assert voices == listed
        return result


@pytest.fixture
def scene(event_topics: None, kafka: str, database: str, group: str) -> Scene:
    settings.cache_clear()  # the topics were made before the group was named
    return Scene(database, group)


@pytest.mark.parametrize("flush", [2, 100])
def test_an_id_that_a_spreadsheet_has_shortened_names_as_many_events_as_customers(scene: Scene, flush: int) -> None:
    scene.publish(*(event("4.75E+15", f"c{n}", text=f"快递{n}天没到") for n in range(5)))
    scene.worker.work(flush)
    scene.publish(*(event("4.75E+15", f"c{n}", text=f"快递{n}天没到") for n in range(3, 8)))
    scene.worker.work(flush)
    assert scene.stored("customer_id") == [f"c{n}" for n in range(8)]
    scene.recounted(feedback=[8, 2, 0, 0])


def test_one_id_in_two_types_and_channels_names_several_events(scene: Scene) -> None:
    kinds: list[EventType] = ["complaint", "feedback", "chat"]
    for kind in kinds:
        scene.publish(
            *(event(number, kind=kind, channel=where) for number in ("1001", "1002") for where in ("app", "qq"))
        )
        scene.worker.work()
    assert scene.stored("event_type", "channel", "event_id") == [
        (kind, where, number) for kind in sorted(kinds) for where in ("app", "qq") for number in ("1001", "1002")
    ]
    scene.recounted(feedback=[4, 0, 0, 0], complaint=[4, 0, 0, 0], chat=[4, 0, 0, 0])


def test_the_later_published_stands_whatever_a_correction_changes(scene: Scene) -> None:
    """Two hundred events and their corrections, all at once, over the partitions of the topic."""
    changed: list[dict[str, Any]] = [
        {"order_id": "o-1"},
        {"product_id": "kettle-2", "region": "华东"},
        {"rating": 1},
        {"text": "已经到了"},
        {"event_time": (NOW + timedelta(hours=2)).isoformat()},
        {"event_time": (NOW - timedelta(days=2)).isoformat(), "order_id": "o-2"},
    ]
    first = [event(f"e{n}", f"c{n}", order_id=f"o{n % 7}") for n in range(200)]
    second = [(kind, fields | changed[n % len(changed)]) for n, (kind, fields) in enumerate(first)]
    scene.publish(*(one for pair in zip(first, second, strict=True) for one in pair))
    scene.worker.work(37)
    stands = {row[0]: row[1:] for row in scene.stored("event_id", "order_id", "product_id", "text", "event_time")}
    assert stands == {
        fields["event_id"]: (
            fields["order_id"],
            fields.get("product_id", ""),
            fields["text"],
            datetime.fromisoformat(fields["event_time"]),
        )
        for _, fields in second
    }
    assert len(set(scene.stored("source_partition"))) > 1
    scene.recounted(feedback=[200, 0, 200, 0])


def test_another_customer_is_another_event(scene: Scene) -> None:
    scene.publish(*(event(f"e{n}", who) for n in range(50) for who in ("c-7", "c-8")))
    scene.worker.work(33)
    assert Counter(scene.stored("customer_id")) == {"c-7": 50, "c-8": 50}
    scene.recounted(feedback=[100, 0, 0, 0])


def test_a_telephone_as_customer_is_one_customer_in_any_spelling(
    scene: Scene,
) -> None:
    scene.publish(*(event("e", number) for number in ("13800138000", "138 0013 8000", "13900139000")))
    scene.worker.work()
    assert len(set(scene.stored("customer_id"))) == 2
    assert not any("138" in customer for customer in scene.stored("customer_id"))
    scene.recounted(feedback=[2, 1, 0, 0])


def test_a_correction_leaves_nothing_where_the_event_was(scene: Scene) -> None:
    day = timedelta(days=1)
    scene.publish(event("a", product_id="kettle", rating=5, region="华东"), event("b", "c2", product_id="kettle"))
    scene.worker.work()
    moves: list[dict[str, Any]] = [
        {"event_time": (NOW + timedelta(minutes=1)).isoformat(), "product_id": "kettle"},
        {"event_time": (NOW - 5 * day).isoformat(), "product_id": "kettle"},
        {"event_time": (NOW - 8 * day).isoformat(), "product_id": "pan", "region": "华北", "rating": 1},
    ]
    for move in moves:
        scene.publish(event("a", **move))
        scene.worker.work()
        assert scene.query("SELECT sum(primary_events) FROM gap_minute WHERE minute = %(at)s", {"at": NOW}) == [(1,)]
        assert scene.query("SELECT sum(primary_events) FROM gap_hour WHERE hour = %(at)s", {"at": NOW})[0][0] in {1, 2}
    assert scene.query("SELECT product_id, sum(primary_events) FROM gap_day GROUP BY 1 ORDER BY 1") == [
        ("kettle", 1),
        ("pan", 1),
    ]
    scene.recounted(feedback=[2, 0, 3, 0])


@pytest.mark.parametrize("flush", [2, 100])
def test_what_is_published_again_after_its_correction_stands_again(scene: Scene, flush: int) -> None:
    first, second, third = (event("e", text=text) for text in ("没到", "到了", "退了"))
    scene.publish(first, first, second, first, event("f", "c2"), second, third, third)
    scene.worker.work(flush)
    assert scene.stored("event_id", "text") == [("e", "退了"), ("f", "还没到")]
    scene.recounted(feedback=[2, 2, 4, 0])


def test_what_is_stored_alike_is_a_duplicate(scene: Scene) -> None:
    told = event("e", order_id=None, attributes={"a": "1", "b": "2"})
    same = NOW.astimezone(datetime.now().astimezone().tzinfo).isoformat()
    scene.publish(told, event("e", order_id="", attributes={"b": "2", "a": "1"}, event_time=same))
    scene.worker.work()
    scene.recounted(feedback=[1, 1, 0, 0])


def test_corrections_are_listed_with_what_differs(scene: Scene) -> None:
    scene.publish(event("e", order_id="o1"), event("e", "c2"), event("e", order_id="o2", rating=1, text="慢"))
    scene.worker.work()
    (correction,) = scene.recounted(feedback=[2, 0, 1, 0]).corrections
    assert (correction.event_type, correction.channel, correction.customer_id, correction.event_id) == (
        *("feedback", "weibo", "c1", "e"),
    )
    assert set(correction.fields) == {"order_id", "rating", "text"}
    before, after = (int(name.rpartition("@")[2]) for name in (correction.before, correction.after))
    assert after == before + 2
    shown = CliRunner().invoke(gapwatch, ["recount", "--corrections"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "order_id, text, rating" in shown.output
    listed = json.loads(CliRunner().invoke(gapwatch, ["recount", "--corrections", "--json"]).stdout)["corrections"]
    assert [one["after"] for one in listed] == [correction.after]


def test_what_is_older_than_the_store_keeps_is_a_dead_letter_and_comes_back_when_more_is_kept(
    scene: Scene, settings_env: pytest.MonkeyPatch
) -> None:
    oldest = oldest_kept()
    times = {"ancient": "2020-02-03T04:05:06+08:00", "just": (oldest - timedelta(seconds=1)).isoformat()}
    scene.publish(*(event(name, event_time=time) for name, time in times.items()))
    scene.publish(event("kept", event_time=oldest.isoformat()), event("kept", event_time=times["ancient"]))
    scene.worker.work()
    assert scene.stored("event_id") == ["kept"]
    assert {letter.reason for letter in read_letters(Selection())} == {Reason.OLDER_THAN_RETENTION}
    assert scene.recounted(feedback=[1, 0, 0, 3]).too_old.count == 3
    shown = CliRunner().invoke(gapwatch, ["recount"], env={"COLUMNS": "200"})
    assert "3 dead letters of events older than the 400 days kept: feedback.events[" in shown.output
    settings_env.setenv("GAPWATCH_RETENTION_DAYS", "3650")
    settings.cache_clear()
    migrate(scene.database)
    replay(read_letters(Selection()))
    scene.worker.work()
    assert scene.stored("event_id") == ["ancient", "just", "kept"]
    assert not any(topic.missing for topic in recount(scene.database, NOW).topics)


def test_a_replay_yields_to_what_was_published_after_it(scene: Scene, kafka: str) -> None:
    """The first version could not be read; before it is replayed, a second was stored, and another customer's event."""
    given_up = _given_up(kafka, event("e", text="没到"))
    scene.publish(event("e", text="到了"), event("e", "c2", text="慢"))
    scene.worker.work()
    assert replay(read_letters(Selection())) == {"replayed": 1}
    scene.worker.work()
    assert scene.stored("customer_id", "text") == [("c1", "到了"), ("c2", "慢")]
    assert given_up.offset not in scene.stored("source_offset")
    assert not any(topic.missing for topic in recount(scene.database, NOW).topics)


def test_a_new_reading_changes_no_identity(scene: Scene) -> None:
    scene.publish(*(event("e", f"c{n}", channel=where) for n in range(3) for where in ("app", "qq")), event("e", "c1"))
    scene.worker.work()
    before = scene.stored("event_type", "channel", "customer_id", "event_id", "version")
    reprocessing = Reprocessing(scene.database, Reader(), None, None, every=True)
    outcome = Outcome()
    for day in reprocessing.days:
        reprocessing.run(day, lambda _: None, outcome)
    reprocessing.close()
    assert outcome.read == 7
    assert scene.stored("event_type", "channel", "customer_id", "event_id", "version") == before
    scene.recounted(feedback=[7, 0, 0, 0])


def test_versions_in_any_order_over_many_workers(scene: Scene) -> None:
    """Of each identity the last published stands, however the records are cut into flushes."""
    rng = random.Random(7)
    names = [(str(n % 9), f"c{n % 4}", where) for n in range(36) for where in ("app", "qq")]
    expected: dict[tuple[str, str, str], str] = {}
    for number in range(6):
        batch = []
        for name in rng.choices(names, k=60):
            event_id, customer, where = name
            at = NOW + timedelta(minutes=rng.randrange(3 * 24 * 60))
            expected[name] = text = f"第{number}批{len(batch)}条"
            batch.append(
                event(event_id, customer, channel=where, text=text, event_time=min(at, datetime.now(UTC)).isoformat())
            )
        scene.publish(*batch)
        scene.worker.work(rng.choice((17, 29, 100)))
    found = {
        (one, who, where): text for one, who, where, text in scene.stored("event_id", "customer_id", "channel", "text")
    }
    assert found == expected
    scene.recounted(feedback=[len(expected), 0, 360 - len(expected), 0])


def _given_up(kafka: str, published: Event) -> Record:
    """A record of its own in the event topic, with a dead letter, as of a reader that failed on it."""
    kind, fields = published
    producer = KafkaProducer(bootstrap_servers=kafka)
    value = json.dumps(fields).encode()
    sent = producer.send(f"{kind}.events", value, key=fields["event_id"].encode(), headers=[("kind", b"first")]).get()
    record = Record(sent.topic, sent.partition, sent.offset, sent.timestamp, fields["event_id"].encode(), value)
    dead = DeadLetter.of(record, Rejected(Reason.READER_FAILED, "KeyError"))
    producer.send(dead.topic, dead.value, key=dead.key, headers=dead.headers).get()
    producer.close()
    return record
