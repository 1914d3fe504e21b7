"""Number plates: of private cars, of army, police and embassies, temporary ones, of Hong Kong and Macau."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.spans import Span

PROVINCES = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_SIGN = r"(?:[^\w‹›]|_){0,2}"
_NUMERAL = "[0-9〇零一幺二三四五六七八九]"
_TAIL = "[挂学警港澳领临应急]"
_BODY = (
    rf"(?:(?=(?:[A-Z*]{{0,3}}[0-9OI]))[A-Z0-9*]{{5,6}}(?:{_TAIL}{{1,2}})?|[A-Z0-9]{{4}}{_TAIL}{{1,2}}"
    rf"|[0-9]{{2,3}}[ -][0-9]{{2,3}}|[A-Z0-9](?:[ .][A-Z0-9]){{4,5}}|{_NUMERAL}{{5,6}})"
)
_PLATE = re.compile(
    rf"(?:临 ?)?(?:[北南天上东重黑辽吉河山江浙安福湖广海四贵云陕甘青宁新]?{PROVINCES}(?:江|南|州|肃|西|夏|海|林|疆|宁)?){_SIGN}[A-Z]{_SIGN}{_BODY}(?![A-Za-z0-9])"  # noqa: E501
    r"|(?<![A-Za-z])(?:jing|hu|yue|zhe|su|lu|chuan|yu|jin|min|xiang|wan|gan|gui|ji) ?[A-HJ-NP-Z][ ·.-]?[0-9]{5}(?![A-Za-z0-9])",  # noqa: E501
    re.IGNORECASE,
)
_FOUR = re.compile(rf"{PROVINCES}{_SIGN}[A-Z]O?[0-9]{{4}}(?![A-Za-z0-9])")
_SERVICE = re.compile(
    rf"(?<![A-Za-z])WJ{_SIGN}(?:{PROVINCES}|[A-Z])?{_SIGN}[0-9]{{4}}[0-9A-Z][A-Z]?(?![A-Za-z0-9])"
    r"|[军空海北沈兰济南广成][A-Z][ ·]?[0-9]{5}(?![A-Za-z0-9])|[使领][0-9]{6}(?![0-9])|[0-9]{6}使(?!用)"
)
_REVERSED = re.compile(rf"(?<![A-Za-z0-9])[0-9A-Z]{{5}}[A-Z]{PROVINCES}")
# Without the province only after a cue.
_CUED = re.compile(
    rf"(?:车牌号?码?|牌照|(?<=停车场)[，, ])(?:{_SIGN}|[是为:：]){{0,3}}(?P<plate>{PROVINCES}?[A-Z]{{1,2}}[ ·-]?(?=[A-Z0-9]{{0,5}}[0-9])[A-Z0-9]{{3,6}}|[\u4e00-\u9fff]{{2}}[0-9]{{5,7}}|{PROVINCES}[A-Z][0-9]{{3,4}}[挂学警])(?![A-Za-z0-9])",  # noqa: E501
    re.IGNORECASE,
)
_ANY_PLATE = re.compile(
    rf"(?:{PROVINCES}|[军空海北沈兰济南广成使领牌场]|WJ|wj)(?:[^\w‹›]|_){{0,2}}[A-Za-z0-9\u4e00-\u9fff]|[A-Z]{PROVINCES}|[a-z][A-Za-z][ ·.-]?[0-9]{{5}}|[0-9]{{6}}使"  # noqa: E501
)
_FOUR_WORDS = re.compile("车|牌|停")


def find_plates(text: str) -> Iterator[Span]:
    """Number plates of a folded text."""
    if not _ANY_PLATE.search(text):
        return
    yield from (Span("车牌", *match.span()) for match in _PLATE.finditer(text))
    yield from (Span("车牌", *match.span()) for match in _SERVICE.finditer(text))
    yield from (Span("车牌", *match.span()) for match in _REVERSED.finditer(text))
    for match in _FOUR.finditer(text):
        if _FOUR_WORDS.search(text, max(0, match.start() - 8), match.start()):
            yield Span("车牌", *match.span())
    yield from (Span("车牌", *match.span()) for match in _CUED.finditer(text))
