"""Storing events on a real ClickHouse: replays, duplicates, corrections, races, crashes, refused rows."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from support.sample_events import Voice, at, chat, columns, complaint, feedback, standing

from gapwatch.pipeline.errors import RowsRefused, StoreError
from gapwatch.pipeline.events.columns import version_of
from gapwatch.pipeline.events.identity import IDENTITY_HASH, Identity, hash_of
from gapwatch.pipeline.store import ClickHouse, EventStore
from gapwatch.pipeline.store.connection import ClickHouse as Connection


@pytest.fixture
def store(database: str) -> Iterator[EventStore]:
    opened = EventStore(database)
    yield opened
    opened.close()


@pytest.fixture
def query(database: str) -> Iterator[Callable[[str], list[Any]]]:
    clickhouse = ClickHouse(database)
    yield clickhouse.execute
    clickhouse.close()


def _minute(number: int) -> int:
    return int(at(number).timestamp())


_STANDS = "SELECT event_id, toUnixTimestamp(minute), product_id FROM events ORDER BY event_id"


def test_what_is_stored_is_what_was_read(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    voice = feedback("a", 1, 5, "fulfillment", "communication")
    assert store.insert(columns([voice]), "t") == {_minute(1)}
    row = query(
        "SELECT event_type, event_time, channel, customer_id, order_id, product_id, region, text, rating, sentiment, "
        "sentiment_score, gaps, primary_gap, evidence, evidence.text, model_version, source_topic, source_partition, "
        "source_offset, published_at, version FROM events"
    )[0]
    assert row == (
        "feedback",
        at(1, 7.25),
        "app",
        "c",
        "",
        "P1",
        "north",
        "说好三天到",
        2,
        "negative",
        -0.5,
        ["fulfillment", "communication"],
        "fulfillment",
        [("fulfillment", "说好", 0, 2), ("communication", "说好", 0, 2)],
        ["说好", "说好"],
        "m1",
        "feedback.events",
        0,
        5,
        datetime.fromtimestamp(voice.record.timestamp / 1000, UTC),
        version_of("feedback", voice.record),
    )


def test_a_chat_is_stored_with_its_measures(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    store.insert(columns([chat("k", 1, 1, wait=30), chat("u", 1, 2, wait=None)]), "t")
    answered, unanswered = query(
        "SELECT turns.role, turns.text, turns.score, turns.at, first_response_seconds, resolution_seconds, unanswered, "
        "mood_start, mood_end, mood_low FROM events ORDER BY event_id"
    )
    assert answered[:3] == (["customer", "agent", "customer"], ["到哪了", "在路上", "好的"], [-0.5, None, 0.25])
    assert answered[3][1] == at(1, 30)
    assert answered[4:] == (30.0, 35.0, False, -0.5, 0.25, -0.5)
    assert unanswered[4:7] == (None, None, True)


def test_a_customer_who_said_nothing_has_no_mood(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    silent = chat("k", 1, 1, wait=30)
    store.insert(columns([silent._replace(reading=msgspec.structs.replace(silent.reading, turn_scores=()))]), "t")
    assert query("SELECT mood_start, mood_end, mood_low, turns.score FROM events") == [(None, None, None, [None] * 3)]


def test_a_complaint_is_stored_with_its_promise(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    store.insert(columns([complaint("a", 1, 1, at(0), None)]), "t")
    assert query("SELECT promised_at, delivered_at, status FROM events") == [(at(0), None, "open")]


def test_a_replay_writes_nothing_twice(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    voices = [feedback(f"e{n}", n, n) for n in range(50)]
    first = store.insert(columns(voices), "t")
    rows = query("SELECT count() FROM event_versions")
    assert store.insert(columns(voices), "t") == first
    assert query("SELECT count() FROM event_versions") == rows == [(50,)]


def test_a_replay_in_other_batches_leaves_one_row_each(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    voices = [feedback(f"e{n}", n, n) for n in range(20)]
    store.insert(columns(voices), "0-19")
    store.insert(columns(voices[:7]), "0-6")
    store.insert(columns(voices[7:]), "7-19")
    assert query("SELECT count(), uniqExact(event_id) FROM events") == [(20, 20)]


def test_the_same_token_with_another_reader_is_not_the_same(
    store: EventStore, query: Callable[[str], list[Any]]
) -> None:
    store.insert(columns([feedback("a", 1, 1)], "m1"), "t")
    store.insert(columns([feedback("a", 1, 1)], "m2"), "t")
    assert query("SELECT model_version FROM events") == [("m2",)]


def test_a_correction_moves_the_event(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    store.insert(columns([feedback("a", 1, 1, product="P1"), feedback("b", 1, 2)]), "1")
    dirty = store.insert(columns([feedback("a", 9, 3, product="P2")]), "2")
    assert dirty == {_minute(1), _minute(9)}
    assert query(_STANDS) == [("a", _minute(9), "P2"), ("b", _minute(1), "P1")]


def test_a_correction_may_come_back(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    for offset, minute in enumerate((1, 9, 1, 5, 1)):
        dirty = store.insert(columns([feedback("a", minute, offset)]), str(offset))
    assert dirty == {_minute(1), _minute(5), _minute(9)}
    assert query(_STANDS) == [("a", _minute(1), "P1")]


def test_a_correction_across_months_leaves_the_old_month(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    month = 31 * 24 * 60
    store.insert(columns([feedback("a", -month, 1)]), "1")
    store.insert(columns([feedback("a", 0, 2)]), "2")
    assert query(_STANDS) == [("a", _minute(0), "P1")]


def test_an_older_version_that_comes_late_changes_nothing(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    store.insert(columns([feedback("a", 9, 2, product="P2")]), "2")
    dirty = store.insert(columns([feedback("a", 1, 1, product="P1")]), "1")
    assert dirty == {_minute(1), _minute(9)}
    assert query(_STANDS) == [("a", _minute(9), "P2")]
    store.insert(columns([feedback("a", 9, 0, product="P0")]), "0")
    assert query(_STANDS) == [("a", _minute(9), "P2")]


def test_one_id_for_everything_a_publisher_sends(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    event_id = "i" * 128
    first = feedback(event_id, 1, 1)
    store.insert(columns([first]), "first")
    many = f"SELECT {hash_of(Identity.of(first.event))}, {_minute(2)} + 60 * number FROM numbers(80_000)"  # noqa: S608
    query(f"INSERT INTO event_places (id_hash, minute) {many}")
    dirty = store.insert(columns([feedback(event_id, 3, 2), feedback("b", 1, 3), feedback("b", 2, 4)]), "second")
    assert len(dirty) == 80_001
    assert query(_STANDS) == [("b", _minute(2), "P1"), (event_id, _minute(3), "P1")]


def test_many_long_ids_that_move_often(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    ids = [f"{number:_>64}" + "😀" * 64 for number in range(1_200)]
    for minute in range(8):
        store.insert(columns([feedback(event_id, minute, minute) for event_id in ids]), f"{minute}")
    assert query(_STANDS) == [(event_id, _minute(7), "P1") for event_id in sorted(ids)]


def test_versions_of_one_event_within_one_batch(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    voices = [feedback("a", minute, offset) for offset, minute in enumerate((3, 1, 2))]
    assert store.insert(columns(voices), "t") == {_minute(1), _minute(2), _minute(3)}
    assert query(_STANDS) == [("a", _minute(2), "P1")]


def test_one_id_in_two_types_channels_or_customers_names_several_events(
    store: EventStore, query: Callable[[str], list[Any]]
) -> None:
    shouted = feedback("a", 1, 3)
    shouted = shouted._replace(event=msgspec.structs.replace(shouted.event, channel="weibo"))
    voices = [feedback("a", 1, 1), feedback("a", 1, 2, customer="d"), shouted, complaint("a", 1, 4, None, None)]
    store.insert(columns(voices[:2]), "within one batch")
    store.insert(columns(voices[2:]), "in another")
    moved = feedback("a", 5, 5, customer="d")
    assert store.insert(columns([moved]), "a correction") == {_minute(1), _minute(5)}
    rows = query("SELECT event_type, channel, customer_id, toUnixTimestamp(minute) FROM events ORDER BY ALL")
    assert rows == [
        ("complaint", "wechat", "c", _minute(1)),
        ("feedback", "app", "c", _minute(1)),
        ("feedback", "app", "d", _minute(5)),
        ("feedback", "weibo", "c", _minute(1)),
    ]


def test_customers_of_awkward_names(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    """Customer and id are told apart, wherever the one ends and the other begins."""
    customers = ["a'b", "a\\", "ключ", "%(places)s", "\U0001f600", " ", "a,b", "('a', 'b')", "\\n", "a\x7f"]
    for minute in (1, 2):
        batch = [feedback("e", minute, 100 * minute + n, customer=each) for n, each in enumerate(customers)]
        store.insert(columns(batch), str(minute))
    assert query("SELECT customer_id, toUnixTimestamp(minute) FROM events ORDER BY customer_id") == [
        (each, _minute(2)) for each in sorted(customers, key=str.encode)
    ]


def test_the_server_hashes_an_identity_as_we_do(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    voices = [feedback("ключ", 1, 1, customer="\U0001f600"), complaint("b\\'", 1, 2, None, None)]
    store.insert(columns(voices), "t")
    assert set(query(f"SELECT {IDENTITY_HASH} FROM events")) == {(hash_of(Identity.of(one.event)),) for one in voices}  # noqa: S608


def test_awkward_ids(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    ids = ["a'b", "a\\", "x'); DROP TABLE events; --", "ключ", "%(pairs)s", "{hashes}", "\U0001f600", " ", "a\x7f"]
    for minute in (1, 2):
        store.insert(columns([feedback(each, minute, 100 * minute + n) for n, each in enumerate(ids)]), str(minute))
    assert query(_STANDS) == [(each, _minute(2), "P1") for each in sorted(ids, key=str.encode)]


def test_a_batch_of_any_months_since_2000(store: EventStore, query: Callable[[str], list[Any]]) -> None:
    month = 31 * 24 * 60
    store.insert(columns([feedback(f"e{n}", -n * month, n) for n in range(300)]), "t")
    ((kept,),) = query("SELECT count() FROM events WHERE event_time > now() - INTERVAL 390 DAY")
    assert kept == 13


def test_an_empty_batch_touches_nothing(store: EventStore) -> None:
    assert store.insert(columns([]), "t") == set()


def test_a_value_that_does_not_fit_is_refused_and_harms_nothing(
    store: EventStore, query: Callable[[str], list[Any]]
) -> None:
    good, bad = feedback("good", 1, 1), feedback("bad", 1, 2)
    bad = bad._replace(reading=msgspec.structs.replace(bad.reading, text="半个\ud800"))
    with pytest.raises(RowsRefused) as refused:
        store.insert(columns([good, bad]), "t")
    assert "半个" not in str(refused.value)
    assert query("SELECT count() FROM event_versions") == [(0,)]
    store.insert(columns([good]), "t/0")
    assert query("SELECT event_id FROM events") == [("good",)]


@pytest.mark.parametrize(
    ("query", "data", "options"),
    [
        ("INSERT INTO event_places (id_hash, minute) VALUES", [[1], [0], [0]], {"columnar": True}),
        ("INSERT INTO event_places (id_hash, minute) VALUES", [[1, 2], [0]], {"columnar": True}),
        ("INSERT INTO event_places (id_hash, minute) VALUES", [(1, 0)], {"tokn": "t"}),
        ("SELECT %(a)s", 5, {}),
        ("SELECT toUInt8('x')", None, {}),
    ],
    ids=["too many columns", "columns of two lengths", "unknown option", "no parameters", "a number that is none"],
)
def test_a_fault_of_the_program_is_no_refusal_of_rows(
    database: str, query: str, data: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(StoreError) as told:
        ClickHouse(database).execute(query, data, **options)
    assert type(told.value) is StoreError


def test_missing_tables_are_told(empty_database: str) -> None:
    with pytest.raises(StoreError, match="gapwatch init"):
        EventStore(empty_database).insert(columns([feedback("a", 1, 1)]), "t")


def test_workers_that_race_for_the_same_events_agree(database: str, query: Callable[[str], list[Any]]) -> None:
    """Each of four workers stores versions of the same events in minutes of its own, in step with the others."""
    workers, rounds = 4, 6
    step = threading.Barrier(workers)
    versions: list[Voice] = []

    def work(worker: int) -> None:
        store = EventStore(database)
        for number in range(rounds):
            mine = [
                feedback(f"e{n}", 10 * n + (worker + number) % 7, number * workers + (worker * 3 + n) % workers)
                for n in range(8)
            ]
            versions.extend(mine)
            step.wait()
            store.insert(columns(mine), f"{worker}-{number}")
        store.close()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    expected = {
        voice.event.event_id: voice.event.event_time.replace(second=0, microsecond=0) for voice in standing(versions)
    }
    assert dict(query("SELECT event_id, minute FROM events")) == expected
    assert query("SELECT count() FROM events") == [(8,)]


class _CrashError(Exception):
    pass


@pytest.mark.parametrize("survived", range(4))
def test_a_crash_between_any_two_steps_is_mended_by_the_replay(
    database: str, query: Callable[[str], list[Any]], monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    EventStore(database).insert(columns([feedback("a", 1, 1)]), "1")
    correction = columns([feedback("a", 9, 2), feedback("b", 9, 3)])
    calls = iter(range(10))
    execute = Connection.execute

    def crash(self: Connection, *arguments: Any, **options: Any) -> Any:
        if next(calls) == survived:
            raise _CrashError
        return execute(self, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "execute", crash)
        with pytest.raises(_CrashError):
            EventStore(database).insert(correction, "2")
    assert EventStore(database).insert(correction, "2") == {_minute(1), _minute(9)}
    assert query(_STANDS) == [("a", _minute(9), "P1"), ("b", _minute(9), "P1")]


def test_a_connection_is_given_up_after_an_error(database: str) -> None:
    clickhouse = ClickHouse(database)
    clickhouse.execute("SELECT 1")
    client = clickhouse._client()
    with pytest.raises(StoreError):
        clickhouse.execute("SELECT nonsense")
    assert not client.connection.connected
    assert clickhouse.execute("SELECT 1") == [(1,)]


def test_each_thread_has_its_own_connection(database: str) -> None:
    clickhouse = ClickHouse(database)
    with ThreadPoolExecutor(4) as threads:
        clients = set(threads.map(lambda _: (threading.get_ident(), id(clickhouse._client())), range(40)))
    assert len(clients) == len({client for _, client in clients})
