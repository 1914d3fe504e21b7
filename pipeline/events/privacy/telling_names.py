"""Names of attributes that announce personal data: 收货人, receiver_name, shouhuoren, mobilePhone, 微信.

What stands under such a name is personal whatever it looks like. A name is cut into its words, in any of the styles
that programs use; its last words say what it holds: `receiver_phone` a telephone, `phone_model` none.
"""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, Literal

from gapwatch.pipeline.language.masking.characters import ANY_TOKEN
from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.spans import Kind

Told = Kind | Literal["个人信息"]
"""What a name announces; 个人信息 is personal data of no kind that texts know."""

_LISTS: dict[str, Any] = tomllib.loads(files(__package__).joinpath("telling_names.toml").read_text(encoding="utf-8"))
_KINDS: dict[str, Told] = {word: kind for kind, words in _LISTS["endings"].items() for word in words.split()}
_CHINESE: list[tuple[Told, re.Pattern[str]]] = [
    (kind, re.compile("|".join(words.split()))) for kind, words in _LISTS["chinese"].items()
]
_CHINESE_THINGS = re.compile("|".join(_LISTS["chinese_things"].split()))
_PERSONS, _THINGS, _TAILS, _SAYS_NOTHING = (
    frozenset(_LISTS[name].split()) for name in ("persons", "things", "tails", "says_nothing")
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[\u4e00-\u9fff]+")
_LETTERS = re.compile("[a-z]+")
_TOKEN = re.compile(ANY_TOKEN)
_HAN = re.compile(r"[\u4e00-\u9fff]")
# In a name without gaps shorter endings are chance.
_LONG = 5
_LIKE_ENDINGS = frozenset("owner guest plate photo birth token".split())  # noqa: SIM905 - words
_NOT_TELEPHONES = ("headphone", "earphone", "microphone", "iphone", "smartphone", "saxophone", "megaphone")
# Of these only what stands before them tells whether they are a person's.
_OF_ANYTHING = frozenset({"name", "account", "location"})
_FREE = re.compile("联系方式|支付宝")


@lru_cache(maxsize=4096)
def told_by(name: str) -> Told | None:
    """The personal data that a name announces; None where it announces none."""
    folded = _TOKEN.sub("", fold(name).text)
    if _HAN.search(folded):
        return _told_in_chinese("".join(folded.lower().split()))
    return _told_in_letters([word.lower() for word in _WORDS.findall(folded)])


def says_nothing(value: str) -> bool:
    """Whether a value tells nothing of anybody, whatever its name: blank, yes, no, unknown."""
    value = value.strip().lower()
    return not value or value in _SAYS_NOTHING


def _told_in_chinese(name: str) -> Told | None:
    found = [(match.end(), kind) for kind, words in _CHINESE for match in words.finditer(name)]
    if not found:
        return _told_in_letters(_LETTERS.findall(name))
    end, kind = max(found, key=itemgetter(0))
    freed = _CHINESE_THINGS.search(_FREE.sub("", name))
    return None if freed and freed.end() >= end else kind


def _told_in_letters(words: list[str]) -> Told | None:
    """By the longest ending of a name that announces something; a tail that adds nothing may follow it."""
    last = len(words)
    while last:
        for first in range(max(0, last - 4), last):
            kind = _told_by_ending(words, first, last)
            if kind:
                return kind
        if words[last - 1] not in _TAILS and not words[last - 1].endswith("s"):
            break
        if words[last - 1].endswith("s") and words[last - 1][:-1] in _KINDS:
            words = [*words[: last - 1], words[last - 1][:-1]]
            continue
        last -= 1
    return _told_by_run("".join(words[:last])) if last else None


def _told_by_ending(words: list[str], first: int, last: int) -> Told | None:
    ending = "".join(words[first:last])
    kind = _KINDS.get(ending)
    if kind is None:
        return None
    before = words[first - 1] if first else ""
    if ending in _OF_ANYTHING and before:
        return kind if before in _PERSONS or _told_in_letters(words[:first]) else None
    return None if before in _THINGS and kind not in {"地址", "位置"} else kind


def _told_by_run(run: str) -> Told | None:
    """By the end of a name without any gap: customerphone, usermobile, receiverpersonname."""
    if run.endswith(_NOT_TELEPHONES):
        return None
    for person in _PERSONS:
        if len(person) > 3 and run.startswith(person) and run[len(person) :] in _KINDS:
            return _KINDS[run[len(person) :]]
    for start in range(1, len(run) - _LONG + 1):
        if (kind := _KINDS.get(run[start:])) and run[start:] not in _LIKE_ENDINGS:
            return kind
    return None
