"""Objects and rows through a profile, as events."""

import json
from typing import Any

import pytest

from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.publishing.profiles.application import apply
from gapwatch.pipeline.publishing.profiles.checking import read_profile
from gapwatch.pipeline.publishing.profiles.library import load_profile

CONVERSATION = {
    "id": 481,
    "channel": "Channel::WebWidget",
    "status": "resolved",
    "created_at": 1793700300,
    "labels": ["退款", "物流"],
    "meta": {"sender": {"id": 77, "name": "周女士"}, "assignee": {"id": 5}},
    "messages": [
        {"content": "我的锅<br>还没到", "message_type": 0, "created_at": 1793700300, "private": False},
        {"content": "您好，请稍等", "message_type": 3, "created_at": 1793700301, "private": False},
        {"content": "查一下单号", "message_type": 1, "created_at": 1793700360, "private": True},
        {"content": "明天送到", "message_type": 1, "sender_type": "User", "created_at": 1793700420, "private": False},
        {"content": None, "message_type": 0, "created_at": 1793700430, "private": False},
        {"content": "林 标记为已解决", "message_type": 2, "created_at": 1793700500, "private": False},
    ],
}
FEEDBACK = """
type = "feedback"
[columns]
text = "评论"
event_time = { join = ["日期", "时刻"] }
customer_id = ["会员", "昵称"]
[constants]
channel = "app"
[times]
timezone = "Asia/Shanghai"
"""


def fields(row: Row) -> dict[str, Any]:
    assert not row.fault, row.fault
    assert not row.skipped, row.skipped
    return json.loads(row.value)


def one(profile: str, **cells: Any) -> Row:
    (row,) = apply(read_profile(profile, "mine.toml"), [cells], "test")
    return row


def test_a_webhook_becomes_a_chat():
    (row,) = apply(load_profile("chatwoot"), [CONVERSATION], "chatwoot")
    event = fields(row)
    assert [(turn["role"], turn["text"]) for turn in event["turns"]] == [
        ("customer", "我的锅\n还没到"),
        ("bot", "您好，请稍等"),
        ("agent", "明天送到"),
        ("customer", ""),
    ]
    assert (event["event_id"], event["conversation_id"], event["customer_id"], event["agent_id"]) == (
        "481",
        "481",
        "77",
        "5",
    )
    assert (event["channel"], event["status"], event["labels"]) == ("site", "resolved", "退款, 物流")
    assert decode("chat", row.value).turns[0].at.timestamp() == 1793700300


def test_the_first_column_that_is_filled_counts_and_the_others_stay_as_attributes():
    event = fields(one(FEEDBACK, 评论="慢", 日期="2026/11/3", 时刻="9:05", 会员="", 昵称="小鱼"))
    assert event["customer_id"] == "小鱼"
    assert event["event_time"] == "2026-11-03T09:05:00+08:00"
    event = fields(one(FEEDBACK, 评论="慢", 日期="2026/11/3", 时刻="9:05", 会员="m1", 昵称="小鱼"))
    assert (event["customer_id"], event["昵称"]) == ("m1", "小鱼")


def test_a_missing_field_is_told_with_its_columns():
    row = one(FEEDBACK, 评论="慢", 日期="2026/11/3", 昵称=" ", 店铺="东店")
    assert row.fault
    assert row.fault.reason == "missing_field"
    assert "customer_id (会员, 昵称)" in row.fault.detail
    assert "店铺" in row.fault.detail


@pytest.mark.parametrize(
    ("worst", "best", "given", "stars"),
    [
        *(
            (0, 100, given, stars)
            for given, stars in [("100", 5), ("92分", 5), ("80", 4), ("70", 4), ("20", 1), (0, 1)]
        ),
        *((1, 10, given, stars) for given, stars in [(10, 5), ("9", 5), (8.0, 4), (5, 3), (2, 1), (1, 1)]),
        *((0, 10, given, stars) for given, stars in [(10, 5), (7, 4), (5, 3), (1, 1)]),
        *((1, 3, given, stars) for given, stars in [(1, 1), (2, 3), (3, 5)]),
        *((6, 1, given, stars) for given, stars in [(1, 5), (6, 1)]),
        *((1, 5, given, stars) for given, stars in [("4.5", 5), (3, 3)]),
    ],
)
def test_ratings_of_another_scale(worst: float, best: float, given: object, stars: int):
    profile = FEEDBACK.replace("[constants]", f'rating = "分"\n[ratings]\nworst = {worst}\nbest = {best}\n[constants]')
    row = one(profile, 评论="慢", 日期="2026/11/3", 时刻="9:05", 会员="m1", 分=given)
    assert fields(row)["rating"] == stars


def test_a_rating_outside_of_its_scale_is_refused():
    profile = FEEDBACK.replace("[constants]", 'rating = "分"\n[ratings]\nworst = 1\nbest = 10\n[constants]')
    row = one(profile, 评论="慢", 日期="2026/11/3", 时刻="9:05", 会员="m1", 分="11")
    assert row.fault
    assert row.fault.detail == "$.rating: 11 is not from 1 to 10"
