"""Accounts of WeChat, QQ and other networks, with the word that announces them, and links to profiles."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.characters import SIGN
from gapwatch.pipeline.language.masking.spans import Kind, Span

_LINK = rf"(?:{SIGN}|号码?|账号|帐号|id(?![a-z])|是|为|叫|就|这个|同[号名]|在线|空间|昵称|联系|搜){{0,8}}"
# WeChat by its name, and by the names that get past filters.
_WECHAT_CUE = (
    r"微(?: ?[./·-]?信号?|[x芯❤心]|(?=[:：]))|薇[信芯❤心]|威[信芯❤心]|维[信芯❤心]|徽信"
    r"|w(?: ?❤|ei信|(?<![a-z]w)(?:echat|eixin|xin|[ -]?x))|v(?: ?❤|(?<![a-z]v)(?:xin|[ -]?x|信|我)|(?<![a-z0-9]v)(?=\s?[:： ]))"  # noqa: E501
    r"|\+[v微]|➕[v微]|加[我个]?(?:v(?![a-z])|微)"
)
_ACCOUNT = r"[a-z0-9][a-z0-9_-]{4,23}"
# Spelt letter by letter, with dots, or with an underscore that is said.
_SPELT = r"(?:[a-z0-9] ){5,24}[a-z0-9](?![a-z0-9])|[a-z0-9]{1,12}(?:[·.][a-z0-9]{1,12}){1,4}|[a-z0-9]{2,16} ?(?:下划线|杠|横杠) ?[a-z0-9]{1,16}"  # noqa: E501
_WECHAT = re.compile(rf"(?:{_WECHAT_CUE}){_LINK}(?P<account>{_SPELT}|{_ACCOUNT})(?![a-z0-9_-])(?:\s?同号)?")
_WXID = re.compile(r"(?<![a-z0-9])wxid_[a-z0-9]{6,24}")
# Words that announce any account: what follows must have both letters and digits.
_VAGUE = re.compile(
    rf"(?:加我|搜一?下?|扫我|私我|私信我?|卫星|绿色软件|绿泡泡|联系方式|同号){SIGN}{{0,4}}"
    r"(?P<account>[a-z][a-z_-]{3,19}[0-9]{3,12})(?![a-z0-9_-])"
)
# Products and features that follow the word 微信, not accounts.
_NO_ACCOUNT = re.compile(r"(?:pay|app|ios|android|iphone|plus|web|online|[0-9]{1,4}$|20[0-9]{2}年)")

_QQ_CUE = (
    r"q(?:(?<![a-z].) ?q群?|(?<![a-z0-9].)(?:群?(?=\s?[:： ])|号|是|(?=[1-9][0-9]{7,9}(?:[^0-9]|$)))|群|(?<![a-z].)iuqiu)"  # noqa: E501
    r"|扣扣群?|加扣|抠抠|叩叩|丘丘|tencent|企鹅号?|小企鹅号?|球球|秋秋|腾讯号|\+q|➕q|加[我个]?q(?![a-z])"
)
_QQ = re.compile(
    rf"(?:{_QQ_CUE}){_LINK}(?P<account>[1-9](?:[0-9]{{4,10}}|[0-9]{{2}}(?:[ .-][0-9]{{3}}){{1,3}}|(?: [0-9]){{4,10}})|[一二三四五六七八九][零〇一二三四五六七八九]{{5,10}})(?![0-9])"  # noqa: E501
)

_FOREIGN = (
    *("telegram", "tg", "whatsapp", "line", "skype", "instagram", "ins", "facebook", "fb", "twitter", "snapchat"),
    *("tiktok", "discord"),
)
# Each alternative begins with a character of its own, so that a search skips from one such character to the next.
NETWORKS = (
    r"抖音|快手|小红书|微博|淘宝|京东|支付宝|闲鱼|拼多多|飞书|钉钉|陌陌|知乎|豆瓣|百度网盘|网盘|游戏|steam(?<![a-z]steam)|企业微信|企微"
    r"|登录名|用户名|会员名|爱奇艺|优酷|宽带|账[号户]|帐[号户]|b站|哔站|哔哩哔哩|推特|uid(?<![a-z]uid)|"
    + "|".join(f"{name}(?<![a-z]{name})(?![a-z])" for name in _FOREIGN)
)
_OTHER = re.compile(
    rf"(?:{NETWORKS})(?:号码?|账号|帐号|账户|用户名?|旺旺|\s?id(?![a-z])){{0,2}}(?:{SIGN}|是|为|叫){{0,4}}"
    r"(?P<account>(?:live:)?\+?[a-z0-9][a-z0-9_.-]{3,31})(?![a-z0-9_])",
)
_NUMBERED = re.compile(
    r"(?<![a-z])(?:whatsapp|telegram|tg|line|signal|viber|kakaotalk)(?:[^\w‹›]|号|是){0,4}\+?[0-9](?:[ -]?[0-9]){7,15}"
)
# Numbers by which a firm knows a customer.
_CUSTOMER = re.compile(
    r"(?:会员(?:[卡编]?号|卡)|客户[编代]?[号码]|户号(?<![开账帐]户号)|用户号|uid(?<![a-z]uid)|游戏(?:id|号)|小红书号|抖音号|快手号)"
    rf"(?:{SIGN}|码|是|为){{0,4}}(?P<account>[0-9]{{6,20}})(?![0-9a-z])"
)
_PROFILE = re.compile(
    r"(?:https?://)?(?:www\.|m\.)?(?:(?:weibo|facebook|twitter|instagram|linkedin|tiktok|douyin|xiaohongshu|zhihu|bilibili"
    r"|space\.bilibili|v\.douyin|xhslink|github|taobao|threads)\.(?:com|cn|net)|(?:t|wa|line)\.me)/[!-;=?-~]{2,200}",
)
_NICKNAME = re.compile(
    rf"(?:昵称|微信名|网名)(?:{SIGN}|[是为叫]){{1,4}}(?![不无没能可怎])[\w·]{{2,12}}"
    rf"|(?:昵称|微信名|网名)(?![不无没能可怎被打是为叫的都和])[\u4e00-\u9fff]{{2,6}}(?=[，,。！!]|$)"
)
_DIGIT = re.compile("[0-9]")
# Every account has four such characters in it.
_ANY_ACCOUNT = re.compile("[a-z0-9](?:[a-z0-9_.-]{3}| [a-z0-9] |[·.下杠 ])")

_ORDER = re.compile(
    r"(?:订单(?:编号|号码|号)?|单号|运单号?|快递单号|物流单号|交易号|流水号|order ?(?:no\.?|id|number)?)"
    r"(?:\s|是|为|:|：|#){0,4}"
    r"(?P<account>[A-Za-z]{0,4}[0-9][0-9A-Za-z-]{7,31})(?![0-9A-Za-z])",
)


def find_accounts(text: str) -> Iterator[Span]:
    """Accounts of a folded text."""
    text = text.lower()
    if not _ANY_ACCOUNT.search(text):
        return
    yield from (Span("账号", *match.span()) for match in _PROFILE.finditer(text))
    yield from (Span("微信", *match.span()) for match in _WXID.finditer(text))
    for match in _WECHAT.finditer(text):
        account = match["account"]
        # A word of letters alone is an account where one is announced (微信号zhangsan) or where it is no product.
        announced = any(mark in match.group() for mark in "号:：") or len(account) >= 8
        if not _NO_ACCOUNT.match(account) and (announced or not account.isalpha()):
            yield Span("微信", *match.span())
    yield from (Span("微信", *match.span("account")) for match in _VAGUE.finditer(text))
    yield from (Span("QQ", *match.span()) for match in _QQ.finditer(text))
    yield from _others(text)


def _others(text: str) -> Iterator[Span]:
    yield from (Span("账号", *match.span()) for match in _NUMBERED.finditer(text))
    yield from (Span("账号", *match.span()) for match in _CUSTOMER.finditer(text))
    for match in _OTHER.finditer(text):
        announced = any(mark in match.group() for mark in "号名:：") or "id" in match.group().lower()
        mixed = _DIGIT.search(match["account"]) and not match["account"].isdecimal()
        if mixed and (announced or len(match["account"]) >= 8):
            yield Span("账号", *match.span())


def find_nicknames(text: str) -> Iterator[Span]:
    """Names that people gave themselves, after 昵称 and the like."""
    return (Span("账号", *match.span()) for match in _NICKNAME.finditer(text))


def find_orders(text: str) -> Iterator[Span]:
    """Order and parcel numbers after their cue."""
    kind: Kind = "订单号"
    return (Span(kind, *match.span("account")) for match in _ORDER.finditer(text.lower()))
