"""Every query of every dashboard, on a real ClickHouse."""

import random
from datetime import timedelta

import msgspec
import pytest
from support.sample_events import TODAY, chat, columns
from support.sample_history import NASTY, NOW, report, store, story, usual

from gapwatch.dashboards import minute_selection
from gapwatch.dashboards.board.queries import Board, RequestError
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.macros import expand
from gapwatch.dashboards.page import PLACE_FILTER
from gapwatch.pipeline.signals import runner
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore

RANGE = {"from": [(NOW - timedelta(days=7)).isoformat()], "to": ["now"]}
# Promises, signals and conversations: the voices below have none of the first and last, and one evaluation may find none
# of the second.
_WITHOUT_DATA = {
    "gapwatch-overview": {6, 9},
    "gapwatch-fulfillment": {6, 9},
    "gapwatch-conversations": set(range(1, 99)),
    "gapwatch-pipeline": set(),
}


@pytest.fixture(params=["zh", "en"])
def board(database, request):
    return Board(ClickHouse(database), request.param)


@pytest.fixture
def full_board(database):
    store(database, usual(days=20) + story(120, share=0.95))
    runner.evaluate(ClickHouse(database), NOW)
    report(database, minutes_ago=0.1)  # a range ends at a whole second, and this one must lie in it
    return Board(ClickHouse(database), "zh")


@pytest.mark.parametrize("days", [7, 30])
def test_each_query_has_the_shape_its_panel_draws(full_board, days):
    for page in full_board.pages.values():
        uid = page["uid"]
        view = full_board.view(uid, {"from": [(NOW - timedelta(days=days)).isoformat()], "to": ["now"]})
        for panel in page["panels"]:
            (table,) = full_board.panel(uid, panel["id"], view)
            where = f"{uid}: {panel['title']}"
            kinds = [column["type"] for column in table.columns]
            if panel["type"] == "timeseries":
                assert table.columns[0]["name"] == "time", where
                assert kinds[0].startswith("DateTime"), where
                assert sum(kind == "String" or "LowCardinality" in kind for kind in kinds) <= 1, where
            if panel["type"] in {"stat", "bargauge"}:
                assert any(kind.startswith(("UInt", "Int", "Float")) for kind in kinds), where
            if panel["type"] == "stat":
                assert len(table.rows) == 1, where
            if panel["id"] not in _WITHOUT_DATA[uid]:
                assert table.rows, where


def test_a_range_counts_its_hours_and_no_others_at_any_length(full_board, database):
    """Long ranges are read by days, but for those that the range cuts."""
    clickhouse = ClickHouse(database)
    for days in (1.3, 15, 15.1, 40):
        start = NOW - timedelta(days=days, minutes=17)
        view = full_board.view("gapwatch-overview", {"from": [start.isoformat()], "to": [NOW.isoformat()]})
        for weeks in (0, 4):
            since = f"$__fromTime - toIntervalWeek({weeks})"
            read, counted = (
                clickhouse.execute(expand(query.format(since=since), view))
                for query in (_READ.replace("VOICES", Grains("Asia/Shanghai").voices(since)), _COUNTED)
            )
            assert read == counted, (days, weeks)


_READ = "SELECT sumIf(voices, at >= $__fromTime), sumIf(voices, at < $__fromTime) FROM VOICES"
_COUNTED = """
SELECT countIf(hour >= $__fromTime), countIf(hour < $__fromTime)
FROM (SELECT toStartOfHour(event_time) AS hour FROM events) WHERE hour >= {since} AND hour <= $__toTime
"""


def test_conversations_are_the_same_from_minutes_hours_and_days(database):
    every_ten_hours = [chat(f"k{n}", -600 * n, n, wait=20 + 2 * n) for n in range(60)]
    Aggregates(database).derive(EventStore(database).insert(columns(every_ten_hours), "t"))
    board, uid = Board(ClickHouse(database), "en"), "gapwatch-conversations"
    for days in (1.5, 7, 24):
        asked = {"from": [(TODAY - timedelta(days=days)).isoformat()], "to": [TODAY.isoformat()]}
        number, median, over_time = (board.panel(uid, panel, board.view(uid, asked))[0] for panel in (1, 2, 7))
        count = int(days * 2.4) + 1
        assert number.rows == [[count]]
        assert median.rows == [[pytest.approx(20 + (count - 1), rel=0.013, abs=1)]]
        assert all(20 * 0.98 < half <= most <= 2.02 * (10 + count) for _, half, most in over_time.rows)


def test_the_newest_voices_are_the_newest_of_all(full_board, database):
    """Found by way of the days, hours and minutes that have any, at any place and whenever the range ends."""
    uid, clickhouse = "gapwatch-fulfillment", ClickHouse(database)
    for days, end, chosen in (
        (40, NOW, {}),
        (7, NOW - timedelta(days=3, hours=5, minutes=17), {}),
        (18, NOW - timedelta(minutes=40), {"var-channel": ["phone"], "var-region": ["华北"]}),
        (0.1, NOW - timedelta(minutes=7), {}),
    ):
        asked = {"from": [(end - timedelta(days=days)).isoformat()], "to": [end.isoformat()]}
        view = full_board.view(uid, asked | chosen)
        found = [row[0] for row in full_board.panel(uid, 8, view)[0].rows]
        expected = clickhouse.execute(expand(_NEWEST, view))
        assert found == [moment.isoformat(timespec="milliseconds") for (moment,) in expected], (days, end)
        assert found


_NEWEST = f"""
SELECT event_time FROM events WHERE $__timeFilter(event_time) AND has(gaps, ${{gap:singlequote}}) AND {PLACE_FILTER}
ORDER BY event_time DESC LIMIT 200
"""  # noqa: S608 - written here


def test_dimensions_and_stages_count_each_voice_on_the_gap(full_board, database):
    uid = "gapwatch-fulfillment"
    for days in (3, 20):
        asked = {"from": [(NOW - timedelta(days=days)).isoformat()], "to": [NOW.isoformat()]}
        view = full_board.view(uid, asked | {"var-gap": ["communication"]})
        voices = ClickHouse(database).execute(expand(_VOICED, view))
        dimensions, stages = (full_board.panel(uid, panel, view)[0].rows for panel in (3, 4))
        assert dimensions == [["可靠性", voices[0][0]]]
        assert stages == [["售后", voices[0][0]]]


_VOICED = """
SELECT count() FROM events WHERE has(gaps, ${gap:singlequote})
    AND toStartOfHour(event_time) >= $__fromTime AND toStartOfHour(event_time) <= $__toTime
"""


@pytest.mark.parametrize("days", [2, 30])
def test_the_lowest_moods_are_the_lowest_of_all(database, days):
    rng = random.Random(5)
    chats = [
        chat(f"k{n}", -rng.randrange(40 * 24 * 60), n, wait=20, scores=(rng.randrange(-9, 9) / 10,)) for n in range(400)
    ]
    Aggregates(database).derive(EventStore(database).insert(columns(chats), "t"))
    board, uid = Board(ClickHouse(database), "en"), "gapwatch-conversations"
    view = board.view(uid, {"from": [(TODAY - timedelta(days=days)).isoformat()], "to": [TODAY.isoformat()]})
    found = [(row[4], row[0]) for row in board.panel(uid, 11, view)[0].rows]
    expected = ClickHouse(database).execute(expand(_LOWEST, view))
    assert found == [(mood, moment.isoformat(timespec="milliseconds")) for mood, moment in expected]
    assert found


_LOWEST = """
SELECT mood_low, event_time FROM events WHERE event_type = 'chat' AND $__timeFilter(event_time)
ORDER BY mood_low, event_time DESC LIMIT 50
"""


def test_a_sample_is_all_of_few_events_and_some_of_many(full_board, database, monkeypatch):
    clickhouse = ClickHouse(database)
    view = full_board.view(
        "gapwatch-overview", {"from": [(NOW - timedelta(days=8)).isoformat()], "to": [NOW.isoformat()]}
    )

    def counted():
        since = "$__fromTime - toIntervalDay(8)"
        query = expand(
            _SAMPLED.format(sample=minute_selection.MinuteSelection("Asia/Shanghai").sample(since), since=since), view
        )
        return clickhouse.execute(query)[0]

    now, before, of_now, of_before = counted()
    assert (now, before) == (of_now, of_before)
    for most in (2_000, 200, 5):
        monkeypatch.setattr(minute_selection, "SAMPLED_EVENTS", most)
        now, before, *_ = counted()
        assert now + before < 2 * most + 50
        if most >= 200:
            assert now + before > most / 2
            assert min(now, before) > most / 8


_SAMPLED = """
SELECT countIf(sampled AND now), countIf(sampled AND NOT now), countIf(now), countIf(NOT now)
FROM (SELECT {sample} AS sampled, event_time >= $__fromTime AS now FROM events
    WHERE event_time >= {since} AND event_time <= $__toTime)
"""


def test_conversations_are_the_same_whatever_of_their_place_is_chosen_over_months(database):
    """Days of a chosen product, of a chosen region, of both and of neither come from tables of their own."""
    chats = [
        _at(chat(f"{place}{n}", -600 * n - place, 60 * place + n, wait=20 + (2 + place) * n), f"p{place}", f"r{place}")
        for place in range(2)
        for n in range(60)
    ]
    Aggregates(database).derive(EventStore(database).insert(columns(chats), "t"))
    board, uid = Board(ClickHouse(database), "en"), "gapwatch-conversations"
    asked = {"from": [(TODAY - timedelta(days=24)).isoformat()], "to": [TODAY.isoformat()]}
    for products, regions in ((["p1"], ["r1"]), (["p0", "p1"], ["r0", "r1"])):
        product, region = {"var-product": products}, {"var-region": regions}
        same = [product, region, product | region] + ([{}] if len(products) == 2 else [])
        for panel in range(1, 11):
            shown = [board.panel(uid, panel, board.view(uid, asked | chosen))[0].rows for chosen in same]
            assert all(rows == shown[0] for rows in shown), panel
            assert shown[0]
        assert board.panel(uid, 1, board.view(uid, asked | product))[0].rows == [[58 * len(products)]]


def _at(voice, product, region):
    return voice._replace(event=msgspec.structs.replace(voice.event, product_id=product, region=region))


def test_signals_are_marked_from_their_opening_to_their_end(full_board):
    (marks,) = full_board.annotations("gapwatch-overview", full_board.view("gapwatch-overview", RANGE))
    assert [column["name"] for column in marks.columns] == ["time", "timeEnd", "text", "tags"]
    assert marks.rows
    assert all(opened <= ended for opened, ended, *_ in marks.rows)


def test_an_empty_database_is_no_error(board):
    for uid, page in board.pages.items():
        for panel in page["panels"]:
            board.panel(uid, panel["id"], board.view(uid, {}))


def test_values_from_outside_are_only_values(full_board):
    uid = "gapwatch-fulfillment"
    hostile = ["x') OR 1=1 --", NASTY, "\\", "${product:singlequote}", "$__timeFilter(minute)"]
    view = full_board.view(uid, {**RANGE, "var-product": hostile, "var-gap": ["fulfillment"]})
    for panel in full_board.page(uid)["panels"]:
        full_board.panel(uid, panel["id"], view)
    voices = full_board.panel(uid, 8, view)[0]
    product = [column["name"] for column in voices.columns].index("产品")
    assert {row[product] for row in voices.rows} == {NASTY}


def test_variables_offer_what_was_seen(full_board):
    options = full_board.options("gapwatch-fulfillment")
    assert NASTY in {option["value"] for option in options["product"]}
    assert {option["value"] for option in options["gap"]} == {"information", "design", "communication", "fulfillment"}


@pytest.mark.parametrize(
    ("uid", "asked"),
    [
        ("nowhere", {}),
        ("gapwatch-overview", {"from": ["soon"]}),
        ("gapwatch-overview", {"from": ["now"], "to": ["now-1h"]}),
        ("gapwatch-overview", {"from": ["9" * 30]}),
    ],
)
def test_a_request_for_nothing_is_refused(board, uid, asked):
    with pytest.raises(RequestError):
        board.view(uid, asked)
