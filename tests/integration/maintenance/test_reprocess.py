"""Stored events read again, on real servers: as if a worker had read them anew, whatever happens meanwhile."""
# ruff: noqa: S608 - the queries are written here

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from clickhouse_driver import Client
from support.sample_events import TODAY, at, chat, columns, feedback
from support.sample_pipeline import World

from gapwatch.commands.reprocess import reprocess as command
from gapwatch.pipeline.errors import StoreError
from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.maintenance import reprocess
from gapwatch.pipeline.maintenance.recount import recount
from gapwatch.pipeline.maintenance.reprocess import Outcome, Reprocessing
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore, migrate
from gapwatch.schemas.events import EventType

_EVENTS: list[tuple[EventType, dict[str, Any]]] = [
    ("feedback", {"text": "说好三天到,等了十天还没发货,客服也不理人", "rating": 1, "product_id": "P1"}),
    ("feedback", {"text": "物流很快,但是包装破了", "rating": 5, "attributes": {"备注": "电话13812345678"}}),
    ("feedback", {"text": "请问空调什么时候可以上门安装"}),
    ("feedback", {"text": "   ", "rating": 3}),
    ("feedback", {"text": "ＡＢＣ 這個東西真的不錯!!!😀 联系人张伟,13812345678"}),
    ("complaint", {"text": "答应退款,一直没有退。我叫李雷", "subject": "退款 13812345678", "status": "open"}),
    ("complaint", {"text": "破损", "promised_at": "2026-01-02T03:04:05.678901+08:00", "delivered_at": None}),
    (
        "chat",
        {
            "conversation_id": "k1",
            "turns": [
                {"role": "customer", "text": "我的订单什么时候发货?电话13812345678", "at": "10:00:00.123456"},
                {"role": "bot", "text": "您好", "at": "10:00:00.500999"},
                {"role": "agent", "text": "亲,马上", "at": "10:01:00.000001"},
                {"role": "customer", "text": "太慢了,非常失望", "at": "10:05:30.999999"},
            ],
        },
    ),
    ("chat", {"conversation_id": "k2", "turns": [{"role": "agent", "text": "您好,在吗"}]}),
]


def _records() -> list[Record]:
    day = f"{TODAY:%Y-%m-%d}T"
    records = []
    for number, (event_type, fields) in enumerate(_EVENTS):
        told = fields | {
            "event_id": f"e{number}",
            "event_time": f"{day}10:{number:02}:07.654321+00:00",
            "channel": "app",
            "customer_id": "c",
            "region": "north",
        }
        if event_type == "chat":
            told["turns"] = [
                turn | {"at": f"{day}{turn['at']}+00:00"} if "at" in turn else turn for turn in told["turns"]
            ]
        published = milliseconds(TODAY) + number
        value = json.dumps({name: one for name, one in told.items() if one is not None}).encode()
        records.append(Record(f"{event_type}.events", 0, number, published, None, value))
    return records


def _ingest(url: str, records: Sequence[Record], reader: Reader) -> None:
    for record in records:
        event_type: Any = record.topic.partition(".")[0]
        batch = EventReader(reader).read(event_type, [record])
        assert not batch.dead
        Aggregates(url).derive(EventStore(url).insert(batch.columns, f"{record.topic} {record.offset}"))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture
def other_database(database: str) -> Iterator[str]:
    url = f"{database}_anew"
    migrate(url)
    yield url
    with Client.from_url(database) as client:
        client.execute(f"DROP DATABASE {url.rpartition('/')[2]} SYNC")


def _run(url: str, reader: Reader, **options: Any) -> Outcome:
    work = Reprocessing(url, reader, options.pop("start", None), options.pop("end", None), **options)
    outcome = Outcome()
    for day in work.days:
        work.run(day, lambda _: None, outcome)
    return outcome


def _rows(url: str, table: str, but: str = "^$") -> list[Any]:
    return ClickHouse(url).execute(f"SELECT * EXCEPT '{but}' FROM {table} ORDER BY ALL")


def test_every_column_is_as_if_a_worker_had_read_the_event_anew(
    world: World, other_database: str, reader: Reader, settings_env: pytest.MonkeyPatch
) -> None:
    records = [world.send(record) for record in _records()]
    settings_env.setenv("GAPWATCH_SENTIMENT", "snownlp")
    settings.cache_clear()
    _ingest(world.database, records, Reader())
    settings_env.delenv("GAPWATCH_SENTIMENT")
    settings.cache_clear()
    _ingest(other_database, records, reader)
    times = "^(stored_at|read_at)$"
    assert _rows(world.database, "events", times) != _rows(other_database, "events", times)
    stored = ClickHouse(world.database).execute("SELECT event_id, stored_at FROM events ORDER BY event_id")

    outcome = _run(world.database, reader)

    assert (outcome.read, outcome.failed) == (len(records), 0)
    assert outcome.changed
    assert _rows(world.database, "events", times) == _rows(other_database, "events", times)
    assert ClickHouse(world.database).execute("SELECT event_id, stored_at FROM events ORDER BY event_id") == stored
    for view in (
        "gap_minute",
        "gap_hour",
        "gap_day",
        "place_hour",
        "place_day",
        "chat_minute",
        "chat_hour",
        "chat_day",
    ):
        assert _rows(world.database, view) == _rows(other_database, view)
    world.catch_up()
    assert recount(world.database).exact


def test_what_was_read_by_the_models_in_force_is_not_read_again(world: World, reader: Reader) -> None:
    world.process(*world.publish(feedback("a", 1, 1), feedback("b", 2, 2)))
    assert _run(world.database, reader).read == 2
    assert _run(world.database, reader).read == 0
    assert _run(world.database, reader, every=True).read == 2
    world.catch_up()
    assert recount(world.database).exact


def test_rows_merge_to_the_new_reading(world: World, reader: Reader) -> None:
    world.process(*world.publish(*[feedback(f"e{n}", n, n) for n in range(20)]))
    _run(world.database, reader)
    world.query("OPTIMIZE TABLE event_versions FINAL")
    assert world.query("SELECT count(), uniqExact(event_id), any(model_version) FROM event_versions") == [
        (20, 20, reader.version)
    ]


def test_in_small_parts_the_result_is_the_same(world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprocess, "ROWS_AT_ONCE", 3)
    voices = [feedback(f"e{n}", n // 7, n) for n in range(40)] + [chat(f"k{n}", 9, n, wait=5) for n in range(8)]
    world.process(*world.publish(*voices))
    assert _run(world.database, reader).read == 48
    assert world.query("SELECT count(), uniqExact(model_version) FROM events") == [(48, 1)]
    world.catch_up()
    assert recount(world.database).exact


@pytest.mark.parametrize("minute", [1, 9], ids=["in its place", "to another minute"])
def test_a_correction_that_arrives_meanwhile_stands(
    world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch, minute: int
) -> None:
    world.process(*world.publish(feedback("a", 1, 1, product="P1"), feedback("b", 1, 2)))
    (correction,) = world.publish(feedback("a", minute, 3, product="P2"))
    read = reader.read

    def read_late(*arguments: Any) -> Any:
        """Between the look at the rows and their being written, the correction is stored."""
        monkeypatch.setattr(reader, "read", read)
        world.process(correction)
        return read(*arguments)

    monkeypatch.setattr(reader, "read", read_late)
    assert _run(world.database, reader).read == 2
    assert world.query("SELECT event_id, product_id, model_version FROM events ORDER BY event_id") == [
        ("a", "P2", "m1"),
        ("b", "P1", reader.version),
    ]
    assert world.query("SELECT sum(primary_events) FROM gap_minute") == [(2,)]
    world.catch_up()
    assert recount(world.database).exact


def test_a_run_that_was_cut_short_is_finished_by_the_next(
    world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.process(*world.publish(*[feedback(f"e{n}", n, n, "design") for n in range(9)]))

    def fail(*_: object) -> None:
        raise StoreError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(Aggregates, "derive", fail)
        with pytest.raises(StoreError):
            _run(world.database, reader)
    world.catch_up()
    assert recount(world.database).differs
    assert _run(world.database, reader).read == 0
    assert recount(world.database).exact


def test_only_the_range_asked_for_is_read(world: World, reader: Reader) -> None:
    world.process(*world.publish(feedback("a", 0, 1), feedback("b", 5, 2), feedback("c", 10, 3)))
    assert _run(world.database, reader, start=at(5), end=at(10)).read == 1
    assert _run(world.database, reader, end=at(5) + timedelta(seconds=7)).read == 1
    assert world.query("SELECT event_id FROM events WHERE model_version = 'm1'") == [("c",)]


def test_a_text_that_makes_the_reader_fail_keeps_its_reading(
    world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = world.publish(*[feedback(f"e{n}", n, n) for n in range(5)], chat("k", 1, 9, wait=3))
    world.process(*voices)

    read = reader.read

    def fail(texts: Sequence[str], ratings: Any = None) -> Any:
        if "到哪了" in texts:
            raise ZeroDivisionError
        return read(texts, ratings)

    monkeypatch.setattr(reader, "read", fail)
    outcome = _run(world.database, reader)
    assert (outcome.read, outcome.failed) == (5, 1)
    assert world.query("SELECT event_id FROM events WHERE model_version = 'm1'") == [("k",)]


def test_nothing_stored_is_nothing_to_do(database: str, reader: Reader) -> None:
    assert _run(database, reader) == Outcome()


@pytest.fixture
def gapwatch(kafka: str) -> Callable[..., Any]:
    return lambda *arguments: CliRunner().invoke(command, arguments, env={"COLUMNS": "200"})


def test_a_dry_run_tells_and_changes_nothing(database: str, reader: Reader, gapwatch: Callable[..., Any]) -> None:
    EventStore(database).insert(columns([feedback("a", 1, 1), feedback("b", 2, 2)]), "t")
    shown = gapwatch("--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "2 events would be read again" in shown.output
    assert ClickHouse(database).execute("SELECT uniqExact(model_version), any(model_version) FROM events") == [
        (1, "m1")
    ]


def test_the_command_reads_and_says_what_changed(database: str, reader: Reader, gapwatch: Callable[..., Any]) -> None:
    EventStore(database).insert(columns([feedback("a", 1, 1), feedback("b", 2, 2)]), "t")
    day = f"{TODAY - timedelta(days=1):%Y-%m-%d}"
    assert gapwatch("--to", day).output.startswith("0 events read again")
    shown = gapwatch("--from", day)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("2 events read again")
