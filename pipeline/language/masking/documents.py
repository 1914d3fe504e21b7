"""Papers and marks of a person other than the identity card, each after the word that announces it.

The token takes the announcing word with it: 护照号 E12345678 becomes ‹证件›. A few forms need no such word, because
a check digit proves them: identity cards of Hong Kong and Taiwan, the unified social credit code, a vehicle's number.
"""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.characters import SIGN
from gapwatch.pipeline.language.masking.spans import Span

_LINK = rf"(?:{SIGN}|no\b|number|号码?|证号|编号|代码|是|为){{0,6}}"
# Each alternative begins with a character of its own, so that a search skips from one such character to the next.
PAPERS = (
    r"护照|passport|香港(?:居民)?身份证|澳门(?:居民)?身份证|台湾(?:居民)?身份证|港澳(?:居民)?(?:来往内地|来往大陆)?通行证|台胞证|回乡证|通行证|居住证"
    r"|永居证|居留证|居留许可|出生(?:医学)?证明?|结婚证|离婚证|户口簿|资格证|就诊号|保单号?|绿卡|签证|军官证|士兵证|警官证|警号|学生证|学号|工号|工牌|老年证|残疾证|导游证|驾驶证(?:档案)?|驾照(?:档案)?|行驶证(?:档案)?|档案编?|从业资格证|律师证|记者证"
    r"|医保卡?|社保卡?|公积金|病历|病案|住院号|门诊号|就诊卡|诊疗卡|检查单|统一社会信用代码|信用代码|纳税人识别|税号|营业执照|组织机构代码|房产证|不动产权|户口本"
    r"|车架|车辆识别代|发动机号|vin(?<![a-z]vin)|设备(?:号|编号|id)|imei|imsi|序列号|mac地址|idfa|oaid|android ?id|udid|meid"  # noqa: E501
)
_CUED = re.compile(
    rf"(?:{PAPERS}){_LINK}(?P<number>(?:[军空海武警文政士北京沪广南济沈成兰]{{1,3}}字第)?(?=[a-z:-]{{0,12}}[0-9])[a-z0-9][a-z0-9:-]{{4,31}}"
    r"(?:\([0-9a]\)|（[0-9a]）)?号?"
    r"|[a-z]{1,2}[ -]?[0-9]{3,4}[ -][0-9]{3,4}(?![0-9a-z])|[a-z][零〇一二三四五六七八九]{7,9}|[157]/[0-9]{6}/[0-9])"
)
# Long codes in groups: the credit code, a vehicle's number, a telephone's.
_GROUPED = re.compile(
    rf"(?:信用代码|税号|纳税人识别号|车架号|vin|imei){_LINK}(?P<number>[a-z0-9]{{2,8}}(?: [a-z0-9]{{1,10}}){{1,5}})(?![a-z0-9])"  # noqa: E501
)
_BARE = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?P<hongkong>[A-Z]{1,2}[0-9]{6}(?:\([0-9A]\)|（[0-9A]）))"
    r"|(?P<taiwan>[A-Z][1289][0-9]{8})"
    r"|(?P<credit>[1-9ANY][0-9][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10})"
    r"|(?P<vin>[A-HJ-NPR-Z0-9]{12}[0-9]{5})"
    r"|(?P<passport>(?:E[0-9A-HJ-NP-Z]|[GDSP])[0-9]{7,8}(?=[^0-9A-Za-z]{0,2}(?:护照|出境|签证)))"
    r")(?![A-Za-z0-9])"
)
_LETTERS = {letter: str(value) for value, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", 10)}
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_ANY_DIGIT = re.compile("[0-9]")


def find_documents(text: str) -> Iterator[Span]:
    """Papers of a folded text."""
    if not _ANY_DIGIT.search(text):
        return
    lower = text.lower()
    for match in _GROUPED.finditer(lower):
        if 15 <= len(match["number"].replace(" ", "")) <= 18:
            yield Span("证件", *match.span())
    yield from (Span("证件", *match.span()) for match in _CUED.finditer(lower))
    for match in _BARE.finditer(text):
        if _is_valid(match.lastgroup or "", match.group()):
            yield Span("证件", *match.span())


def _is_valid(kind: str, number: str) -> bool:
    if kind == "taiwan":
        return is_taiwan_id(number)
    if kind == "credit":
        return not number[2:17].isdecimal() and number[0] in "159" and number[1] in "1239"
    return is_vehicle(number) if kind == "vin" else True


def is_taiwan_id(number: str) -> bool:
    """The check of the identity card of Taiwan: a letter and nine digits."""
    digits = _LETTERS[number[0]] + number[1:]
    weights = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def is_vehicle(number: str) -> bool:
    """The check of ISO 3779, place nine of seventeen; there must be letters and digits."""
    if number.isdecimal() or number.isalpha():
        return False
    values = (int(character) if character.isdecimal() else _VIN_VALUES[character] for character in number)
    total = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return number[8] == ("X" if total == 10 else str(total))
