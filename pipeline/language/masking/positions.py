"""Where somebody is, in numbers: coordinates, links to a map, plus codes, addresses of the Internet Protocol."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.spans import Span

_PAIR = r"[NSns]?[-+]?[0-9]{1,3}\.[0-9]{4,}°?[NSEWnsew]?[ ,，、/]{1,3}[EWew]?[-+]?[0-9]{1,3}\.[0-9]{4,}°?[NSEWnsew]?"
_POSITION = re.compile(
    rf"(?:(?:GPS|坐标|定位|经纬度|位置)[^\w‹›]{{0,3}}(?:[是为])?)?{_PAIR}"
    r"|(?:经度|纬度|(?<![A-Za-z])(?:lat(?:itude)?|lng|lon(?:gitude)?))(?:[^\w‹›]|[是为]){0,3}-?[0-9]{1,3}\.[0-9]{3,}"
    r"|[0-9]{1,3}°[0-9]{1,2}['′’][0-9.]{1,8}[\"″”]?[NSEW]?(?:[ ,，]{0,2}[0-9]{1,3}°[0-9]{1,2}['′’][0-9.]{1,8}[\"″”]?[NSEW]?)?"  # noqa: E501
    r"|(?:北纬|东经|南纬|西经)[0-9.]{2,12}[度°]?[0-9.′'分]{0,8}[″\"秒]?"
    r"|https?://(?:[a-z0-9-]{1,30}\.){0,3}(?:amap\.com|map\.(?:baidu|qq)\.com|maps\.(?:google|apple|app)[a-z.]{1,12}|map\.[a-z]{2,12}\.com|j\.map\.baidu\.com|surl\.amap\.com)/[!-;=?-~]{1,300}"
    r"|(?<![0-9A-Za-z])[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?![0-9A-Za-z])(?:\s[\u4e00-\u9fff]{2,4})?",
    re.IGNORECASE,
)
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(
    rf"(?:(?<![A-Za-z])ip(?:v[46])?(?:地址)?(?:[^\w‹›]|[是为]){{0,4}})?(?<![0-9.])(?P<address>{_BYTE}(?:\.{_BYTE}){{3}})(?![0-9.])",
    re.IGNORECASE,
)
# Addresses inside one house or one machine are nobody's.
_PRIVATE = re.compile(r"(?:10|127|0)\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|169\.254\.|255\.")
_IPV6 = re.compile(
    r"(?:(?<![A-Za-z])ip(?:v6)?(?:地址)?(?:[^\w‹›]|[是为]){0,4})?(?<![0-9A-Fa-f:])(?=[0-9A-Fa-f]{0,4}:)(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){0,6}(?![0-9A-Za-z:])",
    re.IGNORECASE,
)
_ANY_POSITION = re.compile("[.][0-9]{3}|°|[.][0-9]{1,3}[.]|:(?://|[0-9A-Fa-f]{0,4}:)|[+][0-9A-Za-z]|纬|经")
_WITH_CUE = re.compile("[Ii][Pp]")


def find_positions(text: str) -> Iterator[Span]:
    """Positions of a folded text, with the word that announces them."""
    if not _ANY_POSITION.search(text):
        return
    yield from (Span("位置", *match.span()) for match in _POSITION.finditer(text))
    for match in _IPV4.finditer(text):
        if not _PRIVATE.match(match["address"]) and (
            _WITH_CUE.match(match.group()) or match["address"].count(".0") == 0
        ):
            yield Span("位置", *match.span())
    for match in _IPV6.finditer(text):
        if "::" in match.group() or match.group().count(":") == 7:
            yield Span("位置", *match.span())
