"""Personal data out, everything else in its place."""

import json
import runpy
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.repository import DEVELOPMENT_DATA, ROOT

from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.mask import _finds, mask
from gapwatch.pipeline.language.masking.prefilter import Hints, hints_of

FORMS = DEVELOPMENT_DATA.parent / "privacy" / "forms_dev.jsonl"
SHARED = DEVELOPMENT_DATA / "chats_dev.jsonl"
PIECES = st.sampled_from(
    [
        "电话", "13812345678", "138 1234 5678", "一三八", "零零", "86-", "010-", "65529988", "转", "110101199003077475", "X",
        "6222021234567890128", "a@b.cn", "@", "地址：", "北京市", "朝阳区", "建国路", "88号", "3栋", "2单元", "501", "小区", "我叫", "我是",
        "王", "小明", "先生", "联系人：", "京A", "12345", "微信", "wx_1234", "QQ", "订单号", "尾号", "密码", "护照", "坐标", "30.27,", "at", "点com", "昵称", "抖音", "&#52;", "%2B", "①", "\u200b", "沪A", "寄到", "室", "就是", "本人", "师傅", "李", "经理", "收", "和", "两位", "name:", "Zhang San", "叫", "感谢", "妈妈", "医生", "昨天给我", "(", ")", "你好", "路", "街", "12", "丰巢", "信箱", "部队", "镇", "村", "县", "G15", "公里", "地铁站A口", "road", " lu 8 hao", "room 3", "舍", "A座", "花园", "市", "地址是", "送到", "号", "栋", "，", " ", "的", "‹电话›", "‹", "›", "\ud800", "１３８",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=16).map("".join))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13812345678，急", "电话‹电话›，急"),
        ("138-1234-5678", "‹电话›"),
        ("(+86)138 1234 5678", "‹电话›"),
        ("0@0.AA110101199003077475", "‹邮箱›‹身份证›"),
        ("一三八零零一三八零零零一共三件", "‹电话›一共三件"),
        ("１３８－１２３４－５６７８", "‹电话›"),
        ("座机010-65529988转8001没人接", "座机‹电话›没人接"),
        ("（0755）86012345", "‹电话›"),
        ("13812345678 13912345678", "‹电话› ‹电话›"),
        ("身份证110101199003077475", "身份证‹身份证›"),
        ("11010119900307747X", "11010119900307747X"),
        ("卡号6222 0212 3456 7890 128", "卡号‹银行卡›"),
        ("6222021234567890127", "6222021234567890127"),
        ("发到zhang.wei@qq.com谢谢", "发到‹邮箱›谢谢"),
        ("zhangwei#163.com", "‹邮箱›"),
        ("寄到北京市朝阳区建国路88号院3号楼2单元1203室，谢谢", "寄到‹地址›，谢谢"),
        ("我叫张伟要投诉", "我叫‹姓名›要投诉"),
        ("收件人：欧阳娜娜", "收件人：‹姓名›"),
        ("王先生和李小明女士", "‹姓名›先生和‹姓名›女士"),
        ("送货车京A·12345", "送货车‹车牌›"),
        ("微信号：zhang_88", "‹微信›"),
        ("加QQ 12345678", "加‹QQ›"),
        ("就是李一03002000000", "就是‹姓名›‹电话›"),
        ("那个叫刘洋的，不接电话", "那个叫‹姓名›的，不接电话"),
        ("妈：李建国", "妈：‹姓名›"),
        ("签收人是孙*远。", "签收人是‹姓名›。"),
        ("诸葛云飞昨天来装的", "‹姓名›昨天来装的"),
        ("经办人：陈静", "经办人：‹姓名›"),
        ("我叫计春华。", "我叫‹姓名›。"),
        ("乌云其其格女士", "‹姓名›女士"),
        ("邮箱z h a n g @ q q . c o m", "邮箱‹邮箱›"),
        ("车架号：LSV AG218 0E2 100001", "‹证件›"),
        ("经度120.155070", "‹位置›"),
        ("电话前三位138中间1234后面5678", "电话前三位‹电话›"),
        ("收件人陳小明，電話13812345678", "收件人‹姓名›，電話‹电话›"),
    ],
)
def test_taken_out(text: str, expected: str) -> None:
    assert mask(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "价格16999元，2023-11-11 12:30下单，买了3件",
        "型号KFR-35GW/BP3DN8Y，1.5匹",
        "订单号1381234567还没发货",
        "快递单号SF1381234567890",
        "尺码 165 170 175 180",
        "打95588和400-820-8820都没人接",
        "IP 192.168.113.29",
        "前台小姐很好，安装师傅专业，适合成熟女士",
        "我是老客户，我是安徽人，我叫了外卖",
        "联系人不能导入，姓名打错了",
        "北京市朝阳区的店，住5号楼，地铁2号线",
        "微信支付失败，QQ音乐会员",
        "一路走好，超市区域内",
        "0.13812345678",
        "康师傅方便面，鲍师傅糕点，喜欢宋茜姐姐",
        "联系人列表卡，收件人写错了",
    ],
)
def test_left_alone(text: str) -> None:
    assert mask(text).text == text


def test_order_numbers_on_demand() -> None:
    text = "订单号20231111123456还没发货"
    assert mask(text).text == text
    assert mask(text, orders=True).text == "订单号‹订单号›还没发货"


def test_back_to_the_input() -> None:
    text = "我叫张伟，电话13812345678，物流太慢"
    masked = mask(text)
    assert masked.text == "我叫‹姓名›，电话‹电话›，物流太慢"
    for part, original in [
        ("物流太慢", "物流太慢"),
        ("‹电话›", "13812345678"),
        ("我叫", "我叫"),
        ("名›，电", "张伟，电"),
    ]:
        place = masked.text.index(part)
        start, end = masked.to_input(place, place + len(part))
        assert text[start:end] == original


@given(TEXTS)
@settings(max_examples=500)
def test_only_spans_change(text: str) -> None:
    masked = mask(text)
    place, parts = 0, []
    for span in masked.spans:
        assert place <= span.start < span.end
        parts += [text[place : span.start], f"‹{span.kind}›"]
        place = span.end
    assert place <= len(text)
    assert masked.text == "".join([*parts, text[place:]])


@given(TEXTS)
@settings(max_examples=500)
def test_a_second_masking_finds_nothing(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text


@given(TEXTS, st.data())
def test_spans_lead_back_inside(text: str, data: st.DataObject) -> None:
    masked = mask(text)
    end = data.draw(st.integers(0, len(masked.text)))
    start = data.draw(st.integers(0, end))
    first, last = masked.to_input(start, end)
    assert 0 <= first <= last <= len(text)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1-",
        "一",
        "a@",
        "a.",
        "中山路1号",
        "市区",
        "王先生",
        "我叫王小",
        "微信号",
        "地址是北京市",
        "京A1",
        "1栋",
        "ave ",
        "家住",
        " 号",
        "寓一二三",
        "送到1",
        "路1 ",
        "路/1",
        "1栋1",
        "乡啊村",
        "wxid_",
        "qq",
        "86-",
        "a1",
        "粤B",
        "&#49;",
        "联系人",
        "谢谢",
        "\ud800王",
        "‹电话›",
        "\x00",
    ],
)
def test_long_texts(unit: str) -> None:
    text = unit * (30_000 // len(unit))
    masked = mask(text)
    assert not masked.spans or masked.spans[-1].end <= len(text)


def test_aims_on_made_sentences() -> None:
    made = runpy.run_path(str(ROOT / "benchmarks" / "masking.py"))
    assert len(made["cases"]()) >= 2_000
    for kind, score in made["scores"]().items():
        sure = kind in {"电话", "身份证", "银行卡", "邮箱"}
        assert score.masked / score.there >= (0.995 if sure else 0.9), kind
        assert score.right / score.made >= 0.99, kind


def test_aims_on_forms_of_our_own() -> None:
    made = runpy.run_path(str(ROOT / "benchmarks" / "masking.py"))
    forms = [case for _, case in made["own_forms"]()]
    assert len(forms) >= 600
    assert sum(map(made["leaks"], forms)) <= len(forms) * 0.05
    assert [text for text in made["FORMS"]["harmless"]["sentences"] if mask(text).spans] == []


@given(TEXTS)
@settings(max_examples=500)
def test_the_quick_look_misses_nothing(text: str) -> None:
    folded = fold(text).text
    everything = Hints(*[True] * len(Hints._fields))
    found = set(_finds(folded, everything, orders=False))
    assert found == set(_finds(folded, hints_of(folded), orders=False))


@pytest.mark.skipif(not SHARED.exists(), reason="the real chats are not here")
def test_real_chats_lose_little() -> None:
    """The chats were masked before they were published: what is taken out of them is nearly always too much."""
    chats = map(json.loads, SHARED.read_text(encoding="utf-8").splitlines())
    turns = [turn["text"] for chat in chats for turn in chat["turns"]]
    masked = [spans for turn in turns if (spans := mask(turn).spans)]
    assert len(masked) <= len(turns) * 0.01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话①⑤⑧①②③④⑤⑥⑦⑧，急", "电话‹电话›，急"),
        ("电话139&#48;&#48;001234", "电话‹电话›"),
        ("手机1\u200b5\u200b0\u200b1234\u200b5678", "手机‹电话›"),
        ("发票发到lihua花acorp.example谢谢", "发票发到‹邮箱›谢谢"),
        ("护照号 E98765432丢了", "‹证件›丢了"),
        ("验证码 445566没收到", "‹密码›没收到"),
        ("密码一一三八", "‹密码›"),
        ("安全码123", "‹密码›"),
        ("密码000.", "‹密码›"),
        ("薇芯zhaoyun2031", "‹微信›"),
        ("签收人是李建国，不是我", "签收人是‹姓名›，不是我"),
        ("放在解放路25-3-601", "放在‹地址›"),
    ],
)
def test_written_past_filters(text: str, expected: str) -> None:
    assert mask(text).text == expected


@pytest.mark.skipif(not FORMS.exists(), reason="the written forms are not here")
def test_aims_on_written_forms() -> None:
    there: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    for line in FORMS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        covered = {place for span in mask(row["text"]).spans for place in range(span.start, span.end)}
        personal = {
            place for start, end, *_ in row["spans"] for place in range(start, end) if row["text"][place].isalnum()
        }
        there[row["kind"]] += 1
        masked[row["kind"]] += personal <= covered
    assert masked.total() / there.total() >= 0.95
    for kind in ("电话", "身份证", "银行卡", "邮箱"):
        assert masked[kind] / there[kind] >= 0.98, kind
