from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.times import rfc_3339
from gapwatch.pipeline.publishing.files.transcripts import turns_of
from gapwatch.pipeline.publishing.files.values import converted, is_nothing

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("channel", "微信", "wechat"),
        ("channel", "WeChat", "wechat"),
        ("channel", "拉勾", "拉勾"),
        ("status", "已完成", "resolved"),
        ("customer_id", Raw(b"7"), "7"),
        ("product_id", Raw('"壶　"'.encode()), "壶"),
        ("order_id", Raw(b"4.75E+15"), Raw(b"4.75E+15")),
        ("rating", Raw(b"5.0"), 5),
        ("rating", Raw(b"null"), Raw(b"null")),
        ("rating", Raw(b"true"), Raw(b"true")),
        ("text", "  x ", "  x "),
        ("turns", "[1]", [1]),
        ("attributes", '{"a": "b"}', {"a": "b"}),
    ],
)
def test_values_become_those_of_the_contract(field: str, value: Any, expected: Any) -> None:
    assert converted(field, value, None) == expected


def test_a_cell_may_say_that_there_is_nothing() -> None:
    assert is_nothing("rating", "-")
    assert is_nothing("order_id", "NULL")
    assert is_nothing("delivered_at", "0000-00-00 00:00:00")
    assert is_nothing("text", "")
    assert is_nothing("delivered_at", Raw(b'""'))
    assert not is_nothing("text", Raw(b'""'))
    assert not is_nothing("region", "NA")
    assert not is_nothing("text", "-")
    assert not is_nothing("customer_id", "无")


NUMBERS_AND_MARKS = st.text(st.sampled_from("0123456789年月日-/.: TZ+上下午点时分秒"), max_size=24)


@given(st.one_of(st.text(max_size=30), NUMBERS_AND_MARKS, st.floats(), st.integers()))
@example("9999-12-31 24:00:00")
@example("0001-01-01")
@example("2026-01-01 00:00 +99:99")
@example("10000000000000000000.5")
def test_any_value_is_a_time_or_refused(value: object) -> None:
    try:
        found = rfc_3339(value, SHANGHAI)
    except Rejected:
        return
    assert datetime.fromisoformat(found.replace("z", "Z").replace("t", "T")[:19])


@given(
    st.one_of(
        st.text(max_size=30),
        NUMBERS_AND_MARKS,
        st.text(st.sampled_from("客服买家:： 0123456789\n[]（）好"), max_size=40),
    )
)
def test_any_text_is_a_transcript_or_refused(text: str) -> None:
    for field in ("event_time", "rating", "turns", "channel", "attributes"):
        try:
            converted(field, text, SHANGHAI)
            turns_of(text, SHANGHAI, datetime(2026, 11, 3, tzinfo=SHANGHAI))
        except Rejected:
            continue
