"""A profile works, or all of its faults are told, each with its place."""

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapwatch.pipeline.publishing.profiles.application import apply
from gapwatch.pipeline.publishing.profiles.checking import ProfileError, read_profile
from gapwatch.pipeline.publishing.profiles.library import profile_text, shipped_names

if TYPE_CHECKING:
    from gapwatch.pipeline.publishing.profiles.fitting import Fault

SOUND = """\
type = "feedback"
[columns]
text = "评论"
event_time = "时间"
customer_id = "用户"
[constants]
channel = "app"
"""
CHAT = """\
type = "chat"
[columns]
conversation_id = "会话"
customer_id = "用户"
event_time = "时间"
[constants]
channel = "app"
"""


def faults(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ProfileError) as error:
        read_profile(text, "mine.toml")
    for fault in error.value.faults:
        assert str(fault) in str(error.value)
    return [(fault.line, fault.key, fault.what) for fault in error.value.faults]


def test_all_faults_are_told_at_once_in_the_order_of_their_lines():
    text = """\
typ = "feedback"
others = 3

[columns]
texte = "评论"
event_time = 3
rating = { join = ["a"], betwen = "1" }
[constants]
channel = "wechatt"
[times]
timezone = "Asia/Shangai"
formats = ["%Y-%m-%d", "%Q"]
[[skip]]
column = "x"
[[skip]]
column = "x"
matches = "("
"""
    found = faults('type = "feedback"\n' + text)
    assert [(line, key) for line, key, _ in found] == [
        (2, "typ"),
        (3, "others"),
        (5, "columns"),
        (5, "columns"),
        (6, "columns.texte"),
        (7, "columns.event_time"),
        (8, "columns.rating.betwen"),
        (10, "constants.channel"),
        (12, "times.timezone"),
        (13, "times.formats[1]"),
        (14, "skip[0]"),
        (18, "skip[1].matches"),
    ]
    told = "\n".join(what for _, _, what in found)
    for meant in (
        "did you mean type?",
        "did you mean text?",
        "did you mean between?",
        "did you mean wechat?",
        "Asia/Shanghai",
    ):
        assert meant in told


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        ("", 1, "", "type is missing: one of chat, complaint, feedback"),
        ("x", 1, "", "this is no TOML"),
        ('type = "feedback"\nx = = 3\n' + SOUND.partition("\n")[2], 2, "", "this is no TOML"),
        ('type = "feedbak"', 1, "type", "did you mean feedback?"),
        ('type = "feedbak"\n[columns]\ntexte = "a"', 3, "columns.texte", "did you mean text?"),
        (SOUND + 'chanel = "app"\n', 8, "constants.chanel", "did you mean channel?"),
        (SOUND + "rating = 9\n", 8, "constants.rating", "9 is not from 1 to 5"),
        (SOUND + '[values.channel]\n"微信" = "wechat"\n"抖" = "tiktok"\n', 10, 'values.channel."抖"', "there are: physical"),
        (SOUND + '[values.rating]\n"好" = 7\n', 9, 'values.rating."好"', "7 is not from 1 to 5"),
        (SOUND + "[values.shop]\na = 'b'\n", 8, "values.shop", "shop is not known here"),
        (SOUND + "[ratings]\nworst = 0\nbest = 10\n", 8, "ratings", "no column for rating"),
        (SOUND + "[ratings]\nworst = 1\nbest = 1\n", 8, "ratings", "worst and best are the same"),
        (SOUND + "[attributes]\ntext = 'x'\n", 9, "attributes.text", "name it under [columns]"),
        (SOUND + "[[turns]]\ntext = 'x'\nrole = 'bot'\n", 8, "turns", "this is for chats"),
        (SOUND + "[turns]\ntext = 'x'\n", 8, "turns", "each under [[turns]]"),
        (SOUND + "[file]\nheader_row = 0\n", 9, "file.header_row", "a whole number"),
        (SOUND + "[file]\nbegins = '('\n", 9, "file.begins", "no regular expression"),
        (CHAT, 1, "", "a chat needs [[turns]]"),
        (CHAT + "[[turns]]\ntext = 'x'\n", 8, "turns[0]", "either speaker or role"),
        (CHAT + "[[turns]]\ntext = 'x'\nrole = 'robot'\n", 10, "turns[0].role", "did you mean bot?"),
        (CHAT + "[conversation]\ntranscript = 'x'\nmessages = 'y'\n", 8, "conversation", "not both"),
        (CHAT + "[conversation.roles]\n\"小美\" = 'agnt'\n[[turns]]\ntext = 'a'\nspeaker = 'b'\n", 9, 'conversation.roles."小美"', "did you mean agent?"),
        (SOUND.replace('text = "评论"', 'text = ["a", 3]'), 3, "columns.text[1]", "a text in quotation marks"),
        (SOUND.replace('text = "评论"', "text = { join = [] }"), 3, "columns.text.join", "this list is empty"),
        (SOUND + "[values.rating]\n好 = 5\n", 9, "", "in quotation marks"),
        (SOUND + "[attributes]\nshop = 店铺\n", 9, "", "in quotation marks"),
        ("[" * 5000, 1, "", "this is no TOML"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(text: str, line: int, key: str, what: str):
    found = faults(text)
    assert any((one[0], one[1]) == (line, key) and what in one[2] for one in found), found


def test_lines_are_those_of_the_file_also_below_values_of_several_lines():
    text = 'type = "feedback"\r\nleave_out = [\r\n  "a",\r\n  "[b]",\r\n]\r\nabout = """\r\n[columns]\r\n"""\r\nothr = 1\r\n'
    assert (9, "othr") in [fault[:2] for fault in faults(text)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["feedback", "chat", "评论", "customer", "x.y", "(", "%Y", "Asia/Shanghai", "attributes", "transcript"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["join", "between", "text", "speaker", "role", "at", "column", "is", "matches", "rating", "channel",
                         "worst", "best", "messages", "transcript", "roles", "timezone", "formats", "", "a b", "*"]),
        inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KEYS = ["type", "about", "html", "others", "leave_out", "file", "columns", "constants", "attributes", "values", "times",
        "ratings", "conversation", "turns", "skip", "colums"]  # fmt: skip


def toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=True).replace("Infinity", "inf")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
def test_any_profile_works_or_is_told_with_places(content: dict[str, Any]):
    text = "\n".join(f"{key} = {toml(value)}" for key, value in content.items())
    told: list[Fault] = []
    try:
        profile = read_profile(text, "mine.toml")
    except ProfileError as error:
        told = error.faults
    else:
        apply(profile, [{"评论": "x", "x": {"y": [1, {"z": None}]}, "a": 3}, {}], "test")
        return
    assert told
    assert {fault.line for fault in told} <= set(range(1, 2 + len(content)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(shipped_names()), st.data())
def test_a_profile_that_is_cut_or_changed_never_breaks(name: str, data: st.DataObject):
    text = profile_text(name)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    changed = text[:start] + data.draw(st.text(max_size=5)) + text[end:]
    with contextlib.suppress(ProfileError):
        read_profile(changed, "mine.toml")


CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
NESTED = st.recursive(CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
    ["id", "content", "message_type", "created_at", "sender", "messages", "会话ID", "消息内容", "发送者类型", "评价内容", "时间"]),
    inner, max_size=5), max_leaves=12)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(shipped_names()), st.dictionaries(st.sampled_from(
    ["id", "messages", "meta", "会话ID", "消息内容", "发送者类型", "评价内容", "评价时间", "评分", "聊天记录", "transcript", "turns"]),
    NESTED, max_size=8))  # fmt: skip
def test_any_object_becomes_an_event_or_is_refused(name: str, cells: dict[str, Any]):
    for row in apply(read_profile(profile_text(name), name), [cells], "test"):
        assert row.value or row.fault or row.skipped
