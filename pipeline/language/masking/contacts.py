"""E-mail, WeChat and QQ accounts, number plates and, on demand, order numbers."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.spans import Kind, Span

_LOCAL_PART = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}"
_EMAIL = re.compile(rf"{_LOCAL_PART}@(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}[A-Za-z]{{2,12}}(?![A-Za-z0-9])")
# Written past filters: zhangsan(at)qq.com, zhangsan#163点com. Only with a well-known provider, else prose would match.
_HIDDEN_EMAIL = re.compile(
    rf"{_LOCAL_PART}\s?(?:@|#|\(at\)|\[at\]|（at）| at |艾特)\s?"
    r"(?:vip\.)?(?:qq|163|126|139|189|gmail|outlook|hotmail|sina|foxmail|yeah|sohu|icloud|aliyun|yahoo|live|msn)"
    r"\s?(?:\.|。|点|\(dot\)| dot )\s?(?:com\.cn|com|cn|net)(?![A-Za-z0-9])",
    re.IGNORECASE,
)

_LINK = r"(?:\s|号码?|账号|帐号|id|是|为|叫|:|：|=|\+){0,6}"
_WECHAT = re.compile(
    "(?:微信|薇信|威信|徽信|微 ?x|wechat|weixin|(?<![a-z?&/=])[vw]x|(?<![a-z])v信"
    r"|加[我个]?v(?![a-z])|(?<![a-z0-9])v(?=\s?[:：])|\+v(?![a-z]))"
    rf"{_LINK}"
    r"(?P<account>[a-z0-9][a-z0-9_-]{4,19})(?![a-z0-9_-])",
    re.IGNORECASE,
)
# Products and features that follow the word 微信, not accounts.
_NO_ACCOUNT = re.compile(r"(?:pay|app|ios|android|iphone|plus|web|online|[0-9]{1,4}$|20[0-9]{2}年)", re.IGNORECASE)
_QQ = re.compile(
    r"(?:(?<![a-z])q ?q群?|(?<![a-z0-9])q(?=\s?[:：])|扣扣|企鹅号?|球球|加[我个]?q(?![a-z]))"
    r"(?:\s|号码?|账号|帐号|是|为|:|：|=|\+|联系){0,6}"
    r"(?P<account>[1-9][0-9]{4,10})(?![0-9])",
    re.IGNORECASE,
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使]\s?[A-HJ-NP-Z][ ·•.\-]?"
    r"(?=(?:[A-Z]{0,2}[0-9]){3})(?:[A-HJ-NP-Z0-9]{5,6}|[A-HJ-NP-Z0-9]{4}[挂学警港澳领])(?![A-Za-z0-9])",
    re.IGNORECASE,
)
# Each of these kinds has a Latin letter in it or before it, but for digits after 微信 and a few words for QQ.
_LATIN_OR_CUE = re.compile("[A-Za-z信扣鹅球]")
_ORDER = re.compile(
    r"(?:订单(?:编号|号码|号)?|单号|运单号?|快递单号|物流单号|交易号|流水号|order ?(?:no\.?|id|number)?)"
    r"(?:\s|是|为|:|：|#){0,4}"
    r"(?P<account>[A-Za-z]{0,4}[0-9][0-9A-Za-z-]{7,31})(?![0-9A-Za-z])",
    re.IGNORECASE,
)


def find_contacts(text: str) -> Iterator[Span]:
    """E-mail addresses, accounts after their cue, and number plates."""
    if not _LATIN_OR_CUE.search(text):
        return
    for pattern in (_EMAIL, _HIDDEN_EMAIL):
        yield from (Span("邮箱", *match.span()) for match in pattern.finditer(text))
    for match in _WECHAT.finditer(text):
        # A word of letters alone is an account only where one is announced: 微信号zhangsan, not 微信pay.
        announced = any(mark in match.group() for mark in "号:：")
        if not _NO_ACCOUNT.match(match["account"]) and (announced or not match["account"].isalpha()):
            yield Span("微信", *match.span("account"))
    yield from _accounts("QQ", _QQ, text)
    yield from (Span("车牌", *match.span()) for match in _PLATE.finditer(text))


def find_orders(text: str) -> Iterator[Span]:
    """Order and parcel numbers after their cue."""
    return _accounts("订单号", _ORDER, text)


def _accounts(kind: Kind, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (Span(kind, *match.span("account")) for match in pattern.finditer(text))
