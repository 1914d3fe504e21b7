"""No kind of personal data, in no field of an event and in no form, is anywhere in the row that is stored."""

import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from support.sample_events import reading

from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.events.privacy import MaskedEvent, mask_event
from gapwatch.pipeline.events.privacy.shown import shown_record
from gapwatch.pipeline.language.reading import ChatReading
from gapwatch.schemas.events import Chat, EventType

# Of each kind how it may be written, and what of it must not be left.
KINDS: dict[str, list[tuple[str, str]]] = {
    "telephone": [
        ("13812345678", "12345678"),
        ("+86 138 1234 5678", "1234"),
        ("138-1234-5678", "1234"),
        ("１３８１２３４５６７８", "１２３４"),
        ("0571-88886666", "8888"),
    ],
    "identity card": [
        ("110101199003077758", "19900307"),
        ("11010519491231002X", "19491231"),
        ("110105 19491231 002x", "1949"),
    ],
    "bank card": [("6222021234567890128", "345678"), ("6222 0212 3456 7890 128", "3456"), ("4111111111111111", "1111")],
    "mail": [("zhangwei@qq.com", "zhangwei"), ("Li.Na+shop@Example.com", "Example")],
    "name": [
        ("张伟", "张伟"),
        ("王小明", "王小明"),
        ("欧阳娜娜", "娜娜"),
        ("李女士", "李女士"),
        ("阿迪力·买买提", "阿迪力"),
    ],
    "address": [
        ("浙江省杭州市西湖区文三路88号3幢502室", "文三路"),
        ("朝阳区建国路93号院2号楼1203", "建国路"),
    ],
    "WeChat": [("wxid_8sk2jd92ls01", "8sk2"), ("微信：zhangsan88", "zhangsan"), ("vx:lihua_1990", "lihua")],
}
CASES = [(kind, *form) for kind, forms in KINDS.items() for form in forms]
each_form = pytest.mark.parametrize(
    ("value", "secret"), [case[1:] for case in CASES], ids=[f"{c[0]} {c[1]}" for c in CASES]
)

IDENTIFIERS = ["event_id", "customer_id", "order_id", "product_id", "region", "conversation_id", "agent_id"]
NAMES = {
    "telephone": ["phone", "receiverMobile", "contact_tel", "手机", "联系方式", "dianhua", "sjh"],
    "identity card": ["idcard", "id_card_no", "身份证号", "shenfenzheng"],
    "bank card": ["bankCard", "card_no", "银行卡", "yinhangka"],
    "mail": ["email", "userEmail", "邮箱"],
    "name": ["收货人", "receiver_name", "consignee", "shouhuoren", "realName", "联系人", "昵称"],
    "address": ["address", "shipping_address", "收货地址", "dizhi"],
    "WeChat": ["微信", "wechat_id", "weixin", "openId"],
}
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FEEDBACK: dict[str, Any] = {
    "event_id": "e-1",
    "event_time": "2026-11-01T12:00:00+08:00",
    "channel": "app",
    "customer_id": "c-1",
    "text": "太慢了",
}
CHAT: dict[str, Any] = FEEDBACK | {"conversation_id": "k-1", "turns": [{"role": "customer", "text": "太慢了"}]}
del CHAT["text"]


def masked(event_type: EventType, published: dict[str, Any]) -> MaskedEvent:
    return mask_event(decode(event_type, msgspec.json.encode(published)))


def row_of(event: MaskedEvent) -> str:
    """Everything that is stored, readings aside, as one text."""
    columns = EventColumns("m1")
    chat = isinstance(event.event, Chat)
    whole = reading(text=event.text) if event.text else reading()
    columns.append(event, ChatReading(whole, (), 0.0, 0.0, 0.0) if chat else whole, 1)
    return repr([values for *_, values in columns.columns()])


def assert_kept(event: MaskedEvent, *secrets: str) -> None:
    row = row_of(event)
    for secret in secrets:
        assert secret not in row
    assert row_of(mask_event(event.event)) == row, "masking again changes it"


@each_form
@pytest.mark.parametrize("field", IDENTIFIERS)
def test_identifiers(field, value, secret):
    assert_kept(masked("chat", CHAT | {field: value}), secret)


@pytest.mark.parametrize("pattern", ["u-{}", "{}_2", "ORD/{}", "{}@shop", "tel:{}", "2026-11-01 {}"])
@pytest.mark.parametrize("field", IDENTIFIERS)
def test_identifiers_with_a_number_inside(field, pattern):
    assert_kept(masked("chat", CHAT | {field: pattern.format("13812345678")}), "13812345678", "12345678")


@pytest.mark.parametrize(("kind", "value", "secret"), CASES)
def test_values_under_telling_names(kind, value, secret):
    for name in NAMES[kind]:
        assert_kept(masked("feedback", FEEDBACK | {"attributes": {name: value}}), secret)
        assert_kept(masked("feedback", FEEDBACK | {name: value}), secret)
        assert_kept(masked("feedback", FEEDBACK | {name: {"first": [value, {"x": value}]}}), secret)


@each_form
def test_names_of_attributes(value, secret):
    assert_kept(masked("feedback", FEEDBACK | {"attributes": {value: "1"}}), secret)
    assert_kept(masked("feedback", FEEDBACK | {value: "1"}), secret)
    assert_kept(masked("feedback", FEEDBACK | {"extra": {value: {"a": [{value: 2}]}}}), secret)


WRAPPED = {
    "object": lambda name, value: {name: value},
    "list": lambda name, value: [1, [{name: value}]],
    "JSON in a string": lambda name, value: json.dumps({name: value}),
    "JSON in JSON in a string": lambda name, value: json.dumps({"a": json.dumps([{name: value}])}),
    "a list of pairs": lambda name, value: [{"name": name, "value": value}],
    "pairs in Chinese": lambda name, value: json.dumps([{"字段": name, "值": value}], ensure_ascii=False),
    "below a telling name": lambda name, value: {name: {"detail": {"v": value}}},
    "a name twice": lambda name, value: f'{{"{name}": "{value}", "{name}": ""}}',
    "a query": lambda name, value: f"a=1&{name}={value}&b=2",
    "Python": lambda name, value: repr({name: value}),
    "a line": lambda name, value: f"{name}：{value}；备注：无",
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize(("kind", "value", "secret"), CASES)
def test_nested(kind, value, secret, wrap):
    for name in NAMES[kind]:
        for place in ({"extra": wrap(name, value)}, {"attributes": {"extra": json.dumps(wrap(name, value))}}):
            assert_kept(masked("feedback", FEEDBACK | place), secret)


QUESTIONS = {
    "telephone": ["请问您的电话是多少？", "麻烦留个联系方式", "手机号报一下"],
    "identity card": ["麻烦提供一下身份证号", "身份证号码是多少"],
    "bank card": ["退到哪张银行卡，卡号发一下", "请提供银行卡号"],
    "mail": ["邮箱是多少？", "请留一下您的邮箱"],
    "name": ["请问您贵姓？", "怎么称呼您", "收货人姓名是什么呢", "麻烦提供一下您的名字"],
    "address": ["收货地址是哪里？", "请提供一下地址", "您住在哪个小区"],
    "WeChat": ["方便留一下微信吗", "您的微信号是多少"],
}
ANSWERS = {
    "telephone": [
        ("138 1234 5678", "1234"),
        ("88886666", "8888"),
        ("1 3 8 1 2 3 4 5 6 7 8", "5 6 7 8"),
        ("一三八一二三四五六七八", "五六七八"),
    ],
    "identity card": [("110101199003077758", "19900307"), ("110101 900307 775", "900307")],
    "bank card": [("6222 0212 3456 7890", "3456"), ("621700001234567", "12345")],
    "mail": [("zhangwei@qq.com", "zhangwei")],
    "name": [
        ("李雷", "李雷"),
        ("我叫韩梅梅", "韩梅梅"),
        ("免贵姓张", "张"),
        ("王建国，怎么了", "王建国"),
        ("是李女士", "李"),
        ("Tom Green", "Tom"),
        ("我姓欧阳", "欧阳"),
        ("我姓李，叫李小龙", "小龙"),
        ("叫我老王就行", "老王"),
        ("李雷，谢谢", "李雷"),
    ],
    "address": [("阳光花园3-2-501", "3-2-501"), ("文三路那边的万塘小区", "万塘"), ("建国路93号", "建国路")],
    "WeChat": [("lilei1990", "lilei"), ("zhang_san88", "zhang_san")],
}
BETWEEN = [
    [],
    [("agent", "您说")],
    [("customer", "等一下"), ("agent", "好的")],
    [("bot", "正在为您转接"), ("customer", "嗯")],
]


def conversation(*turns: tuple[str, str]) -> MaskedEvent:
    return masked("chat", CHAT | {"turns": [{"role": role, "text": text} for role, text in turns]})


@pytest.mark.parametrize("kind", QUESTIONS)
def test_an_answer_to_a_question(kind):
    for question, (answer, secret), between in itertools.product(QUESTIONS[kind], ANSWERS[kind], BETWEEN):
        event = conversation(
            ("customer", "你好"), ("agent", question), *between, ("customer", answer), ("agent", "好的")
        )
        assert_kept(event, secret)
        assert secret not in event.text


@pytest.mark.parametrize(
    ("announced", "told", "secret"),
    [
        ("我的名字是", "李雷", "李雷"),
        ("我电话：", "88886666", "8888"),
        ("收货地址", "阳光花园3-2-501", "501"),
        ("微信", "lilei1990", "lilei"),
    ],
)
def test_what_is_announced_in_one_turn_and_told_in_the_next(announced, told, secret):
    for between in BETWEEN:
        assert_kept(conversation(("customer", announced), *between, ("customer", told)), secret)


@pytest.mark.parametrize(
    "parts",
    [
        ["138", "1234", "5678"],
        ["1381", "2345", "678"],
        ["13", "812", "345678"],
        ["我的号码138", "1234", "5678谢谢"],
        ["前面是138", "然后1234", "最后5678"],
        ["一三八", "一二三四", "五六七八"],
        ["110101", "19900307", "7758"],
        ["1101051949", "1231002X"],
        ["6222", "0212", "3456", "7890", "128"],
    ],
)
@pytest.mark.parametrize(
    "filler", [[], [("agent", "嗯")], [("agent", "继续"), ("bot", "请稍等")], [("customer", "等下")]]
)
def test_a_number_told_over_several_turns(parts, filler):
    turns = [turn for part in parts for turn in (("customer", part), *filler)]
    row = row_of(conversation(*turns))
    for part in parts:
        assert re.sub("[我的号码前面是然后最后谢谢]", "", part) not in row


@pytest.mark.parametrize(
    "turns",
    [
        ["我要退货", "太慢了", "什么时候到"],
        ["不方便说", "谢谢", "你们电话打不通"],
        ["订单20261101001", "3件", "199元"],
    ],
)
def test_what_is_no_answer_stays(turns):
    event = conversation(*(turn for text in turns for turn in (("agent", "请问您贵姓？"), ("customer", text))))
    assert event.said == tuple(turns)


@each_form
@pytest.mark.parametrize("field", [*IDENTIFIERS, "text", "备注", "收货人"])
def test_a_record_that_is_shown(field, value, secret):
    """As `gapwatch dead-letters show` shows it: JSON that broke the contract, and what is no JSON."""
    text = f"我叫{value}，联系人：{value}。" if field == "text" else value
    record = json.dumps(CHAT | {"channel": "fax", field: text, "turns": "none"})
    assert secret not in shown_record(record)
    if field in {"text", "收货人"}:
        assert secret not in shown_record(f"{field}: {text}；{{")
        assert secret not in shown_record(json.dumps([text, {"b": text}]))


def test_turns_that_are_shown():
    turns = [{"role": "agent", "text": "请问您贵姓"}, {"role": "fax", "text": "李雷", "extra": {"phone": "8888"}}]
    shown = shown_record(json.dumps(CHAT | {"turns": turns}))
    assert "李雷" not in shown
    assert "8888" not in shown
    assert "请问您贵姓" in shown


@pytest.mark.parametrize(
    "value", ["", "null", "[]", '"\\ud800"', '{"a": "\\ud800", "event_id": 7, "turns": [1]}', "[" * 9000]
)
def test_whatever_is_shown_is_text(value):
    shown_record(value).encode()


@pytest.mark.parametrize(
    "said",
    [
        "咨询订单号：o-77120，商品有点问题，这个也要解决一下",
        "这样的您购买的是易碎贵重物品，快递小哥要保证质量，要过一站检查一次",
        "不在一个城市",
        "街道不同",
        "您的订单在上海发货完成，准备送往杭州站点",
        "谢谢你",
        "我得提前联系一下啊",
        "好的，真是抱歉了，麻烦了",
    ],
)
def test_what_is_said_behind_a_question_for_an_address_or_a_name_stays(said):
    event = conversation(("agent", "请提供您的姓名和收货地址"), ("customer", said), ("agent", said))
    assert event.event.turns[1].text == event.event.turns[2].text == said
