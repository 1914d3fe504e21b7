import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.decode import MAX_DEPTH, Rejected, decode
from gapwatch.schemas.events import (
    EVENT_TYPES,
    MAX_CHAT_TEXT,
    MAX_TEXT,
    MAX_TURNS,
    AnyEvent,
    Channel,
    Chat,
    Complaint,
    EventType,
    Feedback,
    Role,
    Status,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHARED = {"event_id": "e1", "event_time": "2026-11-22T10:00:00+08:00", "channel": "app", "customer_id": "c1"}
VALID: dict[EventType, dict[str, Any]] = {
    "feedback": {**SHARED, "text": "东西不错"},
    "complaint": {**SHARED, "text": "还没到货"},
    "chat": {**SHARED, "conversation_id": "k1", "turns": [{"role": "customer", "text": "在吗"}]},
}
ABSENT = object()


def encoded(event_type: EventType, **changes: Any) -> bytes:
    fields = VALID[event_type] | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ABSENT}).encode()


def decoded(event_type: EventType, **changes: Any) -> AnyEvent:
    return decode(event_type, encoded(event_type, **changes), NOW)


def rejection(event_type: EventType, value: bytes | None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(event_type, value, NOW)
    return caught.value


def reason(event_type: EventType, value: bytes | None) -> str:
    return rejection(event_type, value).reason


@pytest.mark.parametrize("event_type", get_args(EventType))
def test_a_valid_event_becomes_its_type(event_type: EventType) -> None:
    event = decoded(event_type)
    assert type(event) is EVENT_TYPES[event_type]
    assert event.event_time == datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_every_optional_field_is_read() -> None:
    instant = "2026-11-20T08:00:00Z"
    names = {"order_id": "o", "product_id": "p", "region": "华东", "attributes": {"app_version": "8.1"}}
    feedback = decoded("feedback", **names, rating=5)
    assert isinstance(feedback, Feedback)
    assert (feedback.rating, feedback.region, feedback.attributes) == (5, "华东", {"app_version": "8.1"})
    complaint = decoded("complaint", subject="物流", promised_at=instant, delivered_at=instant, status="open")
    assert isinstance(complaint, Complaint)
    assert complaint.promised_at == complaint.delivered_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    chat = decoded("chat", agent_id="a", ended_at=instant, turns=[{"role": "bot", "text": "您好", "at": instant}])
    assert isinstance(chat, Chat)
    assert chat.turns[0].at == chat.ended_at


NESTED = b'{"a":' + b'[{"b":' * (MAX_DEPTH // 2 - 1) + b"[%b]" + b"}]" * (MAX_DEPTH // 2 - 1) + b"}"


@pytest.mark.parametrize(
    ("value", "expected", "place"),
    [
        (None, "null_value", "no value"),
        (b"\xff\xfe{}", "not_utf8", "byte 0"),
        ("评论".encode("gb18030"), "not_utf8", "byte 0"),
        (b'{"event_id": "\xed\xa0\x80"}', "not_utf8", "byte 14"),
        (b"", "not_json", "truncated"),
        (b"\xef\xbb\xbf{}", "not_json", "byte 0"),
        (b'{"event_id": "a"', "not_json", "truncated"),
        (b'{"event_id": null, nonsense', "not_json", "byte 19"),
        (b'{"event_id": "a\x00b"}', "not_json", "byte 15"),
        (b'{"x": NaN}', "not_json", "byte 6"),
        (b"[]", "not_object", ""),
        (b"null", "not_object", ""),
        (b'"text"', "not_object", ""),
        (b"{}", "missing_field", "$.event_id"),
        (b"[" * 1_000_000, "not_object", ""),
        (NESTED % b"{}", "too_deep", str(MAX_DEPTH)),
        (NESTED % (b"[" * 900 + b"]" * 900), "too_deep", str(MAX_DEPTH)),
        (b'{"a":' * 1_000_000, "too_deep", str(MAX_DEPTH)),
    ],
)
def test_what_is_no_json_object_is_rejected(value: bytes | None, expected: str, place: str) -> None:
    rejected = rejection("feedback", value)
    assert rejected.reason == expected
    assert place in rejected.detail


TURN = {"role": "customer", "text": "在吗"}


@pytest.mark.parametrize(
    ("event_type", "changes", "expected", "place"),
    [
        ("feedback", {"event_id": ABSENT}, "missing_field", "$.event_id is missing"),
        ("chat", {"turns": [{"role": "bot"}]}, "missing_field", "$.turns[0].text"),
        ("feedback", {"event_id": None}, "null_field", "$.event_id"),
        ("chat", {"turns": [TURN, None]}, "null_field", "$.turns[1]"),
        ("feedback", {"event_id": ""}, "empty_field", "$.event_id"),
        ("chat", {"turns": []}, "empty_field", "$.turns"),
        ("feedback", {"attributes": {"": "x"}}, "empty_field", "a name in $.attributes"),
        ("feedback", {"customer_id": 7}, "wrong_type", "$.customer_id is not a text, which stands in quotes"),
        ("feedback", {"event_time": 1_700_000_000}, "wrong_type", "$.event_time"),
        ("feedback", {"rating": 4.5}, "wrong_type", "$.rating is not a whole number, which stands"),
        ("feedback", {"rating": True}, "wrong_type", "$.rating"),
        ("feedback", {"attributes": {"weight": 3}}, "wrong_type", "$.attributes"),
        ("feedback", {"attributes": None}, "null_field", "$.attributes"),
        ("chat", {"turns": "在吗"}, "wrong_type", "$.turns"),
        ("feedback", {"rating": 6}, "out_of_range", "$.rating is not <= 5"),
        ("feedback", {"rating": 0}, "out_of_range", "$.rating"),
        ("feedback", {"event_id": "x" * 129}, "too_long", "$.event_id is longer than 128"),
        ("feedback", {"region": "x" * 501}, "too_long", "$.region is longer than 500"),
        ("feedback", {"attributes": {str(n): "" for n in range(101)}}, "too_long", "$.attributes"),
        ("chat", {"turns": [TURN] * (MAX_TURNS + 1)}, "too_long", "$.turns"),
        ("feedback", {"text": "好" * (MAX_TEXT + 1)}, "text_too_large", "$.text"),
        ("chat", {"turns": [{**TURN, "text": "好" * (MAX_TEXT + 1)}]}, "text_too_large", "$.turns[0].text"),
        ("chat", {"turns": [{**TURN, "text": "a" * 1000}] * (MAX_CHAT_TEXT // 1000 + 1)}, "text_too_large", "$.turns"),
        ("feedback", {"text": " \u3000\n"}, "empty_text", "$.text"),
        ("complaint", {"text": ""}, "empty_text", "$.text"),
        ("feedback", {"channel": "tiktok"}, "unknown_channel", "$.channel is none of physical"),
        ("chat", {"turns": [TURN, {**TURN, "role": "boss"}]}, "unknown_role", "$.turns[1].role"),
        ("complaint", {"status": "lost"}, "unknown_status", "$.status"),
        ("chat", {"turns": [{**TURN, "mood": "bad"}]}, "unknown_field", "$.turns[0]"),
        ("feedback", {"shop": "7", "attributes": {"shop": "8"}}, "attribute_clash", "shop"),
        ("feedback", {"shop": "8" * 10_001}, "too_long", "$.attributes"),
        ("feedback", {"event_time": "2026-11-22T10:00:00"}, "time_without_offset", "$.event_time"),
        ("chat", {"turns": [{**TURN, "at": "2026-11-22 10:00"}]}, "time_unparsable", "$.turns[0].at"),
        ("feedback", {"event_time": ""}, "time_unparsable", "$.event_time"),
        ("feedback", {"event_time": "2026-02-30T10:00:00Z"}, "time_unparsable", "$.event_time"),
        ("feedback", {"event_time": "2026-11-23T12:00:01Z"}, "time_in_future", "$.event_time"),
        ("feedback", {"event_time": "9999-12-31T23:59:59-23:00"}, "time_in_future", "$.event_time"),
        ("complaint", {"delivered_at": "2026-12-01T00:00:00Z"}, "time_in_future", "$.delivered_at"),
        ("complaint", {"promised_at": "2046-12-01T00:00:00Z"}, "time_in_future", "$.promised_at"),
        ("chat", {"turns": [{**TURN, "at": "2026-12-01T00:00:00Z"}]}, "time_in_future", "$.turns[0].at"),
        ("chat", {"ended_at": "2026-12-01T00:00:00Z"}, "time_in_future", "$.ended_at"),
        ("feedback", {"event_time": "1999-12-31T23:59:59Z"}, "time_before_2000", "$.event_time"),
        ("feedback", {"event_time": "0001-01-01T00:00:00+23:00"}, "time_before_2000", "$.event_time"),
        ("feedback", {"event_id": "a\x00b"}, "control_character", "$.event_id"),
        ("feedback", {"event_id": "a\ud800"}, "control_character", "$.event_id"),
        ("feedback", {"product_id": "p\n"}, "control_character", "$.product_id"),
        ("chat", {"conversation_id": "\x1b[31m"}, "control_character", "$.conversation_id"),
        ("feedback", {"a\tb": "x"}, "control_character", "$.attributes"),
    ],
)
def test_what_breaks_the_contract_is_rejected(
    event_type: EventType, changes: dict[str, Any], expected: str, place: str
) -> None:
    rejected = rejection(event_type, encoded(event_type, **changes))
    assert rejected.reason == expected
    assert place in rejected.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "张三13800138000"},
        {"13800138000": "x", "attributes": {"13800138000": "y"}},
        {"event_time": "13800138000"},
        {"rating": "13800138000"},
        {"text": ["张三"]},
        {"tel13800138000": "x" * 10_001},
    ],
)
def test_a_detail_never_tells_what_the_customer_wrote(changes: dict[str, Any]) -> None:
    detail = rejection("feedback", encoded("feedback", **changes)).detail
    assert "13800138000" not in detail
    assert "张三" not in detail


def test_what_is_nested_as_deep_as_allowed_is_kept() -> None:
    nested = (NESTED % b"1").removeprefix(b'{"a":').removesuffix(b"}")
    event = decode("feedback", b'{"a":' + nested + b',"b":"[[[\\"[[[",' + encoded("feedback")[1:], NOW)
    assert event.attributes == {"a": nested.decode(), "b": '[[["[[['}


def test_an_unknown_field_in_a_turn_is_named_only_if_it_looks_like_a_name() -> None:
    assert "mood" in rejection("chat", encoded("chat", turns=[{**TURN, "mood": 1}])).detail
    assert "张三" not in rejection("chat", encoded("chat", turns=[{**TURN, "张三": 1}])).detail


def test_unknown_fields_are_kept_as_attributes() -> None:
    unknown = b'{"shop": "7", "weight": 1.50, "tags": ["a", {"b": null}], "vip": null,'
    event = decode("feedback", unknown + encoded("feedback", attributes={"app": "8"})[1:], NOW)
    assert event.attributes == {
        "app": "8",
        "shop": "7",
        "weight": "1.50",
        "tags": '["a", {"b": null}]',
        "vip": "null",
    }


@pytest.mark.parametrize(
    "text", ["😀👍🏽", "快遞還沒到", "ok吗 123 ปัญหา", "a\u200bb", "第一行\n第二行\t完", "x\x7fy", '"\\ud800"']
)
def test_ordinary_text_is_stored_as_written(text: str) -> None:
    for ascii_only in (True, False):
        value = json.dumps(VALID["feedback"] | {"text": text}, ensure_ascii=ascii_only).encode()
        event = decode("feedback", value, NOW)
        assert isinstance(event, Feedback)
        assert event.text == text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("好\x00评", "好\ufffd评"),
        ("\x1b[31m", "\ufffd[31m"),
        ("\ud83d", "\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("😀\ud83d你", "😀\ufffd你"),
        ("\\ud83d\ud83d", "\\ud83d\ufffd"),
    ],
)
def test_what_cannot_be_shown_is_stored_as_the_replacement_character(text: str, stored: str) -> None:
    feedback = decoded("feedback", text=text, attributes={"note": text})
    assert isinstance(feedback, Feedback)
    assert (feedback.text, feedback.attributes["note"]) == (stored, stored)
    chat = decoded("chat", turns=[TURN, {"role": "agent", "text": text}])
    assert isinstance(chat, Chat)
    assert [turn.text for turn in chat.turns] == ["在吗", stored]


def test_blank_text_beside_a_rating_is_stored() -> None:
    event = decoded("feedback", text="", rating=1)
    assert isinstance(event, Feedback)
    assert event.text == ""


def test_the_largest_event_that_the_contract_allows_is_read() -> None:
    turns = [{"role": "customer", "text": "a" * (MAX_CHAT_TEXT // MAX_TURNS)}] * MAX_TURNS
    chat = decoded("chat", turns=turns)
    assert isinstance(chat, Chat)
    assert len(chat.turns) == MAX_TURNS
    assert isinstance(decoded("feedback", text="好" * MAX_TEXT), Feedback)


def test_a_clock_a_day_ahead_is_tolerated_and_a_promise_may_lie_ahead() -> None:
    assert decoded("feedback", event_time="2026-11-23T12:00:00Z")
    assert decoded("complaint", promised_at="2027-06-01T00:00:00Z")


@pytest.mark.parametrize("time", ["2000-01-01T00:00:00Z", "2000-01-01T08:00:00+08:00", "2000-07-01T12:00:00Z"])
def test_the_year_2000_is_in_the_contract(time: str) -> None:
    assert decoded("feedback", event_time=time).event_time == datetime.fromisoformat(time)


def test_the_year_2000_begins_in_utc() -> None:
    assert reason("feedback", encoded("feedback", event_time="2000-01-01T00:00:00+08:00")) == "time_before_2000"


def test_of_a_repeated_field_the_last_counts() -> None:
    value = encoded("feedback")[:-1] + b', "event_id": "e2"}'
    assert decode("feedback", value, NOW).event_id == "e2"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "\x00", "app"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(sorted({name for kind in EVENT_TYPES.values() for name in kind.__struct_fields__}))


@st.composite
def nearly_valid(draw: st.DrawFn, event_type: EventType) -> bytes:
    changes = draw(st.dictionaries(field_names | st.text(max_size=8), json_values, max_size=3))
    value = json.dumps(VALID[event_type] | changes, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    cut = draw(st.integers(0, len(value)))
    return draw(st.sampled_from([value, value[:cut], value[:cut] + draw(st.binary(max_size=4)) + value[cut:]]))


@pytest.mark.parametrize("event_type", get_args(EventType))
@given(data=st.data())
def test_any_bytes_become_an_event_or_a_rejection(event_type: EventType, data: st.DataObject) -> None:
    value = data.draw(st.binary() | json_values.map(lambda v: json.dumps(v).encode()) | nearly_valid(event_type))
    with suppress(Rejected):
        event = decode(event_type, value, NOW)
        stored = msgspec.json.encode(event)
        assert decode(event_type, stored, NOW) == event


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: b'"' * n,
        lambda n: b'\\"' * n,
        lambda n: b'"' + b'\\"' * n,
        lambda n: b"{" * 40 + b'"\\' * n,
        lambda n: b'{"text": "' + b"\\ud83d" * n + b'"}',
        lambda n: encoded("feedback", text="\x00" * n),
        lambda n: encoded("feedback", **{f"f{i}": i for i in range(n)}),
        lambda n: encoded("feedback", note=[[]] * n),
        lambda n: encoded("chat", turns=[{**TURN, "x": 1}] * n),
    ],
)
@pytest.mark.timeout(60)  # quadratic work would take hours
@pytest.mark.parametrize("event_type", get_args(EventType))
def test_hostile_records_of_megabytes_are_decided_on(event_type: EventType, shape: Any) -> None:
    value = shape(200_000)
    with suppress(Rejected):
        decode(event_type, value, NOW)


def test_the_contract_names_what_the_design_names() -> None:
    assert "mystery_shopper" in get_args(Channel)
    assert set(get_args(Role)) == {"customer", "agent", "bot"}
    assert set(get_args(Status)) == {"open", "answered", "resolved"}


def test_the_present_is_the_clock_unless_given() -> None:
    ahead = datetime.now(UTC) + timedelta(days=2)
    value = encoded("feedback", event_time=ahead.isoformat())
    assert decode("feedback", value, ahead)
    with pytest.raises(Rejected):
        decode("feedback", value)
