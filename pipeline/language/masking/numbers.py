"""Telephone, identity card and bank card numbers, written in digits or spoken, in one piece or in groups.

A run is digits with at most a few signs between them. Without a cue a number must be valid and written in the groups
that people use. After a cue (电话, 身份证, 卡号) neither checksum nor grouping counts.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gapwatch.pipeline.language.masking.characters import SIGN
from gapwatch.pipeline.language.masking.spans import Kind, Span

SPOKEN_DIGITS = "零〇一幺二两三四五六七八九壹贰叁肆伍陆柒捌玖洞拐勾"
_VALUES = str.maketrans(SPOKEN_DIGITS, "0011223456789123456789079")

# Up to six signs, or a said one, stand between two digits of one number: "138 - 1234", "010转8001", "一杠二".
_BETWEEN = rf"(?:{SIGN}{{1,6}}+|[转杠横点减]|空格)"
_WRITTEN = re.compile(rf"[0-9]++(?:{_BETWEEN}[0-9]++)*+")
_SPOKEN = re.compile(rf"[0-9{SPOKEN_DIGITS}]++(?:{_BETWEEN}[0-9{SPOKEN_DIGITS}]++)*+")
_DIGIT = re.compile("[0-9]")
_ANY_SPOKEN = re.compile(f"[{SPOKEN_DIGITS}]")
_TIDY = re.compile(r"[ \-–—.·_()/|~*]{1,3}")
# A numeral that begins the next word, not one that ends the number: 一三八…七八一共三件.
_NEXT_WORD = re.compile(r"[一二两三四五六七八九](?=[个共下起直样定般些张件次条点位天月年号])")

# GB 11643: first two digits of an identity card; 83 is a residence permit of Taiwan, 9 one of foreigners.
_PROVINCES = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[1-9])"
_DATE = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_ID_17 = re.compile(rf"{_PROVINCES}\d{{4}}(?:18|19|20)\d\d{_DATE}\d{{3}}")
_ID_15 = re.compile(rf"{_PROVINCES}\d{{6}}{_DATE}\d{{3}}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_X = re.compile(rf"{SIGN}?(?:[Xx*叉](?![A-Za-z0-9])|艾克斯)")
# An identity card as it is told: 310104，1973年03月13日，2162 and 前六位310104生日19731113后四位2162.
_ID_TOLD = re.compile(
    rf"[0-9]{{6}}{SIGN}{{0,3}}(?:19|20)[0-9]{{2}}年[0-9]{{1,2}}月[0-9]{{1,2}}日?{SIGN}{{0,3}}[0-9]{{3}}[0-9Xx]"
    r"|前(?:[六6]位|面)[^0-9]{0,3}[0-9]{6}[^0-9]{1,8}[0-9]{6,8}[^0-9]{1,8}[0-9]{3}[0-9Xx]"
)

# A telephone number told in three parts: 前三位138中间1234后面5678.
_PHONE_TOLD = re.compile(
    r"(?:电话|手机|号码?)[^0-9‹›。！？\n]{0,8}(?P<phone>1[3-9][0-9](?:[^0-9‹›。！？\n]{1,6}[0-9]{4}){2})(?![0-9])"
)

# UnionPay, Visa, Mastercard, JCB, American Express and old cards of Chinese banks, by ISO/IEC 7812 prefix and length.
_CARD = re.compile(
    r"(?:62|60|81)\d{14,17}|(?:4367|95[59]\d)\d{15}|9400\d{12}|4\d{15}|(?:5[1-5]|2[2-7])\d{14}|35\d{14}|3[47]\d{13}"
)
_CARD_LENGTHS = (19, 18, 17, 16, 15)

_MOBILE = re.compile(r"((?:00)?86|0)?1[3-9]\d{9}")
# What runs into a mobile number: a date, the dialling code of a cheap line, a code that hides the caller.
_GLUED = re.compile(rf"(?:20\d\d{_DATE}|20\d\d|17951|17911|17909|125931?|10193|67|0)(1[3-9]\d{{9}})")
_LANDLINE = re.compile(r"(?:(?:00)?86)?0?(?:10|2\d|[3-9]\d\d)[2-9]\d{6,7}")
_AREA_CODE = re.compile(r"0(?:10|2\d|[3-9]\d\d)")
_PLACE_BEFORE = re.compile("(?:香港|澳门|台湾)(?:电话|手机|号码?)[:： ]?$")
_EXTENSION = re.compile(r"\s?(?:转|分机|-|—)\s?[0-9]{1,6}(?![0-9])|(?:e|\+)[0-9](?![0-9A-Za-z])")
# Firms' lines, which are nobody's: analysts want to know which of them does not answer.
_HOTLINE = re.compile(r"(?:400|800)\d{7}|95\d{3,6}|(?:96|12|10|11)\d{1,4}(?!\d)")
_CALENDAR = re.compile(rf"(?:19|20)\d\d{_DATE}(?!\d)|(?:19|20)\d\d(?=[-/.年])")

# Groups people write an eleven-digit mobile number in; any other split is more likely a list of sizes or prices.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 4, 4), (3, 3, 5), (3, 8), (7, 4), (4, 3, 4), (3, 5, 3), (5, 6), (6, 5), (5, 3, 3), (4, 7)}
    | {(1,) * 11, (1, 2, 2, 2, 2, 2), (3, 2, 2, 2, 2), (3, 2, 2, 4), (3, 4, 2, 2), (1, 10)}
    | {(2, 2, 2, 2, 2, 1), (1, 3, 3, 4)}
)

# Between a cue and its number there may be a few words: 身份证号我再说一遍哦是….
_WORDS = r"(?:[^0-9。！？!?\n‹›]|\n(?=[0-9])){0,12}"
_LINK = rf"(?:{SIGN}|[的号码是为就改成写在]|号码|香港|澳门|台湾|倒过来){{0,8}}"
_ORDER_BEFORE = re.compile(
    r"(?:单号|编号|流水号|序列号|条码|条形码|货号|型号|批号|串号|imei|sn|(?<!card )no\.?|编码|订单|运单|代码|追溯码|兑换码|取件码)"  # noqa: E501
    r"[码号是为：:#\s]{0,4}$",
    re.IGNORECASE,
)
_ID_BEFORE = re.compile(
    rf"(?:身份证|身份号|sfz|证件|实名|护照|驾驶证|驾照|社保卡|居住证|(?<![A-Za-z])id\b|id ?card){_WORDS}$",
    re.IGNORECASE,
)
_CARD_BEFORE = re.compile(
    rf"(?:卡号|[行储蓄的]卡|邮储|农信|信用社|借记卡|信用卡|工资卡|账号|帐号|账户|帐户|[工建农招交]行|银行|(?:退|转|打|汇)[款钱]?[到给至]|card(?: ?no)?"  # noqa: E501
    rf"|account){_WORDS}$",
    re.IGNORECASE,
)
_PHONE_BEFORE = re.compile(
    rf"(?:电话|手机|座机|固话|单位|热线|来电|致电|拨打?|[请打回]打?|联系方式|号码|微信|(?<![A-Za-z])(?:tel|phone|mobile|mob|cell|call|m|ph)\b"
    rf"|phone|mobile|whatsapp){_LINK}$",
    re.IGNORECASE,
)
_MOBILE_BEFORE = re.compile(
    rf"(?:电话|手机|号码|座机|固话|联系方式|微信|拨打|致电|打我|打给?|呼叫|\b(?:tel|phone|mobile|call)\b){_WORDS}$",
    re.IGNORECASE,
)
_CALL_BACK = re.compile(r"\s?[，,。]?\s?(?:请|麻烦)?(?:回电|回拨|回我|联系我|给我回|找我|打这个)")
_CUE_REACH = 28
_SHORTEST = 7
_LONGEST_AFTER_CUE = 24

# The last digits of a number: 尾号4654, 身份证后六位 239637, and what a customer tells in two parts.
_TAIL = re.compile(
    r"(?:尾号|[后末][三四六346]位(?:数字?|是)?|末[三四六]位)[^0-9A-Za-z\u4e00-\u9fff]{0,3}(?:[是为]|号码|数字){0,2}[^0-9A-Za-z\u4e00-\u9fff]{0,2}"
    r"[0-9]{3,8}[Xx]?(?![0-9])(?:[^0-9‹›]{0,4}前面[^0-9‹›]{0,4}[0-9]{3,9})?"
)
_TAIL_OF = re.compile(r"(身份证|证件)|(卡|银行|账[号户])|(车|停|牌)|(电话|手机|号码|微信)")

# Letters typed for digits. They count where enough real digits stand among them and the number is valid.
_LOOK_ALIKES = str.maketrans("OoQDIliLBSsZzGbq|", "00001111855226691")
_LETTERED = re.compile(r"(?<![A-Za-z0-9])[0-9OoQIliLBSsZz|]{11,19}(?![A-Za-z0-9])")
# ASCII codes of digits: 3133383132… is 13812….
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:3[0-9]){11,18}(?![0-9A-Fa-f])")


class _Run:
    """The digits of one run, where each stands, and which of them begin a group."""

    def __init__(self, text: str, places: list[int], digits: str) -> None:
        self.text = text
        self.places = places
        self.digits = digits
        self.begins = [0, *(i for i, (left, right) in enumerate(pairwise(places), 1) if right != left + 1)]
        self.edges = {*self.begins, len(digits)}

    def lengths(self, first: int, last: int) -> tuple[int, ...]:
        """The lengths of the groups between two digits."""
        begins = self.begins
        inner = begins[bisect_left(begins, first + 1) : bisect_left(begins, last)]
        return tuple(right - left for left, right in pairwise([first, *inner, last]))

    def is_tidy(self, first: int, last: int) -> bool:
        """Whether nothing but blanks, hyphens, dots, slashes and brackets stands between the groups."""
        begins = self.begins
        inner = begins[bisect_left(begins, first + 1) : bisect_left(begins, last)]
        return all(_TIDY.fullmatch(self.text, self.places[i - 1] + 1, self.places[i]) for i in inner)

    def before(self, index: int) -> str:
        start = self.places[index]
        return self.text[max(0, start - _CUE_REACH) : start]

    def span(self, kind: Kind, first: int, last: int) -> Span:
        return Span(kind, self.places[first], self.places[last - 1] + 1)


def find_numbers(text: str) -> Iterator[Span]:
    """Phone, identity card and bank card numbers of a folded text."""
    yield from (Span("身份证", *match.span()) for match in _ID_TOLD.finditer(text))
    yield from _tails(text)
    yield from _lettered(text)
    yield from (Span("电话", *match.span("phone")) for match in _PHONE_TOLD.finditer(text))
    for match in _WRITTEN.finditer(text):
        yield from _find_in_run(text, *match.span())
    for match in _SPOKEN.finditer(text):
        start, end = match.span()
        if end - start >= _SHORTEST and _ANY_SPOKEN.search(text, start, end):
            yield from _find_in_run(text, start, end - (_NEXT_WORD.match(text, end - 1) is not None))
    yield from (Span("电话", *match.span()) for match in _HEX.finditer(text) if _MOBILE.match(match.group()[1::2]))


def _find_in_run(text: str, start: int, end: int) -> Iterator[Span]:
    if end - start < _SHORTEST:
        return
    written = text[start:end].translate(_VALUES)
    places = [match.start() for match in _DIGIT.finditer(written)]
    if len(places) < _SHORTEST:
        return
    run = _Run(text, [start + place for place in places], "".join([written[place] for place in places]))
    cued = None if _id_at(run, 0) or _card_at(run, 0) else _after_cue(run)
    if cued:
        yield cued
    done = 0
    for begin in run.begins:
        if begin < done or _is_fraction(run, begin):
            continue
        found = _number_at(run, begin)
        if found:
            done = bisect_left(places, found.end)
            yield _widened(text, found)


def is_identity_card(digits: str) -> bool:
    """Whether 18 or 15 characters make an identity card number: place, birthday, and the check digit of GB 11643."""
    if len(digits) == 15:
        return _ID_15.fullmatch(digits) is not None
    return len(digits) == 18 and _ID_17.match(digits) is not None and _check_digit(digits) == digits[17]


def _check_digit(digits: str) -> str:
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, digits, strict=False))
    return "10X98765432"[total % 11]


def passes_luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812, annex B."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(digit - 9 if digit > 9 else digit for digit in doubled)) % 10 == 0


def _number_at(run: _Run, begin: int) -> Span | None:
    """The valid number that begins with a group, whatever stands before it."""
    return _id_at(run, begin) or _card_at(run, begin) or _mobile_at(run, begin) or _landline_at(run, begin)


def _id_at(run: _Run, begin: int) -> Span | None:
    digits = run.digits
    if _ID_17.match(digits, begin):
        check = _check_digit(digits[begin : begin + 17])
        if digits[begin + 17 : begin + 18] == check:
            return run.span("身份证", begin, begin + 18)
        told = _CHECK_X.match(run.text, run.places[begin + 16] + 1)
        if check == "X" and told and begin + 17 in run.edges:
            return Span("身份证", run.places[begin], told.end())
    if (
        begin + 15 in run.edges
        and run.lengths(begin, begin + 15) in {(15,), (6, 6, 3), (6, 5, 4)}
        and _ID_15.match(digits, begin)
    ):
        return run.span("身份证", begin, begin + 15)
    return None


def _card_at(run: _Run, begin: int) -> Span | None:
    for length in _CARD_LENGTHS:
        end = begin + length
        if end not in run.edges or not _CARD.fullmatch(run.digits, begin, end):
            continue
        groups = run.lengths(begin, end)
        grouped = len(groups) == 1 or (max(groups[:-1]) <= 6 and len(groups) <= 5 and run.is_tidy(begin, end))
        if grouped and passes_luhn(run.digits[begin:end]) and not _ORDER_BEFORE.search(run.before(begin)):
            return run.span("银行卡", begin, end)
    return None


def _mobile_at(run: _Run, begin: int) -> Span | None:
    match = _MOBILE.match(run.digits, begin)
    if match and match.end() in run.edges:
        prefix = len(match[1] or "")
        groups = run.lengths(begin, match.end())
        if prefix and groups[0] == prefix:
            groups = groups[1:]
        elif prefix:
            groups = (groups[0] - prefix, *groups[1:])
        if groups in _MOBILE_GROUPS and run.is_tidy(begin, match.end()):
            return run.span("电话", begin, match.end())
    glued = _GLUED.match(run.digits, begin)
    if glued and glued.end() in run.edges and len(run.lengths(begin, glued.end())) == 1:
        return None if _ORDER_BEFORE.search(run.before(begin)) else run.span("电话", glued.start(1), glued.end())
    return None


def _is_fraction(run: _Run, begin: int) -> bool:
    """0.13812345678 is a share, 1.13812345678 the first number of a list."""
    start = run.places[begin]
    return "0." in {run.text[max(0, start - 2) : start], run.text[start : start + 2]}


def _landline_at(run: _Run, begin: int) -> Span | None:
    """With the area code; hotlines such as 400-820-8820 and 95588 are firms, not persons."""
    if not run.digits.startswith(("0", "86"), begin):
        return None
    match = _LANDLINE.match(run.digits, begin)
    if match is None:
        return None
    for end in (match.end(), match.end() - 1):
        groups = run.lengths(begin, end)
        if end not in run.edges or len(groups) > 4:
            continue
        area = run.digits[begin : begin + groups[0]]
        plausible = len(groups) == 1 or _AREA_CODE.match(area) is not None or area in {"86", "0086"}
        if plausible and _LANDLINE.fullmatch(run.digits, begin, end) and not _ORDER_BEFORE.search(run.before(begin)):
            return run.span("电话", begin, end)
    return None


def _after_cue(run: _Run) -> Span | None:
    """What a cue announces: the digits of an identity card, of a bank card or of a telephone, whatever their groups."""
    before, count = run.before(0), len(run.digits)
    if count >= 15 and _ID_BEFORE.search(before):
        end = min(count, 18)
        span = run.span("身份证", 0, end)
        told = _CHECK_X.match(run.text, span.end) if end <= 17 else None
        return Span("身份证", span.start, told.end()) if told else span
    if _ORDER_BEFORE.search(before) or _HOTLINE.match(run.digits):
        return None
    if run.digits.startswith("1") and _MOBILE.match(run.digits) and _MOBILE_BEFORE.search(before):
        return _widened(run.text, run.span("电话", 0, 11))
    if count >= 12 and _CARD_BEFORE.search(before) and not _CALENDAR.match(run.digits):
        return run.span("银行卡", 0, min(count, _LONGEST_AFTER_CUE))
    return _phone_after_cue(run, before)


def _phone_after_cue(run: _Run, before: str) -> Span | None:
    start, digits = run.places[0], run.digits
    if _CALENDAR.match(run.text, start) or _CALENDAR.match(digits):
        return None
    if before.endswith("+") and len(digits) >= 9 and run.is_tidy(0, min(len(digits), 15)):
        return _widened(run.text, run.span("电话", 0, _tidy_end(run, 15)))
    end = _tidy_end(run, 15)
    if end < _SHORTEST:
        return None
    if _PHONE_BEFORE.search(before):
        return _widened(run.text, run.span("电话", 0, end))
    last = run.places[end - 1] + 1
    local = end in {7, 8} and len(run.begins) == 1 and digits[0] in "2345678"
    return run.span("电话", 0, end) if local and _CALL_BACK.match(run.text, last) else None


def _tidy_end(run: _Run, most: int) -> int:
    """How many digits stand before the first untidy gap, in whole groups and at most so many."""
    end = 0
    for begin, after in pairwise([*run.begins[: most + 1], len(run.digits)][: most + 2]):
        if begin and not _TIDY.fullmatch(run.text, run.places[begin - 1] + 1, run.places[begin]):
            break
        if after > most:
            break
        end = after
    return end


def _widened(text: str, span: Span) -> Span:
    """With the plus or bracket before and the extension after."""
    start, end = span.start, span.end
    if span.kind != "电话":
        return span
    start -= len(place.group()) if (place := _PLACE_BEFORE.search(text[max(0, start - 8) : start])) else 0
    start -= text[start - 1 : start] == "+"
    start -= text[start - 1 : start] in {"(", "（"} and any(bracket in text[start:end] for bracket in ")）")
    extension = _EXTENSION.match(text, end)
    return Span(span.kind, start, extension.end() if extension else end)


def _tails(text: str) -> Iterator[Span]:
    for match in _TAIL.finditer(text):
        owner = _last(_TAIL_OF.finditer(text, max(0, match.start() - 10), match.start()))
        kinds: Sequence[Kind] = ("身份证", "银行卡", "车牌", "电话")
        if owner:
            yield Span(kinds[(owner.lastindex or 4) - 1], *match.span())
        elif match.group().startswith("尾号"):
            yield Span("电话", *match.span())


def _last(matches: Iterator[re.Match[str]]) -> re.Match[str] | None:
    found = None
    for found in matches:  # noqa: B007 - the last one is wanted
        pass
    return found


def _lettered(text: str) -> Iterator[Span]:
    for match in _LETTERED.finditer(text):
        written = match.group()
        if written.isdecimal() or sum(map(str.isdecimal, written)) < 5:
            continue
        digits = written.translate(_LOOK_ALIKES)
        before = text[max(0, match.start() - _CUE_REACH) : match.start()]
        # A bar parts groups more often than it stands for a one.
        cued = "|" not in written
        if len(digits) == 11 and _MOBILE.fullmatch(digits):
            yield Span("电话", *match.span())
        elif (
            len(digits) in {16, 19}
            and _CARD.fullmatch(digits)
            and (passes_luhn(digits) or (cued and _CARD_BEFORE.search(before)))
        ):
            yield Span("银行卡", *match.span())
        elif len(digits) in {15, 18} and (is_identity_card(digits) or (cued and _ID_BEFORE.search(before))):
            yield Span("身份证", *match.span())
