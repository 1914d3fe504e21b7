"""Attributes: nothing is lost, JSON stays JSON."""

import json

import pytest

from gapwatch.pipeline.events.decode import MAX_DEPTH
from gapwatch.pipeline.events.privacy.attributes import masked_attributes, masked_name, masked_value
from gapwatch.pipeline.events.privacy.telling_names import told_by


def test_names_that_become_equal_are_numbered():
    told = {"13812345678": "a", "13912345678": "b", "‹电话› 2": "c", "13712345678": "d"}
    masked = masked_attributes(told)
    assert sorted(masked.values()) == ["a", "b", "c", "d"]
    assert {"‹电话›", "‹电话› 2", "‹电话› 3"} < masked.keys()
    assert masked_attributes(masked) is masked


def test_in_objects_too():
    masked = json.loads(masked_value('{"13812345678": 1, "13912345678": 2}', None))
    assert masked == {"‹电话›": 1, "‹电话› 2": 2}


@pytest.mark.parametrize(
    "value",
    ['{"a": 1.0, "b": [true, null, "x"], "c": 12345678901234567890123}', "[]", '"x"', "{not json", "{'a': 1}", "[1, 2"],
)
def test_what_holds_nothing_personal_stays_as_it_is(value):
    assert masked_value(value, None) == value


def test_numbers_are_written_as_they_were():
    masked = masked_value('{"phone": 13812345678, "price": 1.10, "big": 12345678901234567890123}', None)
    assert masked == '{"phone":"‹电话›","price":1.10,"big":12345678901234567890123}'


@pytest.mark.parametrize("value", ["张伟", "李四", " 王小明 ", "欧阳娜娜", "李女士"])
def test_a_value_that_is_a_name_needs_no_telling_name(value):
    assert masked_value(value, None) == "‹姓名›"


def test_beside_a_number_a_name_needs_no_cue():
    assert masked_value("张伟 13812345678 尽快", None) == "‹姓名› ‹电话› 尽快"
    assert masked_value("王小明，李雷", None) == "王小明，李雷"


@pytest.mark.parametrize("value", ["高中", "白天", "黄河", "金华", "周大福", "石英", "高级", "万一", "华东", "高一"])
def test_words_and_places_that_look_like_names_stay(value):
    assert masked_value(value, None) == value


@pytest.mark.parametrize("value", ["true", "", " ", "无", "unknown", "否"])
def test_a_value_that_says_nothing_stays(value):
    assert masked_value(value, "电话") == value
    assert json.loads(masked_value(json.dumps({"phone": value, "email": True, "address": None}), None)) == {
        "phone": value,
        "email": True,
        "address": None,
    }


def test_what_is_nested_without_end_is_masked_whole():
    deep = "[" * 200 + '"张伟"' + "]" * 200
    assert "张伟" not in masked_value(deep, None)
    assert masked_value("[" * 4_900 + "1" + "]" * 4_900, None) == '"‹个人信息›"'
    inside = '"x"'
    while len(inside) < 5_000:
        inside = json.dumps({"phone": inside})
    assert json.loads(masked_value(inside, None))


def test_a_deep_value_is_bounded():
    value = json.loads(masked_value("[" * (MAX_DEPTH + 3) + "7" + "]" * (MAX_DEPTH + 3), None))
    depth = 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1
    assert (depth, value) == (MAX_DEPTH + 1, "‹个人信息›")


@pytest.mark.parametrize(
    ("name", "masked"), [("13812345678", "‹电话›"), ("张伟", "‹姓名›"), ("wxid_8sk2jd92", "‹微信›"), ("shop", "shop")]
)
def test_names(name, masked):
    assert masked_name(name) == masked


@pytest.mark.parametrize(
    "name",
    [
        "product_name",
        "phone_model",
        "手机型号",
        "headphone",
        "shop_name",
        "address_type",
        "contact_time",
        "支付方式",
        "微信支付",
        "email_verified",
        "shop",
        "备注",
        "rating",
        "template",
        "update_date",
        "user_agent",
        "‹电话›",
        "platform",
    ],
)
def test_names_of_things_announce_nothing(name):
    assert told_by(name) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("receiverPhone", "电话"),
        ("RECEIVER_NAME", "姓名"),
        ("user.idCard", "身份证"),
        ("contactPhones", "电话"),
        ("phone_1", "电话"),
        ("姓 名", "姓名"),
        ("收货信息", "个人信息"),
        ("收货人手机", "电话"),
        ("客户姓名", "姓名"),
        ("customerphone", "电话"),
        ("client_ip", "位置"),
    ],
)
def test_names_announce_by_their_last_words(name, kind):
    assert told_by(name) == kind
