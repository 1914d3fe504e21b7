"""Telephone, identity card and bank card numbers, written in digits or spoken, in one piece or in groups."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from gapwatch.pipeline.language.masking.spans import Kind, Span

SPOKEN_DIGITS = "零〇一幺二三四五六七八九壹贰叁肆伍陆柒捌玖"
_FOLD = str.maketrans("x" + SPOKEN_DIGITS, "X001123456789123456789")

# Up to three separators stand between two digits of one number: "138 - 1234 - 5678", "(010) 6552 9988".
SEPARATOR = r"[ \u3000\-－–—.·_()（）\u200b\ufe0f\u20e3]"
_END_X = rf"(?:{SEPARATOR}?[Xx](?![A-Za-z0-9]))?"
_WRITTEN = re.compile(rf"[0-9]++(?:{SEPARATOR}{{1,3}}+[0-9]++)*+{_END_X}")
_SPOKEN = re.compile(rf"[0-9{SPOKEN_DIGITS}]++(?:{SEPARATOR}{{1,3}}+[0-9{SPOKEN_DIGITS}]++)*+{_END_X}")
_GROUP = re.compile(r"[0-9]+X?|X")
# A numeral that begins the next word, not one that ends the number: 一三八…七八一共三件.
_NEXT_WORD = re.compile(r"[一二三四五六七八九](?=[个共下起直样定般些张件次条点位天月年号])")

# GB 11643: first two digits of an identity card.
_PROVINCES = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
            83,
        ),
    )
)
_DATE = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_ID_18 = re.compile(rf"[1-8]\d{{5}}(?:18|19|20)\d\d{_DATE}\d{{3}}[\dX]")
_ID_15 = re.compile(rf"[1-8]\d{{7}}{_DATE}\d{{3}}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# UnionPay, Visa, Mastercard, JCB, American Express, by ISO/IEC 7812 prefix and length.
_CARD = re.compile(r"(?:62|60)\d{14,17}|(?:4367|9558)\d{15}|4\d{15}|5[1-5]\d{14}|35\d{14}|3[47]\d{13}")
_MOBILE = re.compile(r"(?:00)?(?:86)?(1[3-9]\d{9})")
_MOBILE_START = re.compile(r"(?:00)?(?:86)?1[3-9]")
_LANDLINE = re.compile(r"(?:(?:00)?86)?0?(?:10|2\d|[3-9]\d\d)[1-9]\d{6,7}")
_AREA_CODE = re.compile(r"0(?:10|2\d|[3-9]\d\d)")
_EXTENSION = re.compile(r"\s?(?:转|分机|-|—)\s?[0-9]{1,6}(?![0-9])")

# Groups people write an eleven-digit mobile number in; any other split is more likely a list of sizes or prices.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 4, 4), (3, 3, 5), (3, 8), (7, 4), (4, 3, 4), (3, 5, 3), (5, 6), (6, 5), (5, 3, 3), (4, 7)}
    | {(1,) * 11, (1, 2, 2, 2, 2, 2), (3, 2, 2, 2, 2), (3, 2, 2, 4), (3, 4, 2, 2), (1, 10)}
    | {(2, 2, 2, 2, 2, 1), (1, 3, 3, 4), (4, 3, 4)}
)

_PHONE_LETTERS = re.compile(r"(?:tel|phone|mobile|cell|call|mob|sms|wx|vx|qq|v)[.:]?$", re.IGNORECASE)
_LETTER_BEFORE = re.compile(r"[A-Za-z]$")
_ORDER_BEFORE = re.compile(
    r"(?:单号|编号|流水号|序列号|条码|条形码|货号|型号|批号|串号|imei|sn|no\.?|编码|订单|运单|代码|追溯码|兑换码|取件码)"
    r"[码号是为：:#\s]{0,4}$",
    re.IGNORECASE,
)
_ID_BEFORE = re.compile(r"(?:身份证|证件)[号码是为：:\s]{0,6}$")
_CARD_BEFORE = re.compile(r"(?:[行储]卡|借记卡|信用卡|储蓄卡|工资卡)[的卡账帐号码是为：:\s]{0,6}$")
_ACCOUNT_BEFORE = re.compile(r"(?:卡号|账号|帐号|账户|帐户)[码是为：:\s]{0,4}$")
_PHONE_BEFORE = re.compile(r"(?:电话|座机|固话|tel|致电|拨打)[的号码是为：:\s]{0,5}$", re.IGNORECASE)
_CUE_REACH = 16
_LONGEST = 19
_SHORTEST = 7
_MOST_GROUPS = 11
_MOST_CARD_GROUPS = 7
_MOST_LANDLINE_GROUPS = 4


class _Group(NamedTuple):
    """Digits without a gap, folded to ASCII, and where they stand."""

    digits: str
    start: int


class _Window(NamedTuple):
    """Neighbouring groups of one run of digits, taken together, and the words before them."""

    digits: str
    groups: tuple[int, ...]
    before: str


def is_identity_card(digits: str) -> bool:
    """Whether 18 or 15 characters make an identity card number: place, birthday, and the check digit of GB 11643."""
    if digits[:2] not in _PROVINCES:
        return False
    if len(digits) == 15:
        return _ID_15.fullmatch(digits) is not None
    if not _ID_18.fullmatch(digits):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, digits, strict=False))
    return "10X98765432"[total % 11] == digits[17]


def passes_luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812, annex B."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(digit - 9 if digit > 9 else digit for digit in doubled)) % 10 == 0


def find_numbers(text: str) -> Iterator[Span]:
    """Telephone, identity and bank card numbers of a text, in order."""
    yield from _find_in_runs(text, _WRITTEN)
    if any(digit in text for digit in SPOKEN_DIGITS):
        yield from _find_in_runs(text, _SPOKEN)


def _find_in_runs(text: str, run: re.Pattern[str]) -> Iterator[Span]:
    for match in run.finditer(text):
        start, end = match.span()
        if _NEXT_WORD.match(text, end - 1):
            end -= 1
        found = _GROUP.finditer(text[start:end].translate(_FOLD))
        yield from _find_in_groups(text, [_Group(group.group(), start + group.start()) for group in found])


def _find_in_groups(text: str, groups: Sequence[_Group]) -> Iterator[Span]:
    first = 0
    while first < len(groups):
        found = _longest(text, groups[first : first + _MOST_GROUPS])
        if found is None:
            first += 1
            continue
        kind, count = found
        last = groups[first + count - 1]
        yield _widened(text, Span(kind, groups[first].start, last.start + len(last.digits)))
        first += count


def _longest(text: str, groups: Sequence[_Group]) -> tuple[Kind, int] | None:
    """The kind of the longest number that begins with the first group, and how many groups it has."""
    if not _may_begin(groups):
        return None
    start = groups[0].start
    if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdecimal():
        return None
    before = text[max(0, start - _CUE_REACH) : start]
    found = None
    for count, digits in enumerate(accumulate(group.digits for group in groups), 1):
        if len(digits) > _LONGEST:
            break
        if len(digits) >= _SHORTEST:
            lengths = tuple(len(group.digits) for group in groups[:count])
            kind = _kind(_Window(digits, lengths, before))
            found = (kind, count) if kind else found
    return found


def _may_begin(groups: Sequence[_Group]) -> bool:
    """Whether the first group may begin a number: most of a long run of short groups is told at once."""
    digits = "".join([group.digits for group in groups[:_MOST_CARD_GROUPS]])
    return (
        len(digits) >= 15
        or _MOBILE_START.match(digits) is not None
        or sum([len(group.digits) for group in groups[:_MOST_LANDLINE_GROUPS]]) >= _SHORTEST
    )


def _kind(window: _Window) -> Kind | None:
    digits, groups, before = window
    if len(digits) >= 15 and len(groups) <= _MOST_CARD_GROUPS:
        if len(digits) in {15, 18} and _is_id(window):
            return "身份证"
        if digits.isdecimal() and _is_card(window):
            return "银行卡"
    if _is_mobile(digits, groups) or _is_landline(digits, groups):
        return None if _ORDER_BEFORE.search(before) or _is_serial(before) else "电话"
    return "电话" if len(groups) <= 2 and _is_local(digits) and _PHONE_BEFORE.search(before) else None


def _is_serial(before: str) -> bool:
    """Letters that run into the digits, other than those of a cue: SN138…, but tel138…."""
    return _LETTER_BEFORE.search(before) is not None and not _PHONE_LETTERS.search(before)


def _is_id(window: _Window) -> bool:
    digits, _, before = window
    if is_identity_card(digits):
        return len(digits) == 18 or not _ORDER_BEFORE.search(before)
    return _ID_BEFORE.search(before) is not None


def _is_card(window: _Window) -> bool:
    digits, groups, before = window
    if len(groups) > 1 and max(groups[:-1]) > 4 and groups[0] != 6:
        return False
    if _CARD_BEFORE.search(before):
        return True
    if not passes_luhn(digits) or _ORDER_BEFORE.search(before):
        return False
    return _CARD.fullmatch(digits) is not None or _ACCOUNT_BEFORE.search(before) is not None


def _is_mobile(digits: str, groups: tuple[int, ...]) -> bool:
    match = _MOBILE.fullmatch(digits)
    if match is None:
        return False
    prefix = match.start(1)
    if prefix and groups[0] == prefix:
        return groups[1:] in _MOBILE_GROUPS
    return (groups[0] - prefix, *groups[1:]) in _MOBILE_GROUPS


def _is_landline(digits: str, groups: tuple[int, ...]) -> bool:
    """With the area code; hotlines such as 400-820-8820 and 95588 are firms, not persons."""
    if not _LANDLINE.fullmatch(digits) or not (digits.startswith(("0", "86"))):
        return False
    area = digits[: groups[0]]
    in_groups = _AREA_CODE.fullmatch(area) is not None or area in {"86", "0086"}
    return len(groups) == 1 or (len(groups) <= _MOST_LANDLINE_GROUPS and in_groups)


def _is_local(digits: str) -> bool:
    return len(digits) in {7, 8} and "2" <= digits[0] <= "9"


def _widened(text: str, span: Span) -> Span:
    """With the plus or bracket before and the extension after."""
    start, end = span.start, span.end
    if span.kind != "电话":
        return span
    start -= text[start - 1 : start] == "+"
    start -= text[start - 1 : start] in {"(", "（"} and any(bracket in text[start:end] for bracket in ")）")
    extension = _EXTENSION.match(text, end)
    return Span(span.kind, start, extension.end() if extension else end)
