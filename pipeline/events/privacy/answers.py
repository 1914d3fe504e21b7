"""Questions and announcements in a conversation, and the answers that they make personal.

Somebody asks 请问您贵姓, and one turn later somebody says 李雷, which no rule for single texts takes for a name. A turn
that asks for a kind of personal data, or announces it (我的电话是), is a cue for the short turns that follow it.
"""

import re
from collections.abc import Iterator, Sequence

from gapwatch.pipeline.events.privacy.person_names import is_word
from gapwatch.pipeline.language.masking.characters import ANY_TOKEN, HAN
from gapwatch.pipeline.language.masking.names import COMPOUND_SURNAMES, SURNAMES
from gapwatch.pipeline.language.masking.numbers import SPOKEN_DIGITS
from gapwatch.pipeline.language.masking.spans import Kind, Span

# What is asked for, and the words before which the rules for texts expect it.
_TOPICS: tuple[tuple[Kind, str, str], ...] = (
    (
        "姓名",
        "联系人：",
        "贵姓|尊姓|称呼|姓名|名字|叫什么|叫啥|收[货件]人|寄件人|联系人|联络人|哪位|户名|您?姓什么|全名|真名|我姓$|我叫$|名叫$|我是$",
    ),
    ("电话", "电话：", "电话|手机|号码|联系方式|座机|怎么联系|如何联系|联系得?到|回电|(?<![a-z])(?:tel|phone|mobile)"),
    (
        "地址",
        "地址：",
        "地址|住址|住[在到]?哪|哪个小区|门牌|[送寄发邮][到往去给]?哪|哪里收货|在哪[里个儿]?(?=.{0,4}(?:收|送|住))|具体位置",
    ),
    ("身份证", "身份证号：", "身份证|证件"),
    ("银行卡", "银行卡号：", "银行卡|卡号|收款账|打款账|银行账|账户"),
    ("微信", "微信号：", "微信|威信|薇信|(?<![a-z])[vw]x(?![a-z])|wechat"),
    ("QQ", "QQ号：", "(?<![a-z])qq|扣扣"),
    ("邮箱", "邮箱：", "邮箱|邮件|e-?mail"),
    ("车牌", "车牌号：", "车牌"),
    ("证件", "护照号：", "护照|通行证|驾驶证|驾照"),
    ("密码", "验证码：", "验证码|密码"),
)
_ANY_TOPIC = re.compile("|".join(f"(?P<k{number}>{words})" for number, (*_, words) in enumerate(_TOPICS)))
# What each of them begins with. Words alone are searched at once, and most turns hold none.
_TOPIC_BEGINS = re.compile(
    "贵姓|尊姓|称呼|姓名|名字|叫什|叫啥|收货|收件|寄件|联系|联络|哪位|户名|姓什|全名|真名|我姓|我叫|名叫|我是|电话|手机|号码|座机|回电"
    "|地址|住址|住在|住到|住哪|哪个|门牌|送到|送往|送去|送给|送哪|寄到|寄往|寄去|寄给|寄哪|发到|发往|发去|发给|发哪|邮到|邮往|邮去"
    "|邮给|邮哪|哪里|在哪|具体|身份|证件|银行|卡号|收款|打款|账户|微信|威信|薇信|vx|wx|wechat|qq|扣扣|邮箱|邮件|mail|车牌|护照|通行"
    "|驾驶|驾照|验证|密码|怎么联|如何联|tel|phone|mobile"
)
# What ends the waiting for a number: another one is asked for.
_ELSEWHERE = re.compile("订单号?|[运快递物流]+单号?|单号|型号|编号|金额|多少钱|数量|尺码")
_ASKED = re.compile(
    "[?？吗呢]|请|麻烦|烦请|报|提供|发[我给一下]|留|说一?下|告诉|告知|多少|什么|哪|贵姓|称呼|填|核[对实]|确认|登记|需要|方便|写|给我|给个"
)
_ANNOUNCED = re.compile(r"(?:的?号码?)?(?:[是为叫在：:，,。.…~\s]|改成|改为|换成|如下|就是)*$")
_TOKEN = re.compile(ANY_TOKEN)
_LONGEST_QUESTION = 300
_LONGEST_ANSWER = 60
_REACH = 6
_MOST_KINDS = 5

_LEAD = re.compile(
    r"(?:[\s,，。:：、~]|你好|您好|嗯+|哦|噢|好的?|行|是的|那个|那就|就是|我的?|免贵|敝姓|本人|名字|地址|叫|姓|是|为|在"
    r"|寄到|送到|发到|到|收[货件]人|联系人)*"
)
_TRAILING = re.compile(r"(?:就行|就好|就可以|即可)?[\s,，。.!！~…、啊呀哦的哈呢吧]*$")
_PART = re.compile(r"[^\s,，。；;、!！?？~]+")
_TITLED = re.compile("(?:先生|女士|小姐|老师|经理|师傅|某某?)$")
_LATIN_NAME = re.compile(
    r"[A-Z][a-z]{1,15}(?: [A-Z][a-z]{1,15}){0,2}|[A-Z]{2,12}(?: [A-Z]{2,15}){1,2}|[a-z]{2,7}(?: [a-z]{2,12}){1,2}"
)
_NAME = re.compile(
    rf"(?:{'|'.join(sorted(COMPOUND_SURNAMES))}|[{''.join(sorted(SURNAMES))}])[{HAN}]{{0,2}}"
    rf"|[{HAN}]{{1,7}}[·•.][{HAN}]{{1,7}}|[小老阿][{HAN}]"
)
# Begin with a surname, and answer no question for a name.
_NO_NAMES = re.compile(
    "谢谢.*|麻烦|方便|马上|时间|明天|金额|单号|高兴|全部|经常|成功|连接|于是|都[是有]|和|平时|白天|包裹|干嘛|何必|别"
)
_MARKS = re.compile("[省市区县旗镇乡村屯组路街道巷弄里号楼栋幢室座层园苑湾府城厦场店站柜庄庭坊桥门]")
# Letters and digits of any script, or digits that are spoken.
_ANY_CODE = re.compile(rf"[^\W\u3400-\u9fff]|[{SPOKEN_DIGITS}]{{3}}")
_LONGEST_NAME = 20
_NUMERALS = re.compile("[0-9０-９一二三四五六七八九十百]")
_PLACE = re.compile(f"{_MARKS.pattern}|{_NUMERALS.pattern}")
# What an address never says, and what people say of one.
_PROSE = re.compile(
    "[?？吗呢了吧哦哈您你我他她咱请帮没不]|怎么|什么|同一|订单|单号|查询|联系|快递|可以|这[个样边]|因为|已经|正在|准备|显示|需要|告知|预计|发货|物流"
)


def answers(texts: Sequence[str]) -> Iterator[tuple[int, Kind, str]]:
    """Turns that may answer an earlier one: the place of the turn, what was asked for, and the cue for it."""
    expected: dict[Kind, str] = {}
    since = 0
    for turn, text in enumerate(texts):
        if expected and turn - since <= _REACH and 0 < len(text) <= _LONGEST_ANSWER:
            yield from ((turn, kind, cue) for kind, cue in expected.items())
        if len(text) > _LONGEST_QUESTION:
            continue
        said = _TOKEN.sub("", text) if "‹" in text else text
        asked = _asked(said)
        if asked:
            expected, since = asked, turn
        elif expected and _ELSEWHERE.search(said) and _ASKED.search(said):
            expected = {}


def _asked(text: str) -> dict[Kind, str]:
    """The kinds of personal data that a turn asks for or announces, with their cues."""
    text = text.lower()
    if not _TOPIC_BEGINS.search(text):
        return {}
    found = list(_ANY_TOPIC.finditer(text))
    if not found or not (_ASKED.search(text) or _ANNOUNCED.match(text, found[-1].end())):
        return {}
    topics = dict.fromkeys(int((match.lastgroup or "k0")[1:]) for match in found)
    return {_TOPICS[number][0]: _TOPICS[number][1] for number in list(topics)[:_MOST_KINDS]}


def behind_lead(text: str, kind: Kind) -> int | None:
    """Where an answer begins behind what people say before it; None where the turn cannot hold data of the kind."""
    fits = len(text) <= _LONGEST_NAME if kind == "姓名" else (_PLACE if kind == "地址" else _ANY_CODE).search(text)
    lead = _LEAD.match(text)
    return (lead.end() if lead else 0) if fits else None


def told_answers(text: str, kind: Kind) -> Iterator[Span]:
    """The name or the address that a turn consists of, or the name in a part of it, where it was asked for."""
    if kind not in {"姓名", "地址"} or "‹" in text:
        return
    start, end = _answer(text, 0, len(text))
    if (_is_name if kind == "姓名" else _is_address)(text[start:end]):
        yield Span(kind, start, end)
    elif kind == "姓名" and len(text) <= _LONGEST_NAME:
        for part in _PART.finditer(text):
            start, end = _answer(text, *part.span())
            # A single character is a name only where 姓 stands before it.
            if (end - start > 1 or text[start - 1 : start] in {"姓", "贵"}) and _is_name(text[start:end]):
                yield Span(kind, start, end)


def _answer(text: str, start: int, end: int) -> tuple[int, int]:
    """A part of a text without what people say before and after an answer."""
    lead, trail = _LEAD.match(text, start, end), _TRAILING.search(text, start, end)
    return lead.end() if lead else start, trail.start() if trail else end


def _is_name(answer: str) -> bool:
    answer = _TITLED.sub("", answer)
    if answer in COMPOUND_SURNAMES or _LATIN_NAME.fullmatch(answer):
        return True
    if not _NAME.fullmatch(answer) or _NO_NAMES.fullmatch(answer):
        return False
    return len(answer) == 1 or not (is_word(answer) or is_word(answer[:2]))


def _is_address(answer: str) -> bool:
    marks = len(_MARKS.findall(answer))
    return (
        len(answer) >= 4
        and (marks > 1 or (marks == 1 and bool(_NUMERALS.search(answer))))
        and not _PROSE.search(answer)
    )
