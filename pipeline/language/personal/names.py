"""Names of persons: after a cue (我叫…, 联系人：…) and before a title (…先生, …女士)."""

import re
from collections.abc import Iterator

import rjieba

from pipeline.language.personal import Span

# The commonest surnames by the census; not those that are function words first (和, 从).
SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝"
    "孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷"
    "祁耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺"
    "苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明"
    "沙伏岑习胥保和蔺"
) - frozenset("和都来全位应台保明原官强成向盖连计花商衣解")
_COMPOUND = frozenset(
    (
        "欧阳",
        "司马",
        "上官",
        "诸葛",
        "东方",
        "皇甫",
        "尉迟",
        "公孙",
        "慕容",
        "令狐",
        "司徒",
        "夏侯",
        "端木",
        "宇文",
        "长孙",
        "独孤",
    )
)
# Surnames that stand before a title as ordinary words too: 开车师傅, 住房经理.
_TITLE_WORDS = frozenset("车房水单时店管查包边宫木花路")

_CUE = re.compile(
    r"(?:我叫|我名叫|我的?名字[叫是]?|我姓名|姓名|联系人|联络人|收[件货]人|寄件人|户名|持卡人|机主|本人叫|叫做|名叫)"
    r"(?:是|为|叫|:|：|】|\]|\s){0,4}"
)
_SELF = re.compile(r"我(?:就|还)?是")
_TITLE = re.compile(r"(?:先生|女士|小姐|经理|师傅|老师|主任|店长|医生|律师|警官|大夫)(?!们)")
_LATIN = re.compile(r"(?<=[:：])\s?([A-Z][a-z]{1,14}(?: [A-Z][a-z]{1,14}){0,2})(?![A-Za-z0-9])")
_CJK = re.compile(r"[\u4e00-\u9fff]+")
# First characters of what follows a name, never (or hardly ever) a given name's last.
_FOLLOWING = frozenset(
    "的了是在我你您他她它们這这那要想买和说投反地身住给就都也不没有被把还又很跟及或到从让请帮打电手微号吗呢吧啊呀哦先女同工会"
    "因为所将已今昨前后收寄下订今每于與与對对能可怎什哪谁個个電話說請買沒會給後"
)
_END = re.compile(r"$|[^\u4e00-\u9fffA-Za-z0-9]|[啊呀哈呢哦啦吧]|电话|手机")
_LONGEST = 4
_WINDOW = 8


def find_names(text: str) -> Iterator[Span]:
    """Names of a text; those after a cue first, then those before a title."""
    yield from _after_cues(text)
    yield from _after_self(text)
    yield from _before_titles(text)


def _after_cues(text: str) -> Iterator[Span]:
    for cue in _CUE.finditer(text):
        start = cue.end()
        length = _name_length(text[start : start + _WINDOW])
        if length:
            yield Span("姓名", start, start + length)
        elif latin := _LATIN.match(text, start):
            yield Span("姓名", *latin.span(1))


def _after_self(text: str) -> Iterator[Span]:
    """我是张伟 is a name, 我是高手 is not: only a word the tagger knows as a name, with nothing more behind it."""
    for cue in _SELF.finditer(text):
        start = cue.end()
        length = _name_length(text[start : start + _WINDOW])
        if length > 1 and _END.match(text, start + length):
            yield Span("姓名", start, start + length)


def _name_length(window: str) -> int:
    """Characters of the name a text begins with, 0 for none."""
    surname = _surname_length(window)
    if not surname:
        return 0
    cjk = _CJK.match(window)
    words = rjieba.tag(window[: cjk.end()] if cjk else "")
    word, tag = words[0]
    if len(word) <= surname:
        given = _given_length(words[1:])
        return surname + given if given else 0
    if not (tag.startswith("nr") or tag == "x" or surname == 2):
        return 0
    return max(_without_following(word[:_LONGEST], surname), 0)


def _surname_length(text: str) -> int:
    if text[:2] in _COMPOUND:
        return 2
    return 1 if text[:1] in SURNAMES else 0


def _given_length(words: list[tuple[str, str]]) -> int:
    """Characters of a given name, at most two, cut as words of their own."""
    length = 0
    for word, _ in words:
        if word[0] in _FOLLOWING or length + len(word) > 2:
            break
        length += len(word)
    return length


def _without_following(word: str, surname: int) -> int:
    length = len(word)
    while length > surname and word[length - 1] in _FOLLOWING:
        length -= 1
    return length if length > surname else 0


def _before_titles(text: str) -> Iterator[Span]:
    for title in _TITLE.finditer(text):
        end = title.start()
        before = text[max(0, end - _WINDOW) : end]
        cjk = _CJK.search(before[::-1])
        if cjk is None or cjk.start():
            continue
        length = _name_before(before[-cjk.end() :])
        if length:
            yield Span("姓名", end - length, end)


def _name_before(before: str) -> int:
    """Characters of the name a text ends with, 0 for none."""
    words = rjieba.tag(before)
    word, tag = words[-1]
    previous = words[-2][0] if len(words) > 1 else ""
    if word in _COMPOUND:
        return 2
    if len(word) <= 2 and (previous in SURNAMES or previous in _COMPOUND) and word[0] not in _FOLLOWING:
        return len(previous) + len(word)
    if len(word) == 1:
        return 1 if word in SURNAMES and word not in _TITLE_WORDS else 0
    return len(word) if tag.startswith("nr") and len(word) <= _LONGEST and _surname_length(word) else 0
