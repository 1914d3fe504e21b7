"""Alerts in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.alerts.message import Quote, Writer, excerpt, fitted, where
from gapwatch.pipeline.signals.series import MEASURES, Place, Series
from gapwatch.pipeline.signals.suggestions import suggestions
from gapwatch.pipeline.signals.verdict import Companion, Signal
from gapwatch.pipeline.words.catalogue import Speaker

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SIGNAL = Signal(
    Series("fulfillment", Place(channel="app", product_id="净水器")),
    minute=NOW,
    opened=NOW,
    since=NOW - timedelta(hours=2),
    state="opened",
    severity="warning",
    reason="worse",
    gap_index=45.9,
    expected_index=19.9,
    voices=41,
    events=30,
    customers=29,
    excess=18.2,
    evidence=14.6,
    limit=14.1,
    companions=(Companion("communication", 1.8, 6.0, 25), Companion("design", 1.5, 4.0, -10)),
)
QUOTE = Quote("说好三天到，一个星期还没到，客服不理人", 6, 13, "app", NOW)


def write(locale="zh", signal=SIGNAL, quotes=(QUOTE,), url="http://127.0.0.1:8000/"):
    return Writer(locale, "Asia/Shanghai", url).write(signal, quotes)


def test_an_alert_says_what_where_how_sure_and_what_to_do():
    message = write()
    assert message.title == "【警告】实现差距变差：产品“净水器” · 渠道“App”"
    assert "指数 45.9，往常 19.9（2.3 倍）" in message.body
    assert "11-20 15:00 以来 41 条客户声音中有 30 条提到，来自 29 位客户，比往常多约 18 条" in message.body
    assert "证据 14.6，界限 14.1" in message.body
    assert "同时变差：沟通差距（1.8 倍，早 25 分钟）" in message.body
    assert "同时变差：设计差距（1.5 倍，晚 10 分钟）" in message.body
    assert "1. 说好三天到，【一个星期还没到】，客服不理人（App，11-20 17:00）" in message.body
    assert all(suggestion in message.body for suggestion in suggestions("fulfillment", Speaker("zh")))


def test_an_alert_in_english():
    message = write("en")
    assert message.title == "[Warning] Fulfillment gap got worse: product “净水器” · channel “App”"
    assert "Index 45.9, usually 19.9 (2.3 times)." in message.body


def test_a_recovery_says_how_long_it_lasted():
    recovered = SIGNAL._replace(state="recovered", reason="usual", gap_index=20.1, minute=NOW + timedelta(hours=3))
    message = write(signal=recovered)
    assert message.title.startswith("【警告】实现差距恢复")
    assert "指数回到 20.1（往常 19.9）。信号从 11-20 17:00 持续到 11-20 20:00" in message.body
    assert "建议" not in message.body


def test_silence_is_not_called_a_recovery():
    message = write(signal=SIGNAL._replace(state="recovered", reason="silent"), quotes=())
    assert "无法判断是否真的恢复" in message.body


def test_the_link_leads_to_the_place_and_time():
    body = write(signal=SIGNAL._replace(series=Series("fulfillment", Place(product_id="a&b=c d")))).body
    assert "http://127.0.0.1:8000/d/gapwatch-fulfillment?var-product=a%26b%3Dc+d&var-gap=fulfillment&from=" in body
    assert "http" not in write(url=None).body


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("state", ["opened", "escalated", "recovered"])
def test_every_kind_of_alert_can_be_written(locale, measure, state):
    message = write(locale, SIGNAL._replace(series=Series(measure, Place()), state=state, expected_index=0.0))
    assert message.title
    assert message.body
    assert "\n\n" not in message.body


def test_a_product_name_is_text_on_one_line():
    name = "<b>净水器</b>\n# 标题\r\n[x](http://evil) {{ 7*7 }} " + "长" * 500
    title = write(signal=SIGNAL._replace(series=Series("fulfillment", Place(product_id=name)))).title
    assert "<b>净水器</b> # 标题 [x](http://evil) {" in title
    assert "49" not in title
    assert len(title) < 80


@given(st.text(), st.text(), st.text())
def test_any_place_is_one_line(channel, product, region):
    assert len(where(Place(channel, product, region), Speaker("zh")).splitlines()) <= 1


@given(st.text(max_size=300), st.data())
def test_an_excerpt_holds_the_evidence_on_one_line(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    shown = excerpt(Quote(text, start, end, "app", NOW))
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= 190


@given(st.text(), st.integers(8, 60))
def test_a_text_is_fitted_to_bytes(text, most):
    cut = fitted(text, most)
    assert len(cut.encode()) <= most
    assert cut == text or cut.endswith("…")
