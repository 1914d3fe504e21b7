from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.record import Record
from gapwatch.pipeline.publishing.files.transcripts import MessageColumns, conversations, role_of, turns_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEGAN = datetime(2026, 11, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        (
            "客服 10:02:03\n您好\n买家tb1 10:03\n在吗\n订单：1",
            [("agent", "10:02:03", "您好"), ("customer", "10:03:00", "在吗\n订单：1")],
        ),
        ("[2026-11-03 10:02:03] 客服小王：您好", [("agent", "10:02:03", "您好")]),
        ("2026-11-03 10:02:03 客服\n您好\n", [("agent", "10:02:03", "您好")]),
        ("2026年11月3日 10:02:03 机器人: 您好", [("bot", "10:02:03", "您好")]),
        ("张三（10:02）：慢", [("张三", "10:02:00", "慢")]),
        ("客户 10:02:03\n约 10:30\n好", [("customer", "10:02:03", "约 10:30\n好")]),
        (
            "买家：用户体验不错：真的\n客服小李：谢谢\n客户反馈：无",
            [("customer", None, "用户体验不错：真的"), ("agent", None, "谢谢\n客户反馈：无")],
        ),
    ],
)
def test_a_transcript_is_turns(transcript: str, expected: list[tuple[str, str | None, str]]) -> None:
    turns = turns_of(transcript, SHANGHAI, BEGAN)
    found = [(turn["role"], turn["at"][11:19] if "at" in turn else None, turn["text"]) for turn in turns]
    assert found == expected
    assert all(turn["at"].startswith("2026-11-03T") and turn["at"].endswith("+08:00") for turn in turns if "at" in turn)


def test_after_midnight_it_is_the_next_day() -> None:
    turns = turns_of("客服 23:59:00\n好\n客户 00:01:00\n好", SHANGHAI, BEGAN)
    assert [turn["at"] for turn in turns] == ["2026-11-03T23:59:00+08:00", "2026-11-04T00:01:00+08:00"]


@pytest.mark.parametrize(
    ("transcript", "began", "told"),
    [
        ("您好", BEGAN, "who speaks"),
        ("客服 10:02:03\n好", None, "needs the day"),
        ("客服 29:02:03\n好", BEGAN, "no time"),
    ],
)
def test_a_transcript_that_cannot_be_read_is_refused(transcript: str, began: datetime | None, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        turns_of(transcript, SHANGHAI, began)


def test_a_speaker_may_be_named() -> None:
    assert role_of("小蜜", {"小蜜": "bot"}) == "bot"
    assert role_of("Agent 7") == "agent"
    assert role_of("路人") == "路人"


COLUMNS = MessageColumns("会话", "角色", "内容", "时间", frozenset({"客户"}))


def row(line: int, conversation: str, role: str, text: str, customer: str = "c", **more: str) -> Record:
    at = f"2026-11-03 10:00:{line:02}"
    return Record(line, text, {"会话": conversation, "角色": role, "内容": text, "时间": at, "客户": customer, **more})


def test_rows_of_one_conversation_become_one_record() -> None:
    rows = [row(2, "a", "买家", "在吗", 店="甲"), row(3, "b", "买家", "喂"), row(4, "a", "客服", "在", 店="乙")]
    first, second = conversations(rows, COLUMNS)
    assert (first.line, first.rows, first.text, second.line, second.rows) == (2, 2, "在吗\n在", 3, 1)
    assert first.fields == {
        "会话": "a",
        "时间": "2026-11-03 10:00:02",
        "客户": "c",
        "店": "甲; 乙",
        "turns": [
            {"role": "customer", "text": "在吗", "at": "2026-11-03 10:00:02"},
            {"role": "agent", "text": "在", "at": "2026-11-03 10:00:04"},
        ],
    }


def test_no_row_is_lost_on_the_way_into_conversations() -> None:
    skipped = Record(3, "合计", skipped="a line of sums")
    rows = [
        row(2, "a", "买家", "在吗"),
        skipped,
        row(4, "", "客服", "在"),
        row(5, "a", "客服", "在", customer="d"),
        row(6, "b", "买家", "喂"),
    ]
    broken, passed_over, nowhere, whole = conversations(rows, COLUMNS)
    assert passed_over is skipped
    assert [record.line for record in (broken, passed_over, nowhere, whole)] == [2, 3, 4, 6]
    assert nowhere.fault is not None
    assert nowhere.fault.reason == "missing_field"
    assert broken.fault is not None
    assert (broken.fault.reason, broken.rows) == ("attribute_clash", 2)
