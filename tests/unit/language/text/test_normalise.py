"""Spelling for the models, and the way back to the original characters."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gapwatch.pipeline.language.text.normalise import normalise, respell

# What real texts are made of, so that random ones meet the rules.
PIECES = st.sampled_from(
    [
        "好", "差评", "物流", "！！！！", "。。。", "哈哈哈哈", "aaaa", "1000000", "１２３", "ＡＢＣ", "　", "這個", "著名", "乾隆",
        "😊", "👍🏻", "❤️", "^_^", "T_T", ":)", "-_-||", "╮(╯▽╰)╭", "<br/>", "</p>", "<3", "&amp;", "&#10;", "&hellip;",
        "http://a.cn/b?c=1", "www.x.com", "@小米 ", "@", ",", "1,000", "?", ";", "~", "\u200b", "\x00", "\ud800", "\n", "‹电话›", "没有不满意", "不得不说",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("物流很快，质量不错。", "物流很快，质量不错。"),
        ("ｉＰｈｏｎｅ１２　很好", "iPhone12 很好"),
        ("這個產品品質太差,客服態度惡劣!", "这个产品质量太差，客服态度恶劣！"),
        ("他帶著行李後悔", "他带着行李后悔"),
        ("著名的乾隆帶來", "著名的乾隆带来"),
        ("著名景点", "著名景点"),
        ("好评！！！！！！", "好评！！"),
        ("哈哈哈哈哈好好好", "哈哈好好"),
        ("10000元", "10000元"),
        ("共1,000元,贵", "共1,000元，贵"),
        ("差<br/>差&nbsp;&amp;<b>好</b>", "差 差 & 好 "),
        ("<色戒>好看", "<色戒>好看"),
        ("看http://a.cn/b?c=1，好", "看‹网址›，好"),
        ("@小米客服 你好", "@ 你好"),
        ("邮箱a@b.cn", "邮箱a@b.cn"),
        ("好👍🏻", "好[赞]"),
        ("😡气", "[怒]气"),
        ("呵呵-_-||", "呵呵[无语]"),
        ("T_T", "[泪]"),
        ("好:)", "好[嘻嘻]"),
        ("12:30(大)", "12:30(大)"),
        ("a\u200bb\x00c\ud800", "abc"),
        ("没有不满意的地方", "很满意"),
        ("不得不说，质量真的好", "质量真的很好"),
        ("不得不说，质量真的好差", "质量真的好差"),
        ("从没失望过", "一直满意"),
        ("没有人不喜欢", "都喜欢"),
        ("不得不投诉", "不得不投诉"),
        ("没有不接电话的理由", "没有不接电话的理由"),
        ("", ""),
        ("   ", "  "),
    ],
)
def test_spelling(text: str, expected: str) -> None:
    assert normalise(text).text == expected


def test_a_text_in_order_stays_as_it_is() -> None:
    normalised = normalise("物流很快，但是包装破了。")
    assert isinstance(normalised.offsets, range)
    assert normalised.span(5, 11) == (5, 11)


def test_the_way_back() -> None:
    text = "很好！！！！！😊<br>這個"
    normalised = normalise(text)
    assert normalised.text == "很好！！[嘻嘻] 这个"

    def original(part: str) -> str:
        place = normalised.text.index(part)
        return slice_of(text, normalised.span(place, place + len(part)))

    assert original("很好") == "很好"
    assert original("！！") == "！！！！！"
    assert original("嘻嘻") == "😊"
    assert original("这个") == "這個"
    assert original("[嘻嘻] 这") == "😊<br>這"


def slice_of(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[1]]


def test_the_way_back_from_a_double_negative() -> None:
    text = "东西没有不满意的地方！"
    normalised = normalise(text)
    start = normalised.text.index("很满意")
    assert slice_of(text, normalised.span(start, start + 3)) == "没有不满意的地方"


@given(TEXTS)
@settings(max_examples=500)
@example("\ud800")
@example("&#xd800;")
@example("&#0;")
def test_offsets_rise_and_stay_inside(text: str) -> None:
    normalised = normalise(text)
    offsets = list(normalised.offsets)
    assert len(offsets) == len(normalised.text) + 1
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)
    assert offsets[0] >= 0


@given(TEXTS, st.data())
def test_spans_hold_what_they_name(text: str, data: st.DataObject) -> None:
    normalised = normalise(text)
    end = data.draw(st.integers(0, len(normalised.text)))
    start = data.draw(st.integers(0, end))
    first, last = normalised.span(start, end)
    assert 0 <= first <= last <= len(text)
    assert start == end or first < last


@given(TEXTS)
@settings(max_examples=500)
def test_nothing_unspeakable_is_left(text: str) -> None:
    spoken = normalise(text).text
    spoken.encode()
    assert "\x00" not in spoken


@given(TEXTS)
def test_respelling_keeps_every_place(text: str) -> None:
    assert len(respell(text)) == len(text)


@pytest.mark.parametrize(
    "unit",
    ["好", "！", "1", " ", "😊", "\x00", "\ud800", "<a ", "&amp", "http://", "(^", "@中", "<!--", "這", "T_", "aab"],
)
def test_long_texts(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    normalised = normalise(text)
    assert normalised.offsets[-1] == len(text)
