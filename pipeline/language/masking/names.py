"""Names of persons: after a cue (我叫…, 联系人：…) and before a title (…先生, …女士)."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any

from gapwatch.pipeline.language.masking.characters import HAN
from gapwatch.pipeline.language.masking.spans import Span

_LISTS = tomllib.loads(files(__package__).joinpath("names.toml").read_text(encoding="utf-8"))


@cache
def _jieba() -> Any:
    import rjieba  # noqa: PLC0415 - 34 MB that only those need who meet a name

    return rjieba


def _characters(name: str) -> frozenset[str]:
    return frozenset("".join(_LISTS[name].split()))


def _by_first(words: Iterable[str]) -> str:
    """Alternatives, one for each first character, so that a search skips from one such character to the next."""
    ends: dict[str, list[str]] = {}
    for word in words:
        ends.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in ends.items())


SURNAMES = _characters("surnames")
COMPOUND_SURNAMES = frozenset(_LISTS["compound_surnames"].split())
_WORDS = frozenset(_LISTS["words"].split())
_DOUBLED = _characters("doubled")
_BRANDS = frozenset(_LISTS["brands"].split())
_KNOWN = tuple(_LISTS["known"].split())
_FUNCTION_SURNAMES = _characters("function_surnames")
_FOREIGN = re.compile("|".join(_LISTS["foreign_surnames"].split()))
_PEOPLES = re.compile("|".join(_LISTS["peoples"].split()))
_WEAK = _characters("weak_surnames")
_TITLE_WORDS = _characters("title_words")
_FOLLOWING = _characters("following")
# Single words that end no name though a surname stands two before: 蒙牛一经理.
_NO_GIVEN = frozenset("一二三四五六七八九十们男女")
# 小明, 阿强.
_FAMILIAR = frozenset("小阿")
_BEFORE = _FOLLOWING | set("告服称谢")

_CUE = re.compile(
    "(?:我叫(?<![帮给替让]我叫)|我名叫|我的?名字[叫是]?|我姓名|姓[ -]?名|联系人|联络人|收[件货]人|寄件人|[签代]收人|下单人|经办人|[收付]款人|申请人|投保人|保险人|乘车人|入住人|预订人|购买人|户名"  # noqa: E501
    "|持卡人|机主|投诉人|当事人|本人叫|叫做|名叫)"
    r"(?:是|为|叫|:|：|】|\]|\||=|\s){0,4}"
)
_SELF = re.compile(r"我(?:就|还)?是")
# Alternatives begin with a character of their own, so that a search skips from one such character to the next.
_FULL_TITLES = (
    "先生|女士|小姐(?!姐)|经理|师傅|老师|主任|店长|医生|律师|警官|大夫|大[姐哥爷妈叔]|太太|叔叔|阿姨|领导|主管|专员|博士|司机|工程师|护士"
    "|站长|队长|组长|班长|校长|院长|科长|处长|局长|部长|顾问|客服|教授|教练|同学|同志|老板|秘书|会计|总监"
)
_SHORT_TITLES = (
    "哥(?<!哥哥)(?!哥)|姐(?<!姐姐)(?!姐)|总(?![共是结之会体算的部裁店归价量额数授])|某"
    "|工(?<![施童务电员职民打手加包分完开停做]工)(?![作资具程人厂艺行夫地商业序费本])"
)
_TITLE = re.compile(
    "|".join(
        [f"{title}(?!们)" for title in _FULL_TITLES.split("|")]
        + [f"{title}(?=.)" for title in _SHORT_TITLES.split("|")]
    )
)
_LATIN = re.compile(r"(?<=[:：叫])\s?([A-Z][a-z]{1,14}(?: [A-Z][a-z]{1,14}){0,2})(?![A-Za-z0-9])")
_CJK = re.compile(r"[\u4e00-\u9fff]*")
_CJK_END = re.compile(r"[\u4e00-\u9fff]*$")
_END = re.compile(r"$|[^\u4e00-\u9fffA-Za-z0-9]|[啊呀哈呢哦啦吧]|电话|手机")
_WINDOW = 8


# Roles that announce a name more loosely: what follows must be a name to its end.
_SURNAME = f"(?:{'|'.join(sorted(COMPOUND_SURNAMES))}|[{''.join(sorted(SURNAMES))}])"
ROLES = tuple(sorted(_LISTS["roles"].split(), key=len, reverse=True))
# What may stand behind a name: the end of what is said, or a word that goes with names.
AFTER_NAME = rf"(?:[^{HAN}A-Za-z0-9]|$|的(?:[^{HAN}]|$|那|客服|师傅|骑手|医生|老师|人|名字|员工)|[了收](?:[^{HAN}]|$)|今年|联系|电话|手机)"  # noqa: E501
_ROLE = re.compile(
    rf"(?:{_by_first(ROLES)}|找|姓|叫|收(?=[:：|])|name|Name|by(?<!\w..)|By(?<!\w..)|to(?<!\w..)|To(?<!\w..))(?:是|为|叫|的是?|一下|[:：|】=\s]|(?<=此致)[，,]){{0,4}}"
    rf"(?P<name>{_SURNAME}(?:[{HAN}](?={AFTER_NAME})|[{HAN}]{{2}}(?={AFTER_NAME})))"
)
# A name by itself: in brackets or quotes, before 收, 本人, 你好 or a sex, or of who came and did something.
_ALONE = re.compile(
    rf"(?:(?<=[(（“])(?P<quoted>{_SURNAME}[{HAN}]{{1,2}})(?=[)）”])"
    rf"|(?<![{HAN}A-Za-z0-9])(?P<first>{_SURNAME}[{HAN}]{{1,2}})(?=本人|[，,]\s?(?:你好|您好|[男女][，,])|亲启|亲收|代签|签收的|(?: |[(（])收[)）]?(?![{HAN}]))"  # noqa: E501
    rf"|(?<![{HAN}A-Za-z0-9])(?P<came>[{HAN}]{{2,5}}|[{HAN}]{{1,7}}[·•][{HAN}]{{1,7}}|{_SURNAME}(?:[*.某]{{1,2}}[{HAN}]{{0,2}}|(?: [{HAN}]){{1,2}})|[A-Z][A-Za-z]{{1,14}} [A-Z][A-Za-z]{{1,14}})(?=(?:昨天|今天|前天|刚才|刚刚|上午|下午)(?:过?来|给我|上门|帮我)))"  # noqa: E501
)
_BOTH = re.compile(
    rf"(?P<left>{_SURNAME}[{HAN}]{{1,2}})[和跟与、](?P<right>{_SURNAME}[{HAN}]{{1,2}})(?=[两二]位|两个人|两人)"
)
# One syllable of pinyin.
_SYLLABLE = (
    "(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|uai|uan|ang|eng|ing|ong|iao|ian|ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|uo|ui"
    "|ue|er|a|o|e|i|u|v))"
)
# What a strong cue announces is a name whatever its shape: with blanks, dots or stars inside, of other peoples, in letters.  # noqa: E501
_ANNOUNCED = re.compile(
    rf"[{HAN}]{{1,7}}[·•][{HAN}]{{1,7}}|{_SURNAME}\.[{HAN}]{{1,2}}(?![{HAN}])|{_SURNAME}(?:(?: [{HAN}]){{2}}|[ *.xX＊某]{{1,2}}[{HAN}]{{0,2}})(?![{HAN}])|[小老阿][{HAN}](?![{HAN}])"  # noqa: E501
    rf"|[A-Z][A-Za-z]{{1,14}}(?: [A-Z][A-Za-z]{{1,14}}){{1,2}}(?![A-Za-z0-9])|(?=[a-z ]{{4,24}}(?![A-Za-z0-9])){_SYLLABLE}{{1,3}}(?: {_SYLLABLE}{{1,2}}){{0,2}}(?![A-Za-z0-9])"  # noqa: E501
    rf"|(?P<plain>[{HAN}]{{2,5}})(?=[^{HAN}A-Za-z0-9]|$)"
)
_BEFORE_TITLE = re.compile(
    rf"(?:[{HAN}]{{1,7}}·[{HAN}]{{1,7}}|{_SURNAME}(?: [{HAN}]){{1,2}}|{_SURNAME}[*.]{{1,2}}[{HAN}]{{0,2}}|[A-Z][A-Za-z]{{1,14}} [A-Z][A-Za-z]{{1,14}}|[a-z]{{4,18}}|(?<![{HAN}])[小老][{HAN}]"  # noqa: E501
    rf"|(?<![{HAN}])[{HAN}]{{2,5}})$"
)
_FORM_OF_ADDRESS = re.compile("先生|女士|小姐(?!姐)")
_LONGEST_NAME = 32
_ENGLISH = re.compile(r"(?:[Mm]y name is|[Ii] am|[Nn]ame[:： ]) ?(?P<name>[A-Z][a-z]{1,14}(?: [A-Z][a-z]{1,14}){0,2})")
_UNUSUAL = re.compile(
    rf"[{HAN}]{{1,7}}[·•][{HAN}]{{1,7}}|[{HAN}]{{4,5}}(?=[^{HAN}A-Za-z0-9]|$)|{_SURNAME}(?:[ *.＊][{HAN}]){{1,2}}(?![{HAN}])"  # noqa: E501
)
# Words that the dictionary takes for names of persons, and characters that end the name of a thing.
_NO_PERSONS = frozenset({"师傅", "老板", "书记", "银行卡", "牛逼"})
_THINGS = frozenset("店版味菜型款点场区楼路街城镇村县市省厂校院馆站部局号卡费逼人粉乡鱼厨")
_FAMILIAR_BEFORE = re.compile(rf"(?<![{HAN}])[小老阿]$")
_NOBODY = frozenset("这那哪各每全本贵我你您他她某有男女")


def find_cued_names(text: str) -> Iterator[Span]:
    """Names of a folded text after a word that announces one."""
    yield from _after_cues(text)
    yield from _after_self(text)
    yield from (Span("姓名", *match.span("name")) for match in _ENGLISH.finditer(text))


def find_names_after_roles(text: str) -> Iterator[Span]:
    """Names of a folded text after what somebody is."""
    for match in _ROLE.finditer(text):
        if _is_person(match["name"]) and _is_given(match["name"]):
            yield Span("姓名", *match.span("name"))


def find_lone_names(text: str) -> Iterator[Span]:
    """Names of a folded text that stand by themselves."""
    for match in _ALONE.finditer(text):
        name = match.group(match.lastgroup or 0)
        known = _jieba().has_word(name) or set(name) & (_FOLLOWING | _NOBODY)
        nouns = all(tag[:1] in "nxi" for _, tag in _jieba().tag(name)) or name[0] in "老小" or name[0] == name[1]
        plain = all("\u4e00" <= character <= "\u9fff" for character in name)
        came = match.lastgroup == "came" and (not plain or (nouns and not known) or _has_shape(name))
        if came or (_is_person(name) and _is_given(name)):
            yield Span("姓名", *match.span())
    for match in _BOTH.finditer(text) if "两" in text or "二" in text else ():
        if _is_person(match["left"]) and _is_person(match["right"]):
            yield Span("姓名", match.start("left"), match.end("right"))


def _is_unusual(name: str) -> bool:
    """Whether what stands before a title is a name without a surname that we know: in letters, or no word at all."""
    if not all("\u4e00" <= character <= "\u9fff" for character in name) or _has_shape(name):
        return True
    if _jieba().has_word(name) or set(name) & (_FOLLOWING | _NOBODY):
        return False
    return name[0] in "小老" or all(tag[:1] in "nxi" for _, tag in _jieba().tag(name))


def _has_shape(name: str) -> bool:
    """Whether Chinese characters look like a name of another people, of two surnames, or of one among friends."""
    if _PEOPLES.search(name) or _FOREIGN.match(name):
        return True
    if len(name) == 2:
        return name not in _WORDS and (
            (name[0] in "小老阿" and name[1] in SURNAMES and name not in _BRANDS)
            or (name[0] == name[1] and name[0] in _DOUBLED)
        )
    if len(name) == 3 and name[0] in _FUNCTION_SURNAMES:
        return not set(name[1:]) & (_FOLLOWING - {"小"}) and not _is_common(name[1:])
    compound = name[:2] in COMPOUND_SURNAMES or set(name[:2]) <= SURNAMES
    listed = len(name) == 4 and _jieba().tag(name)[0] == (name, "nr")
    return len(name) == 4 and compound and not set(name) & _FOLLOWING and (listed or not _is_common(name[2:]))


def _is_person(name: str) -> bool:
    """Whether a surname with one or two characters behind it is nothing but a name."""
    surname = _surname_length(name)
    given = name[surname:]
    if not given or set(given) & _FOLLOWING or name in _WORDS or len(name) > surname + 2:
        return False
    words = _jieba().tag(name)
    if len(words) == 1:
        return _is_name_word(name, words[0][1])
    word, tag = words[0]
    return len(word) == surname or _is_name_word(word, tag)


def _is_given(name: str) -> bool:
    """Whether what follows the surname may be given to a child: 建国, but not 煮菜."""
    if _jieba().has_word(name):
        return name not in _NO_PERSONS
    surname = _surname_length(name)
    given = name[surname:]
    if set(given) & _THINGS:
        return False
    if len(given) == 1 or not _jieba().has_word(given):
        word, tag = _jieba().tag(name)[0]
        return word in {name, name[:surname]} or (tag == "nr" and len(word) == 2)
    return _jieba().tag(given)[0][1][:2] in {"nr", "nz", "ns", "a", "z"}


def _announced(text: str, start: int) -> int:
    """Where the name ends that a strong cue announces in an unusual shape; 0 for none."""
    match = _ANNOUNCED.match(text, start)
    if match is None:
        return 0
    plain = match["plain"]
    return match.end() if plain is None or _is_unlisted(plain) else 0


def _is_unlisted(name: str) -> bool:
    """Whether Chinese characters behind a strong cue are a name without a surname that the list holds."""
    if _PEOPLES.search(name) or _FOREIGN.match(name):
        return True
    words = _jieba().tag(name)
    if name[0] in _FUNCTION_SURNAMES and len(name) == 3 and not set(name[1:]) & (_FOLLOWING - {"小"}):
        return words[0][0] == name or not _is_common(name[1:])
    if name in _WORDS or set(name) & (_FOLLOWING | _NOBODY):
        return False
    if len(words) == 1:
        return name[:1] == name[1:] or words[0][1].startswith("nr") or not _jieba().has_word(name)
    if len(name) == 2 or set(name) & _THINGS:
        return False
    return _surname_length(name) > 0 or not any(_is_common(word) for word, _ in words)


def _is_common(word: str) -> bool:
    """Whether a word of two characters or more is in the dictionary, and no name there."""
    return len(word) > 1 and _jieba().has_word(word) and not _jieba().tag(word)[0][1].startswith(("nr", "ns", "nz"))


def _after_cues(text: str) -> Iterator[Span]:
    for cue in _CUE.finditer(text):
        start = cue.end()
        length = _name_length(text[start : start + _WINDOW], sure=cue.group()[-1] in ":：】]")
        whole = _UNUSUAL.match(text, start)
        if whole and _announced(text, start) == whole.end():
            yield Span("姓名", *whole.span())
        elif length:
            yield Span("姓名", start, start + length)
        elif latin := _LATIN.match(text, start):
            yield Span("姓名", *latin.span(1))
        elif end := _announced(text, start):
            yield Span("姓名", start, end)


def _after_self(text: str) -> Iterator[Span]:
    """我是张伟 is a name, 我是高手 is not: nothing more may stand behind it, and no word may explain it."""
    for cue in _SELF.finditer(text):
        start = cue.end()
        window = text[start : start + _WINDOW]
        length = _name_length(window)
        weak = window[:1] in _WEAK and _is_word(window[1:length])
        if length > 1 and not weak and _END.match(text, start + length):
            yield Span("姓名", start, start + length)


def find_names_before_titles(text: str) -> Iterator[Span]:
    """Names of a folded text before a title."""
    yield from _before_forms_of_address(text)
    floor = 0
    for title in _TITLE.finditer(text):
        end = title.start()
        before = _CJK_END.search(text, max(floor, end - _WINDOW), end)
        floor = title.end()
        length = _name_before(before.group()) if before and before.group() else 0
        if length and not text.startswith(_KNOWN, end - length):
            yield Span(
                "姓名",
                end - length - (length == 1 and _FAMILIAR_BEFORE.search(text, max(0, end - 3), end - 1) is not None),
                end,
            )


def _before_forms_of_address(text: str) -> Iterator[Span]:
    floor = 0
    for address in _FORM_OF_ADDRESS.finditer(text):
        end = address.start()
        name = _BEFORE_TITLE.search(text, max(floor, end - _LONGEST_NAME), end)
        if name and _is_unusual(name.group()):
            yield Span("姓名", *name.span())
        floor = address.end()


def _is_word(text: str) -> bool:
    return len(text) > 1 and _jieba().has_word(text)


def _is_name_word(word: str, tag: str) -> bool:
    """Whether a word that begins with a surname is a name: one the dictionary lists so, or one it does not know."""
    return word not in _WORDS and (tag.startswith("nr") or not _jieba().has_word(word))


def _surname_length(text: str) -> int:
    if text[:2] in COMPOUND_SURNAMES:
        return 2
    return 1 if text[:1] in SURNAMES else 0


def _name_length(window: str, *, sure: bool = False) -> int:
    """Characters of the name a text begins with, 0 for none; `sure` where only a name can stand."""
    surname = _surname_length(window) or window[:1] in _FAMILIAR
    run = _CJK.match(window)
    if not surname or run is None:
        return 0
    words = _jieba().tag(run.group())
    word, tag = words[0]
    longest = min(run.end(), surname + 2)
    alone = sure and run.end() == longest and word not in _WORDS
    if len(word) > surname and not alone and not _is_name_word(word, tag):
        return 0
    length = longest if alone else min(run.end(), _cut_length(words, surname))
    while length > surname and window[length - 1] in _FOLLOWING:
        length -= 1
    return length if length > surname else 0


def _cut_length(words: list[tuple[str, str]], surname: int) -> int:
    """A given name has two characters where a word ends there, or none ends before; else one."""
    ends = set(accumulate(len(word) for word, _ in words))
    return surname + 1 if surname + 1 in ends and surname + 2 not in ends else surname + 2


def _name_before(before: str) -> int:
    """Characters of the name a text ends with, 0 for none."""
    *earlier, (word, tag) = _jieba().tag(before)
    previous = earlier[-1][0] if earlier else ""
    if word in COMPOUND_SURNAMES:
        return 2
    if word in _FOLLOWING and word not in SURNAMES:
        return 0
    if len(word) <= 2 and word[0] not in _FOLLOWING and (previous in SURNAMES or previous in COMPOUND_SURNAMES):
        return len(previous) + len(word)
    if len(word) > 1:
        return len(word) if _is_name(word) and _is_name_word(word, tag) else _unknown_name(before)
    if word in SURNAMES and not (earlier and _is_name(previous) and earlier[-1][1] == "nr" and previous not in _WORDS):
        return word not in _TITLE_WORDS
    torn = _is_name(previous) and len(previous) == 2 and previous not in _WORDS and word not in _NO_GIVEN
    return 3 if torn else _unknown_name(before)


def _is_name(word: str) -> bool:
    surname = _surname_length(word)
    return 0 < surname < len(word) <= surname + 2


def _unknown_name(before: str) -> int:
    """A name the cut has torn or glued: 丁涵 in 找丁涵. Nothing but a function word may stand before it."""
    for length in (4, 3, 2):
        name = before[-length:]
        if len(name) == length and _is_name(name) and (before[:-length] or "找")[-1] in _BEFORE:
            return 0 if _is_word(name) or _FOLLOWING & set(name) or _is_word(name[:2]) else length
    alone = before[-1] in SURNAMES - _TITLE_WORDS and before[-2:-1] in _BEFORE and not _is_word(before[-2:])
    return int(alone)
