"""Names of persons that stand where an identifier should: in Chinese, or in letters as in zhangwei88 and li.na."""

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from gapwatch.pipeline.language.masking.characters import HAN

_LISTS: dict[str, str] = tomllib.loads(files(__package__).joinpath("person_names.toml").read_text(encoding="utf-8"))


def _characters(name: str) -> str:
    return "".join(_LISTS[name].split())


def _words(name: str) -> str:
    return "|".join(_LISTS[name].split())


_CHINESE = re.compile(
    f"(?:(?:{_words('compound_surnames')})[{HAN}]{{1,2}}|[{_characters('surnames')}][{_characters('given')}]{{1,2}}"
    f"|[{HAN}]{{1,7}}[·•][{HAN}]{{1,7}})(?:先生|女士|小姐|老师)?"
    f"|[{_characters('surnames')}](?:[{HAN}]{{0,2}}(?:先生|女士|小姐)|[某*＊]{{1,2}}[{HAN}]?)"
)
_NO_NAMES = frozenset(_LISTS["no_names"].split())
_SYLLABLE = (
    "(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)?(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan"
    "|ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|ue|ui|uo|er|a|o|e|i|u|v)"
)
# A surname, one or two syllables, up to six digits.
_PINYIN = re.compile(rf"(?i)(?:{_words('pinyin_surnames')})[._ -]?{_SYLLABLE}(?:[._ -]?{_SYLLABLE})?[._-]?[0-9]{{0,6}}")
_NO_PINYIN = re.compile(f"(?i)(?:{_words('no_pinyin_names')})")


@lru_cache(maxsize=4096)
def is_name(text: str) -> bool:
    """Whether a text is the name of a person and nothing else: a surname and what parents choose, or with a title."""
    return _CHINESE.fullmatch(text) is not None and text not in _NO_NAMES and not is_word(text)


def is_word(text: str) -> bool:
    """Whether the dictionary has a text, and not as the name of a person."""
    import rjieba  # noqa: PLC0415 - 34 MB that only those need who meet a name

    return rjieba.has_word(text) and not rjieba.tag(text)[0][1].startswith("nr")


def is_pinyin_name(text: str) -> bool:
    """Whether a text is such a name in letters, perhaps with digits behind it, as accounts are called."""
    return _PINYIN.fullmatch(text) is not None and not _NO_PINYIN.match(text)
