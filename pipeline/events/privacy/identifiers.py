"""Identifiers that look like personal data: telephones, papers, cards, mail, names, addresses, accounts.

An identifier should name a thing, and says nothing of a person. One that does becomes a keyed hash, so that events of
one customer still belong together. Random ids are left alone: UUIDs, numbers of orders, codes of products.
"""

import re
from functools import lru_cache
from typing import Literal

from gapwatch.pipeline.events.privacy.person_names import is_name, is_pinyin_name
from gapwatch.pipeline.events.privacy.pseudonyms import is_pseudonym, pseudonym
from gapwatch.pipeline.language.masking.characters import HAN
from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.numbers import is_identity_card, passes_luhn
from gapwatch.pipeline.language.masking.spans import Kind

Naming = Literal["person", "record", "product"]
"""What a field should name: a customer or an agent, a record of any kind, or a product."""

# How most ids look: letters, a sign and a short number. These are left alone at once.
_PLAIN = re.compile(
    r"(?!(?i:wx|vx|we|qq|tel|ph))[a-z]{0,2}[-_:/.#]?[0-9]{0,9}|(?!(?i:wx|vx|we|qq|tel|ph))[A-Za-z]{1,16}[-_:/.#][0-9]{1,9}"
)
# What no random id holds. All others are left alone after this one search.
_SUSPECT = re.compile(
    r"[^\x00-\x7e]|@|%[0-9A-Fa-f]{2}|&#|[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){9}"
    r"|(?i:wxid|wechat|weixin|(?<![a-z])[vw]x|(?<![a-z])qq|tel|phone)|[A-Z][A-Za-z]+[ .·][A-Z]"
)
_RANDOM = re.compile(
    r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})"
)
# A number in groups, and the words that announce it.
_IN_GROUPS = re.compile(r"\+?[0-9]+(?:[ ._\-()/]{1,3}[0-9]+[Xx]?)*[Xx]?")
_DIGITS = re.compile("[0-9]+[Xx]?")
_LABEL = re.compile(r"(?i)^(?:tel|phone|mobile|id|card)[:：= ]+")
_GROUPED: frozenset[Kind] = frozenset({"电话", "身份证", "银行卡"})
# Mobile numbers; landlines with an area code that exists; a mobile number behind a date.
_PHONE = re.compile(
    r"(?:0086|86|0)?(?P<mobile>1[3-9][0-9]{9})|0(?:10|2[0-57-9])[2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7}"
)
_BORN = re.compile("[1-9][0-9]{5}(?:18|19|20)[0-9]{2}[01][0-9][0-3]")
_CARD = re.compile("(?:6[02]|81|4367|95|9400)[0-9]{13,17}|[2-5][0-9]{15}|3[47][0-9]{13}")
_DATED_PHONE = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])1[3-9][0-9]{9}")
# Date, time and a counter look like it where the first digits of the telephone are hours, minutes and seconds.
_TIME = re.compile(r"[0-9]{8}(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]")
# Old cards have 15 digits and no check: their district must be one.
_OLD_CARD = re.compile(r"[0-9]{2}(?:0[1-9]|[12][0-9]|3[0-4]|5[1-4]|90)(?:[0-3][0-9]|8[1-9])[0-9]{9}")

_LATIN_NAME = re.compile(r"[A-Z][a-z]+(?:[ .·][A-Z][a-z]+){1,2}|[A-Z][a-z]+ [A-Z]{2,}|[A-Z]{2,} [A-Z][a-z]+")
_WECHAT = re.compile(r"(?i)(?:we?chat|weixin|[vw]x(?:id)?)[_:：=@ -]{1,3}(?=[a-z0-9_-]*[a-z])[a-z0-9][a-z0-9_-]{4,23}")
_WORDS: frozenset[Kind] = frozenset({"邮箱", "地址", "身份证", "位置", "车牌", "证件"})
_TOLD_IN_CHINESE: frozenset[Kind] = frozenset({"微信", "QQ", "电话", "银行卡"})
_NAME_GAPS = re.compile(r"[\s:：_/,，|+-]+")
_QQ = re.compile("(?i)qq[:：=_ -]{0,2}[1-9][0-9]{4,10}")
_ANY_HAN = re.compile(f"[{HAN}]")
_PLUS_CHINA = re.compile(r"^(?:0086|86)(?=1[3-9][0-9]{9}$|0[1-9][0-9]{8,10}$)|^0(?=1[3-9][0-9]{9}$)")
_WECHAT_OF_RECORD = re.compile(r"(?i)wxid_[a-z0-9]{6,24}|(?:we?chat|weixin|[vw]x)(?:id)?[:：=][a-z0-9_-]{5,24}")
_ACCOUNT = re.compile(r"(?i)(?:we?chat|weixin|[vw]x|qq)(?:id)?[_-](?P<account>[a-z]{4,20})[0-9_-]{0,10}")


def masked_identifier(value: str, naming: Naming, *, certain: bool = False) -> str:
    """The value, or its hash where it looks like personal data, or `certain` says that it is."""
    if is_pseudonym(value):
        return value
    person = person_in(value, naming)
    return pseudonym(person or value) if certain or person is not None else value


def masked_record_id(value: str) -> str:
    """As `masked_identifier`, but each spelling has a hash of its own: two events must not become one."""
    return value if is_pseudonym(value) or person_in(value, "record") is None else pseudonym(value)


def person_in(value: str, naming: Naming) -> str | None:
    """What names the person in an identifier that looks like personal data, in one spelling; None where none does."""
    if value.isascii() and value.isdecimal():
        return _PLUS_CHINA.sub("", value) if _is_number(value) else None
    looks_plain = _PLAIN.fullmatch(value) or not _SUSPECT.search(value)
    if looks_plain and (naming != "person" or not is_pinyin_name(value)):
        return None
    return _person_in(value, naming)


@lru_cache(maxsize=4096)
def _person_in(value: str, naming: Naming) -> str | None:
    folded = fold(value).text.strip()
    if _RANDOM.fullmatch(folded):
        return None
    if number := _number_in(folded):
        return number
    if not _names_person(folded, naming):
        return None
    return folded.casefold() if "@" in folded else _spelt(folded)


def _number_in(folded: str) -> str | None:
    """The digits of a valid number that is the whole identifier; the identifier, where it is a part of it."""
    for run in _IN_GROUPS.findall(folded):
        if len(run) >= 9 and (_is_grouped_number(run) or any(map(_is_number, _DIGITS.findall(run)))):
            whole = _spelt(_LABEL.sub("", folded))
            return _PLUS_CHINA.sub("", whole.upper()) if _spelt(run) == whole else folded
    return None


def _is_number(digits: str) -> bool:
    """Whether digits without anything between are a telephone's, an identity card's or a bank card's."""
    length = len(digits)
    if length < 10 or length > 19:
        return False
    if _PHONE.fullmatch(digits):
        return True
    if length == 18 and _BORN.match(digits) and is_identity_card(digits.upper()):
        return True
    if length == 15 and _OLD_CARD.fullmatch(digits) and is_identity_card(digits):
        return True
    if length == 19 and _DATED_PHONE.fullmatch(digits) and not _TIME.match(digits):
        return True
    return _is_card(digits)


def _is_card(digits: str) -> bool:
    return _CARD.fullmatch(digits) is not None and passes_luhn(digits) and _is_grouped_number(digits)


def _is_grouped_number(run: str) -> bool:
    """Whether the rules for texts take the whole of some groups of digits for one number."""
    return any(span.kind in _GROUPED and span.end - span.start == len(run) for span in mask(run).spans)


def _names_person(folded: str, naming: Naming) -> bool:
    """Whether words or signs of an identifier tell of a person."""
    if any(map(is_name, _NAME_GAPS.split(folded))) or is_name("".join(folded.split())):
        return True
    if _WECHAT_OF_RECORD.fullmatch(folded) or _QQ.fullmatch(folded):
        return True
    found = {span.kind for span in mask(folded).spans}
    account = _ACCOUNT.fullmatch(folded)
    if found & _WORDS or (account and is_pinyin_name(account["account"])):
        return True
    if naming == "product":
        # Goods are called by words, and a master or a lady may stand in a name of theirs.
        return bool(found & _TOLD_IN_CHINESE) and _ANY_HAN.search(folded) is not None
    if _ANY_HAN.search(folded) or _LATIN_NAME.fullmatch(folded) or (" " in folded and is_pinyin_name(folded)):
        return True
    return naming == "person" and (bool(found) or _WECHAT.fullmatch(folded) is not None or is_pinyin_name(folded))


def _spelt(folded: str) -> str:
    """Without blanks, signs and the case of letters."""
    return "".join(filter(str.isalnum, folded.casefold()))


def number_kind(digits: str) -> Kind | None:
    """What digits without anything between are, if they are a valid number of a person."""
    if not _is_number(digits):
        return None
    if _PHONE.fullmatch(digits) or _DATED_PHONE.fullmatch(digits):
        return "电话"
    return "身份证" if is_identity_card(digits) else "银行卡"
