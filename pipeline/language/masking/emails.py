"""E-mail addresses, however the at sign and the dots are written, and QQ numbers that stand for one."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.spans import Span

_PLAIN_AT = r"@{1,3}"
_SAID_AT = r"[\(\[{<（【《]\s?(?i:at|a|艾特|爱特|圈a)\s?[\)\]}>）】》]| (?i:at) |[_-](?i:at)[_-]|艾特|爱特|圈[aA]|花[aA]|小老鼠|(?i: at符号| at ?)|[#☆★*&$]"  # noqa: E501
_AT = re.compile(rf"\s?(?:(?P<plain>{_PLAIN_AT})|{_SAID_AT})\s{{0,2}}")
_DOT = r"\s?(?:\.|。|点|•|·|[\(\[{（【<《]\s?(?:dot|点)\s?[\)\]}）】>》]| dot |_dot_)\s?"
_ENDINGS = (
    "com|cn|net|org|edu|gov|io|co|hk|tw|mo|jp|uk|us|me|cc|info|top|vip|xyz|site|tech|shop|club|biz|asia|example"
    "|c0m|con|康姆|公司|中国|网络|网址|集团|在线"
)
# After a plain at sign any ending made of letters will do; after a disguised one only a known one.
_DOMAIN = re.compile(
    rf"(?:[A-Za-z0-9\u4e00-\u9fff-]{{1,63}}?{_DOT}){{1,8}}(?:{_ENDINGS})(?![A-Za-z0-9])"
    r"|(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,12}(?![A-Za-z0-9])"
    r"|(?:qq|163|126|139|gmail|foxmail|sina|outlook|hotmail)\s?[,，、 ]\s?com(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SAID_DOMAIN = re.compile(rf"(?:[A-Za-z0-9-]{{1,63}}{_DOT}){{1,8}}(?:{_ENDINGS})(?![A-Za-z0-9])", re.IGNORECASE)
_LOCAL = re.compile(r"(?:\"[^\"\n]{1,40}\"|[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}|[\u4e00-\u9fff]{2,3})$")
_ANY_EMAIL = re.compile(
    "[@#☆★*&$特鼠缀aA箱](?:(?<=[@#☆★*&$特鼠缀])|(?<=[圈花邮_][aA箱])|(?<=[^0-9A-Za-z][aA])[tT]?[^0-9A-Za-z])"
)
# A name of a mailbox alone, after the word for it: 163邮箱zhangwei88.
_NAME = re.compile(
    r"(?:(?:163|126|139|qq|网易|新浪|搜狐|gmail|谷歌|[企学工])?[业校作]?邮箱)(?:[^\w‹›]|[号是为]|账号|地址){0,4}"
    r"(?P<name>(?=[a-z._-]{0,20}[0-9])[a-z][a-z0-9._-]{4,30})(?![A-Za-z0-9@])",
    re.IGNORECASE,
)
_SPACED_LOCAL = re.compile(r"(?:[A-Za-z0-9._-] ){2,40}$")
_SPACED_DOMAIN = re.compile(r" ?(?:[A-Za-z0-9-] ?){1,20}\. ?[a-z](?: [a-z]){1,3}(?![A-Za-z0-9])")
_LONGEST_LOCAL = 64
_NUMBER = re.compile(r"(?i:qq|扣扣)邮箱(?:[^\w‹›]|[号是为]){0,4}[1-9][0-9]{4,10}(?![0-9])")
_IN_PARTS = re.compile(
    rf"(?:邮箱|邮件|e?mail)(?:[^\w‹›]|[是号]){{0,3}}(?P<local>[A-Za-z0-9][A-Za-z0-9._+-]{{2,40}}[，,、 ]{{0,2}}后缀是?\s?@?"  # noqa: E501
    rf"(?:[A-Za-z0-9-]{{1,63}}{_DOT}){{1,4}}(?:{_ENDINGS}))",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Span]:
    """E-mail addresses of a folded text."""
    yield from _whole(text)
    if "邮箱" in text:
        yield from (Span("邮箱", *match.span("name")) for match in _NAME.finditer(text))


def _whole(text: str) -> Iterator[Span]:
    if not _ANY_EMAIL.search(text):
        return
    floor = 0
    for at in _AT.finditer(text):
        spaced = _SPACED_DOMAIN.match(text, at.end() - 1) if at["plain"] else None
        apart = _SPACED_LOCAL.search(text, max(floor, at.start() - 80), at.start() + 1) if spaced else None
        if spaced and apart:
            floor = spaced.end()
            yield Span("邮箱", apart.start(), floor)
            continue
        domain = (_DOMAIN if at["plain"] else _SAID_DOMAIN).match(text, at.end())
        local = _LOCAL.search(text[max(floor, at.start() - _LONGEST_LOCAL) : at.start()]) if domain else None
        if domain and local:
            floor = domain.end()
            start = at.start() - len(local.group())
            yield Span("邮箱", start - 7 * text.endswith("mailto:", 0, start), floor)
    yield from (Span("邮箱", *match.span()) for match in _NUMBER.finditer(text))
    yield from (Span("邮箱", *match.span("local")) for match in _IN_PARTS.finditer(text))
