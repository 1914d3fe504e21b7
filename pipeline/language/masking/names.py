"""Names of persons: after a cue (我叫…, 联系人：…) and before a title (…先生, …女士)."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any

from gapwatch.pipeline.language.masking.spans import Span

_LISTS = tomllib.loads(files(__package__).joinpath("names.toml").read_text(encoding="utf-8"))


@cache
def _jieba() -> Any:
    import rjieba  # noqa: PLC0415 - 34 MB that only those need who meet a name

    return rjieba


def _characters(name: str) -> frozenset[str]:
    return frozenset("".join(_LISTS[name].split()))


SURNAMES = _characters("surnames")
TRADITIONAL_SURNAMES = _characters("traditional_surnames")
_COMPOUND = frozenset(_LISTS["compound_surnames"].split())
_WORDS = frozenset(_LISTS["words"].split())
_WEAK = _characters("weak_surnames")
_TITLE_WORDS = _characters("title_words")
_FOLLOWING = _characters("following")
# Single words that end no name though a surname stands two before: 蒙牛一经理.
_NO_GIVEN = frozenset("一二三四五六七八九十们男女")
# 小明, 阿强.
_FAMILIAR = frozenset("小阿")
_BEFORE = _FOLLOWING | set("告服称谢")

_CUE = re.compile(
    "(?:我叫(?<![帮给替让]我叫)|我名叫|我的?名字[叫是]?|我姓名|姓名|联系人|联络人|收[件货]人|寄件人|户名"
    "|持卡人|机主|投诉人|当事人|本人叫|叫做|名叫)"
    r"(?:是|为|叫|:|：|】|\]|\s){0,4}"
)
_SELF = re.compile(r"我(?:就|还)?是")
_TITLE = re.compile(r"(?:先生|女士|小姐|经理|师傅|老师|主任|店长|医生|律师|警官|大夫)(?!们)")
_LATIN = re.compile(r"(?<=[:：叫])\s?([A-Z][a-z]{1,14}(?: [A-Z][a-z]{1,14}){0,2})(?![A-Za-z0-9])")
_CJK = re.compile(r"[\u4e00-\u9fff]*")
_CJK_END = re.compile(r"[\u4e00-\u9fff]*$")
_END = re.compile(r"$|[^\u4e00-\u9fffA-Za-z0-9]|[啊呀哈呢哦啦吧]|电话|手机")
_WINDOW = 8


def find_names(text: str) -> Iterator[Span]:
    """Names of a text: those after a cue, then those before a title."""
    yield from _after_cues(text)
    yield from _after_self(text)
    yield from _before_titles(text)


def _after_cues(text: str) -> Iterator[Span]:
    for cue in _CUE.finditer(text):
        start = cue.end()
        length = _name_length(text[start : start + _WINDOW], sure=cue.group()[-1] in ":：】]")
        if length:
            yield Span("姓名", start, start + length)
        elif latin := _LATIN.match(text, start):
            yield Span("姓名", *latin.span(1))


def _after_self(text: str) -> Iterator[Span]:
    """我是张伟 is a name, 我是高手 is not: nothing more may stand behind it, and no word may explain it."""
    for cue in _SELF.finditer(text):
        start = cue.end()
        window = text[start : start + _WINDOW]
        length = _name_length(window)
        weak = window[:1] in _WEAK and _is_word(window[1:length])
        if length > 1 and not weak and _END.match(text, start + length):
            yield Span("姓名", start, start + length)


def _before_titles(text: str) -> Iterator[Span]:
    floor = 0
    for title in _TITLE.finditer(text):
        end = title.start()
        before = _CJK_END.search(text, max(floor, end - _WINDOW), end)
        floor = title.end()
        length = _name_before(before.group()) if before and before.group() else 0
        if length:
            yield Span("姓名", end - length, end)


def _is_word(text: str) -> bool:
    return len(text) > 1 and _jieba().has_word(text)


def _is_name_word(word: str, tag: str) -> bool:
    """Whether a word that begins with a surname is a name: one the dictionary lists so, or one it does not know."""
    return word not in _WORDS and (tag.startswith("nr") or not _jieba().has_word(word))


def _surname_length(text: str) -> int:
    if text[:2] in _COMPOUND:
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
    if word in _COMPOUND:
        return 2
    if word in _FOLLOWING and word not in SURNAMES:
        return 0
    if len(word) <= 2 and word[0] not in _FOLLOWING and (previous in SURNAMES or previous in _COMPOUND):
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
