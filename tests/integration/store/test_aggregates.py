"""Deriving aggregates on a real ClickHouse."""
# ruff: noqa: S608 - the queries are written here

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sample_events import TODAY, Voice, at, chat, columns, complaint, feedback, gap_counts, standing

from gapwatch.pipeline.errors import StoreOutOfMemory, StoreUnavailable
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore
from gapwatch.pipeline.store import aggregates as module
from gapwatch.pipeline.store.aggregates import oldest_derived


@pytest.fixture
def query(database: str) -> Iterator[Callable[..., list[Any]]]:
    clickhouse = ClickHouse(database)
    yield clickhouse.execute
    clickhouse.close()


@pytest.fixture
def put(database: str) -> Callable[..., None]:
    """Store voices and derive what they touch."""
    store, aggregates = EventStore(database), Aggregates(database)

    def store_and_derive(*voices: Voice) -> None:
        token = " ".join(f"{voice.record.offset}" for voice in voices)
        aggregates.derive(store.insert(columns(voices), token))

    return store_and_derive


def _stored_counts(query: Callable[..., list[Any]]) -> Counter[tuple[Any, ...]]:
    counts: Counter[tuple[Any, ...]] = Counter()
    for minute, product, gap, events, primary in query(
        "SELECT minute, product_id, gap, sum(events), sum(primary_events) FROM gap_minute GROUP BY ALL"
    ):
        counts[minute, product, gap, True] += primary
        counts[minute, product, gap, False] += events - primary
    return +counts


def _placed_counts(query: Callable[..., list[Any]], view: str) -> dict[str, tuple[int, ...]]:
    rows = query(
        "SELECT product_id, sum(voices), sum(information), sum(design), sum(communication), sum(fulfillment) "
        f"FROM {view} GROUP BY product_id"
    )
    return {product: tuple(counts) for product, *counts in rows}


def _expected_places(voices: list[Voice]) -> dict[str, tuple[int, ...]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for voice in standing(voices):
        counts[voice.event.product_id or ""].update(["voices", *voice.reading.gaps])  # type: ignore[union-attr]
    names = ("voices", "information", "design", "communication", "fulfillment")
    return {product: tuple(count[name] for name in names) for product, count in counts.items()}


def test_every_measure_of_a_minute(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(
        feedback("a", 1, 1, "fulfillment", "communication", customer="x", score=-0.5),
        feedback("b", 1, 2, "fulfillment", customer="x", score=-0.25),
        feedback("c", 1, 3, "communication", "fulfillment", customer="y", score=0.125),
        feedback("d", 1, 4, customer="z", score=0.75),
    )
    rows = query(
        "SELECT gap, events, primary_events, customers, positive, neutral, negative, sentiment_sum, severity_sum, "
        "primary_positive, primary_negative, primary_sentiment_sum, evidence FROM gap_minute ORDER BY gap"
    )
    assert rows == [
        ("communication", 2, 1, 2, 1, 0, 1, -0.375, 1.0, 1, 0, 0.125, ["说好"]),
        ("fulfillment", 3, 2, 2, 1, 0, 2, -0.625, 1.5, 0, 2, -0.75, ["说好"]),
        ("none", 1, 1, 1, 1, 0, 0, 0.75, 0.0, 1, 0, 0.75, []),
    ]
    assert query("SELECT uniqMerge(customers_state) FROM gap_minute_states") == [(3,)]


def test_every_measure_of_a_place(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(
        feedback("a", 1, 1, "fulfillment", "communication", score=-0.5),
        feedback("b", 2, 2, "fulfillment", score=-0.25),
        feedback("c", 3, 3, "communication", "fulfillment", score=0.125),
        feedback("d", 4, 4, score=0.75),
        feedback("e", 5, 5, "design", product="P2"),
        complaint("f", 6, 6, promised=at(5), delivered=at(6)),
    )
    measures = (
        "channel, product_id, region, voices, positive, neutral, negative, sentiment_sum, promises_kept, promises_broken, "
        "information, information_severity, design, design_severity, communication, communication_severity, "
        "fulfillment, fulfillment_severity"
    )
    for view in ("place_hour", "place_day"):
        assert query(f"SELECT {measures} FROM {view} ORDER BY product_id, channel") == [
            ("wechat", "", "", 1, 0, 0, 1, -0.5, 0, 1, 0, 0.0, 0, 0.0, 1, 0.5, 1, 0.5),
            ("app", "P1", "north", 4, 2, 0, 2, 0.125, 0, 0, 0, 0.0, 0, 0.0, 2, 1.0, 3, 1.5),
            ("app", "P2", "north", 1, 0, 0, 1, -0.5, 0, 0, 0, 0.0, 1, 0.5, 0, 0.0, 0, 0.0),
        ]


def test_promises_are_counted_once_each(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(
        complaint("kept", 10, 1, promised=at(5), delivered=at(4)),
        complaint("kept on time", 10, 2, promised=at(5), delivered=at(5)),
        complaint("late", 10, 3, promised=at(5), delivered=at(6)),
        complaint("overdue", 10, 4, promised=at(5), delivered=None),
        complaint("not due", 10, 5, promised=at(15), delivered=None),
        complaint("no promise", 10, 6, promised=None, delivered=at(5)),
    )
    assert query("SELECT sum(promises_kept), sum(promises_broken) FROM gap_minute") == [(2, 2)]
    assert query("SELECT sum(promises_kept), sum(promises_broken) FROM gap_day") == [(2, 2)]
    assert query("SELECT sum(promises_kept), sum(promises_broken) FROM place_day") == [(2, 2)]


def test_every_measure_of_chats(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(chat("a", 1, 1, wait=30), chat("b", 1, 2, wait=90), chat("c", 1, 3, wait=None), chat("d", 2, 4, wait=60))
    measures = (
        "sum(conversations), sum(answered), sum(unanswered), sum(resolved), sum(first_response_sum), "
        "sum(resolution_sum), sum(waited), sum(longest_wait_sum), sum(moods), sum(mood_start_sum), sum(mood_end_sum), "
        "sum(mood_low_sum), arrayMap(x -> round(x), quantilesDDMerge(0.01, 0.5, 0.9)(first_response_state))"
    )
    expected = (4, 3, 1, 3, 180.0, 195.0, 3, 180.0, 4, -2.0, 0.25, -2.0)
    for view in ("chat_minute", "chat_day"):
        ((*sums, quantiles),) = query(f"SELECT {measures} FROM {view}_states")
        assert tuple(sums) == expected
        assert quantiles == pytest.approx([60, 60], rel=0.03)
    buckets = "mapKeys(first_response_buckets), mapValues(first_response_buckets)"
    ranked = f"exp(quantilesTimingWeightedArray(0.1, 0.5, 0.9)({buckets})[number] / 40) / 1000"
    for view in ("chat_minute", "chat_hour", "chat_day"):
        assert query(f"SELECT {', '.join(measures.split(', ')[:12])} FROM {view}") == [expected]
        for number, seconds in enumerate((30, 60, 90), start=1):
            assert query(f"SELECT {ranked.replace('number', str(number))} FROM {view}") == [
                (pytest.approx(seconds, rel=0.013),)
            ]
    assert query("SELECT count() FROM chat_minute") == [(2,)]


def test_hours_and_days_are_sums_of_minutes(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(*[feedback(f"e{n}", 17 * n, n, "design", customer=f"c{n % 7}") for n in range(200)])
    for view in ("gap_minute", "gap_hour", "gap_day"):
        assert query(f"SELECT sum(events), sum(primary_events), uniqMerge(customers_state) FROM {view}_states") == [
            (200, 200, 7)
        ]
    assert query("SELECT uniqExact(hour) FROM gap_hour") == query("SELECT uniqExact(toStartOfHour(minute)) FROM events")
    assert query(
        "SELECT groupUniqArray(day) = (SELECT groupUniqArray(toDate(minute, 'Asia/Shanghai')) FROM events) FROM (SELECT day FROM gap_day ORDER BY day)"
    )


def test_days_begin_at_midnight_of_the_time_zone_set(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    noon_utc_is_eight_in_the_evening = 0
    put(
        feedback("a", noon_utc_is_eight_in_the_evening + 4 * 60 - 1, 1),
        feedback("b", noon_utc_is_eight_in_the_evening + 4 * 60, 2),
    )
    today = TODAY.date()
    assert query("SELECT day, events FROM gap_day ORDER BY day") == [(today, 1), (today + timedelta(days=1), 1)]


def test_a_correction_leaves_no_group_behind(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(feedback("a", 1, 1, "design", product="P1"))
    put(feedback("a", 1, 2, "design", product="P2"))
    assert query("SELECT minute, product_id, events FROM gap_minute") == [(at(1), "P2", 1)]
    put(feedback("a", 24 * 60, 3, product="P2"))
    assert query("SELECT minute, product_id, gap FROM gap_minute") == [(at(24 * 60), "P2", "none")]
    assert query("SELECT hour FROM gap_hour") == [(at(24 * 60).replace(minute=0),)]
    assert query("SELECT count() FROM gap_day") == [(1,)]


def test_a_chat_that_moves_leaves_its_minute(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(chat("a", 1, 1, wait=30))
    put(chat("a", 5, 2, wait=30))
    assert query("SELECT minute, conversations FROM chat_minute") == [(at(5), 1)]


def test_minutes_without_chats_have_no_row(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(feedback("a", 1, 1))
    assert query("SELECT count() FROM chat_minute_generations") == [(0,)]


def test_deriving_again_changes_nothing(
    database: str, put: Callable[..., None], query: Callable[..., list[Any]]
) -> None:
    put(*[feedback(f"e{n}", n % 5, n, "design", customer=f"c{n}") for n in range(40)], chat("k", 1, 99, wait=3))
    gaps = ("gap_minute", "gap_hour", "gap_day", "place_hour", "place_day")
    views = (*gaps, "chat_minute", "chat_hour", "chat_day", "chat_product_day", "chat_region_day", "chat_channel_day")
    before = [query(f"SELECT * FROM {view} ORDER BY ALL") for view in views]
    Aggregates(database).derive(int(at(n).timestamp()) for n in range(5))
    assert [query(f"SELECT * FROM {view} ORDER BY ALL") for view in views] == before


def test_in_small_parts_the_result_is_the_same(
    database: str, query: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(module, "PERIODS_AT_ONCE", 4)
    voices = [feedback(f"e{n}", n // 3, n, "design") for n in range(40)]
    Aggregates(database).derive(EventStore(database).insert(columns(voices), "t"))
    assert _stored_counts(query) == gap_counts(voices)


def test_where_memory_runs_out_less_is_derived_at_once(
    database: str, query: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a day of 48,000 conversations needs more than the 1 GiB that the local stack allows a query."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 32)
    monkeypatch.setattr(module, "_LEAST_ROWS_AT_ONCE", 1)
    execute, refused = ClickHouse.execute, list[int]()

    def short_of_memory(self: ClickHouse, statement: str, *arguments: Any, **options: Any) -> Any:
        periods = statement.partition("arrayJoin([")[2].partition("]")[0].count(",") + 1
        if "INSERT INTO chat_minute" in statement and periods > 3:
            refused.append(periods)
            raise StoreOutOfMemory("the server is short of memory")
        return execute(self, statement, *arguments, **options)

    voices = [chat(f"h{number}", number, number, wait=number) for number in range(40)]
    dirty = EventStore(database).insert(columns(voices), "chats")
    monkeypatch.setattr(ClickHouse, "execute", short_of_memory)
    aggregates = Aggregates(database)
    aggregates.derive(dirty)
    assert refused == [32, 8]
    aggregates.derive(dirty)
    assert refused == [32, 8, 4], "a little more is tried again"
    for view in ("chat_minute", "chat_hour", "chat_day"):
        assert query(f"SELECT sum(conversations) FROM {view}") == [(40,)], view
    monkeypatch.setattr(module, "_LEAST_ROWS_AT_ONCE", 8)
    with pytest.raises(StoreOutOfMemory):
        Aggregates(database).derive(dirty)


def test_what_the_retention_removes_is_not_derived(database: str, query: Callable[..., list[Any]]) -> None:
    oldest = oldest_derived()
    gone = int((oldest - TODAY.timestamp()) / 60)
    EventStore(database).insert(columns([feedback("gone", gone - 1, 1), feedback("kept", gone, 2)]), "t")
    Aggregates(database).derive([oldest - 60, oldest])
    assert query("SELECT toUnixTimestamp(minute) FROM gap_minute_generations") == [(oldest,)]


def test_a_derivation_that_began_earlier_and_ends_later_does_not_stand(
    put: Callable[..., None], query: Callable[..., list[Any]]
) -> None:
    """It has read the events before one came, and writes after that one was derived."""
    put(feedback("a", 1, 1, "design"))
    query("CREATE TEMPORARY TABLE stale AS SELECT * FROM gap_minute_generations")
    put(feedback("a", 1, 2, "information"))
    query("INSERT INTO gap_minute_generations SELECT * FROM stale")
    assert query("SELECT gap FROM gap_minute") == [("information",)]


def test_a_clock_that_stepped_back_hides_nothing(put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(feedback("a", 1, 1, "design"))
    query(
        "INSERT INTO gap_minute_generations SELECT * REPLACE (generation + 3600 * 1000000000 AS generation) "
        "FROM gap_minute_generations"
    )
    put(feedback("a", 1, 2, "information"))
    assert query("SELECT gap FROM gap_minute") == [("information",)]


def test_whoever_finds_another_derivation_meanwhile_derives_again(
    database: str, put: Callable[..., None], query: Callable[..., list[Any]]
) -> None:
    put(feedback("a", 1, 1, "design"))
    aggregates = Aggregates(database)
    execute, derivations = aggregates._clickhouse.execute, []

    def interleave(statement: str, *arguments: Any, **options: Any) -> Any:
        result = execute(statement, *arguments, **options)
        if "INSERT INTO gap_minute_generations" in statement:
            derivations.append(statement)
            if len(derivations) == 1:
                query(
                    "INSERT INTO gap_minute_generations SELECT * REPLACE (generation + 1000000000 AS generation) "
                    "FROM gap_minute_generations ORDER BY generation DESC LIMIT 1"
                )
        return result

    aggregates._clickhouse.execute = interleave  # type: ignore[method-assign]
    aggregates.derive([int(at(1).timestamp())])
    assert len(derivations) == 2


def test_a_storm_of_derivations_is_left_to_a_later_try(
    database: str, put: Callable[..., None], query: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(feedback("a", 1, 1, "design"))
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    aggregates = Aggregates(database)
    execute = aggregates._clickhouse.execute

    def storm(statement: str, *arguments: Any, **options: Any) -> Any:
        result = execute(statement, *arguments, **options)
        if "INSERT INTO" in statement:
            query(
                "INSERT INTO gap_minute_generations SELECT * REPLACE (generation + 1000000000 AS generation) "
                "FROM gap_minute_generations ORDER BY generation DESC LIMIT 1"
            )
        return result

    aggregates._clickhouse.execute = storm  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable, match="others keep deriving"):
        aggregates.derive([int(at(1).timestamp())])


def test_workers_that_store_and_derive_at_once_agree(database: str, query: Callable[..., list[Any]]) -> None:
    voices = [
        feedback(f"e{n % 12}", (n * 7) % 5, n, "design" if n % 2 else "fulfillment", product=f"P{n % 3}")
        for n in range(120)
    ]
    start = threading.Barrier(4)

    def work(worker: int) -> None:
        store, aggregates = EventStore(database), Aggregates(database)
        start.wait()
        for batch in range(6):
            mine = voices[worker::4][batch * 5 : batch * 5 + 5]
            aggregates.derive(store.insert(columns(mine), f"{worker}-{batch}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert _stored_counts(query) == gap_counts(voices)


class _CrashError(Exception):
    pass


_GAPS = st.lists(st.sampled_from(["information", "design", "communication", "fulfillment"]), unique=True, max_size=3)
_VOICES = st.tuples(
    st.integers(0, 5), st.sampled_from([0, 1, 2, 59, 60, 24 * 60]), st.sampled_from(["P1", "P2"]), _GAPS
)


def _examples(count: int) -> settings:
    unchecked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=unchecked)


@_examples(6)
@given(data=st.data())
def test_any_history_leads_to_what_its_records_say(database: str, data: st.DataObject) -> None:
    _live_through_any_history(database, data)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@_examples(100)
@given(data=st.data())
def test_many_histories_lead_to_what_their_records_say(database: str, data: st.DataObject) -> None:
    _live_through_any_history(database, data)


def _live_through_any_history(database: str, data: st.DataObject) -> None:
    """Batches with corrections and duplicates come in any order, are cut short anywhere, and are replayed."""
    clickhouse, worker = ClickHouse(database), _Worker(database)
    for table in (
        "event_versions",
        "event_places",
        "gap_minute_generations",
        "gap_hour_generations",
        "gap_day_generations",
        "place_hour_generations",
        "place_day_generations",
    ):
        clickhouse.execute(f"TRUNCATE TABLE {table}")
    drawn = data.draw(st.lists(_VOICES, min_size=1, max_size=12))
    voices = [
        feedback(f"e{number}", minute, offset, *gaps, product=product)
        for offset, (number, minute, product, gaps) in enumerate(drawn)
    ]
    order = data.draw(st.permutations(voices))
    size = data.draw(st.integers(2, 6))
    plan = [
        (
            order[begin : begin + size],
            data.draw(st.integers(0, 14)),
            data.draw(st.lists(st.sampled_from(order), max_size=2)),
        )
        for begin in range(0, len(order), size)
    ]
    for batch, statements, replay in plan:
        worker.process(batch, crash_after=statements)
        worker.process(replay)
    assert _stored_counts(clickhouse.execute) == gap_counts(voices)
    totals = [(len(standing(voices)),)]
    for view in ("gap_minute", "gap_hour", "gap_day"):
        assert clickhouse.execute(f"SELECT sum(primary_events) FROM {view}") == totals
    for view in ("place_hour", "place_day"):
        assert _placed_counts(clickhouse.execute, view) == _expected_places(voices)
    worker.close()
    clickhouse.close()


class _Worker:
    """Stores and derives, and after a crash does the whole again, as a worker does after a restart."""

    def __init__(self, database: str) -> None:
        self._store, self._aggregates = EventStore(database), Aggregates(database)
        self._tokens = count()

    def process(self, voices: list[Voice], crash_after: int = 10**6) -> None:
        token = f"{id(self)}-{next(self._tokens)}"
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(ClickHouse, "execute", _crashing_after(crash_after))
            try:
                self._aggregates.derive(self._store.insert(columns(voices), token))
            except _CrashError:
                patched.undo()
                self._aggregates.derive(self._store.insert(columns(voices), token))

    def close(self) -> None:
        self._store.close()
        self._aggregates.close()


def _crashing_after(statements: int) -> Callable[..., Any]:
    execute, numbers = ClickHouse.execute, count()

    def crash(self: ClickHouse, *arguments: Any, **options: Any) -> Any:
        if next(numbers) == statements:
            raise _CrashError
        return execute(self, *arguments, **options)

    return crash


@pytest.mark.parametrize(
    "view",
    [
        *("gap_minute", "gap_hour", "gap_day", "place_hour", "place_day"),
        *("chat_minute", "chat_hour", "chat_day", "chat_product_day", "chat_region_day", "chat_channel_day"),
    ],
)
def test_a_client_can_read_every_column(view: str, put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(feedback("a", 1, 1, "design"), chat("k", 1, 2, wait=3))
    assert query(f"SELECT * FROM {view}")


@pytest.mark.parametrize("view", ["gap_minute", "gap_hour", "gap_day", "chat_minute", "chat_day"])
def test_states_are_of_the_same_groups(view: str, put: Callable[..., None], query: Callable[..., list[Any]]) -> None:
    put(feedback("a", 1, 1, "design"), chat("k", 1, 2, wait=3))
    assert query(f"SELECT count() FROM {view}") == query(f"SELECT count() FROM {view}_states")
