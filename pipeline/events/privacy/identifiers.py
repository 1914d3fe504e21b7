"""Identifiers that look like personal data: telephones, papers, cards, mail, names, addresses, accounts.

An identifier should name a thing, and says nothing of a person. One that does becomes a keyed hash, so that events of
one customer still belong together. Random ids are left alone: UUIDs, numbers of orders, codes of products.
"""

import re
from functools import lru_cache
from typing import Literal

from gapwatch.pipeline.events.privacy.pseudonyms import is_pseudonym, pseudonym
from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.numbers import is_identity_card, passes_luhn
from gapwatch.pipeline.language.masking.spans import Kind

Naming = Literal["person", "record", "product"]
"""What a field should name: a customer or an agent, a record of any kind, or a product."""

_HAN = r"\u4e00-\u9fff"
# What no random id holds. All others are left alone after this one search.
_SUSPECT = re.compile(
    r"[^\x00-\x7e]|@|%[0-9A-Fa-f]{2}|&#|[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){9}"
    r"|(?i:wxid|wechat|weixin|(?<![a-z])[vw]x|(?<![a-z])qq|tel|phone)|[A-Z][a-z]+[ .·][A-Z]"
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
_DATED_PHONE = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])1[3-9][0-9]{9}")
# Date, time and a counter look like it where the first digits of the telephone are hours, minutes and seconds.
_TIME = re.compile(r"[0-9]{8}(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]")
# Old cards have 15 digits and no check: their district must be one.
_OLD_CARD = re.compile(r"[0-9]{2}(?:0[1-9]|[12][0-9]|3[0-4]|5[1-4]|90)(?:[0-3][0-9]|8[1-9])[0-9]{9}")

_LATIN_NAME = re.compile(r"[A-Z][a-z]+(?:[ .·][A-Z][a-z]+){1,2}|[A-Z][a-z]+ [A-Z]{2,}|[A-Z]{2,} [A-Z][a-z]+")
_WECHAT = re.compile(r"(?i)(?:we?chat|weixin|[vw]x(?:id)?)[_:：=@ -]{1,3}(?=[a-z0-9_-]*[a-z])[a-z0-9][a-z0-9_-]{4,23}")
_WORDS: frozenset[Kind] = frozenset({"邮箱", "地址", "身份证", "位置"})
_ANY_HAN = re.compile(f"[{_HAN}]")
_PLUS_CHINA = re.compile(r"^(?:0086|86)(?=1[3-9][0-9]{9}$|0[1-9][0-9]{8,10}$)|^0(?=1[3-9][0-9]{9}$)")
_WECHAT_OF_RECORD = re.compile(r"(?i)wxid_[a-z0-9]{6,24}|(?:we?chat|weixin|[vw]x)(?:id)?[:：=][a-z0-9_-]{5,24}")
_ACCOUNT = re.compile(r"(?i)(?:we?chat|weixin|[vw]x|qq)(?:id)?[_-](?P<account>[a-z]{4,20})[0-9_-]{0,10}")

# Names in letters: a surname, one or two syllables, up to six digits. zhangwei, li.na, wang_xiaoming88.
_SURNAMES = (
    "zhang|zheng|zhao|zhou|zhong|zhu|zou|zeng|yang|yuan|yuan|yan|yao|yin|you|yuan|yue|yun|yu|ye|yi|xu|xue|xiao|xie|xia"
    "|xiong|xing|wang|wan|wei|wen|weng|wu|tang|tan|tao|tian|tong|sun|su|song|shi|shen|shao|ren|ruan|qiu|qin|qian|qiao|qi"
    "|pan|peng|pei|ouyang|ou|niu|ni|nie|mo|meng|mei|mao|ma|luo|lu|lv|long|liu|lin|ling|ling|liao|liang|lian|li|lei|lai|kong|kang|jin"
    "|jiang|jiao|jia|ji|huang|hua|huo|hu|hou|hong|he|hao|han|guo|gu|gong|ge|geng|gao|gan|fu|fang|fan|feng|fei|du|duan|dong|ding|deng|dai"
    "|cui|cheng|chen|chang|chai|cao|cai|bai|bao|bian|bi|an"
)
_SYLLABLE = (
    "(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)?(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan|ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|ue|ui|uo|er|a|o|e|i|u|v)"
)
_PINYIN_NAME = re.compile(rf"(?i)(?:{_SURNAMES})[._ -]?{_SYLLABLE}(?:[._ -]?{_SYLLABLE})?[._-]?[0-9]{{0,6}}")
_NO_PERSON = re.compile(
    "(?i)(?:taobao|tianmao|jingdong|meituan|weibo|weixin|douyin|dianping|pinduoduo|xianyu|youku|baidu|sina|suning|kaola"
    "|haier|huawei|xiaomi|anon|android|member|manager|dingding|feishu|youzan|weimob|wenda|anhui|guangdong)"
)
# The surnames of nine in ten people, and characters that parents choose. Few things are named by these alone.
_COMMON_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任沈姚卢傅钟姜崔谭廖范汪陆金石"
    "戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戚莫孔向汤"
)
_COMPOUND_SURNAMES = "欧阳|司马|上官|诸葛|夏侯|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|南宫"
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国志文海小晓雪梅婷倩颖晨辰宇轩浩然子涵欣怡梓萱雨佳琪思琳慧莉萍"
    "鹏飞龙凤云峰波斌彬辉俊凯东亮健康宁林森鑫淼雷德昌荣贵福生元成立新春秋冬美珍珠翠淑惠雅芝莲荷菊竹燕鸿雁翔宏博学远智仁义"
    "礼信忠孝廉诚安泰乐天嘉家瑞祥琴瑶璐璇丹彤蕾薇妍婉婵媛嫣岚岩岳峻川江河洲泽润清源浪潮旭阳昊晖曦星月光耀照景晴朗阿大老磊蕊"
    "一二三四五六七八九中正友良心悦可依诺一梦瑜璟伊妮莎洁冰玲霖雯霏"
)
_CHINESE_NAME = re.compile(
    f"(?:(?:{_COMPOUND_SURNAMES})[{_HAN}]{{1,2}}|[{_COMMON_SURNAMES}][{_GIVEN}]{{1,2}}|[{_HAN}]{{1,7}}[·•][{_HAN}]{{1,7}})"
    "(?:先生|女士|小姐|老师)?|"
    f"[{_COMMON_SURNAMES}](?:[{_HAN}]{{0,2}}(?:先生|女士|小姐)|[某*＊]{{1,2}}[{_HAN}]?)"
)
# Places and brands that are called like people.
_NO_NAMES = frozenset(
    "吴江 吴忠 林芝 高安 高雄 黄平 黄龙 余江 田林 田东 唐海 唐河 沈阳 姚安 卢龙 钟祥 陆河 汪清 梁平 梁河 马龙 罗江 罗平 罗源 彭阳 "
    "彭泽 周宁 万宁 万年 万源 万荣 江阳 江源 江川 江安 江华 江宁 金华 金平 金阳 金川 金湖 金明 金东 石泉 石河子 石林 石家庄 "
    "白河 白云 方正 龙岩 龙江 龙川 龙安 龙华 龙文 龙海 龙泉 武安 武平 武宁 武鸣 武冈 汤阴 汤原 夏河 孟津 史家 于洪 于都 秦安 "
    "孔雀 向阳 段家 东方 李宁 周大福 周六福 周大生 周生生 王老吉 王守义 张小泉 谢瑞麟 陈克明 马大姐 丁家宜 万家乐 金龙 白云山 "
    "雷蛇 金立 方太 万和 史丹利 金正大 小天鹅 毛尖 高丽参 石斛兰".split()
)


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
    if not _SUSPECT.search(value) and (naming != "person" or not _is_pinyin_name(value)):
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
    if length == 18:
        return is_identity_card(digits.upper()) or _is_card(digits)
    if length == 15 and _OLD_CARD.fullmatch(digits) and is_identity_card(digits):
        return True
    if length == 19 and _DATED_PHONE.fullmatch(digits) and not _TIME.match(digits):
        return True
    return _is_card(digits)


def _is_card(digits: str) -> bool:
    return len(digits) >= 15 and digits.isdecimal() and passes_luhn(digits) and _is_grouped_number(digits)


def _is_grouped_number(run: str) -> bool:
    """Whether the rules for texts take the whole of some groups of digits for one number."""
    return any(span.kind in _GROUPED and span.end - span.start == len(run) for span in mask(run).spans)


def _names_person(folded: str, naming: Naming) -> bool:
    """Whether words or signs of an identifier tell of a person."""
    if is_name(folded) or _WECHAT_OF_RECORD.fullmatch(folded):
        return True
    found = {span.kind for span in mask(folded).spans}
    account = _ACCOUNT.fullmatch(folded)
    if found & _WORDS or (account and _is_pinyin_name(account["account"])):
        return True
    if naming == "product":
        # Goods are called by words, and a master or a lady may stand in a name of theirs.
        return "微信" in found and _ANY_HAN.search(folded) is not None
    if _ANY_HAN.search(folded) or _LATIN_NAME.fullmatch(folded):
        return True
    return naming == "person" and (bool(found) or _WECHAT.fullmatch(folded) is not None or _is_pinyin_name(folded))


@lru_cache(maxsize=4096)
def is_name(text: str) -> bool:
    """Whether a text is the name of a person and nothing else: a surname and what parents choose, or with a title."""
    return _CHINESE_NAME.fullmatch(text) is not None and text not in _NO_NAMES


def _is_pinyin_name(text: str) -> bool:
    return _PINYIN_NAME.fullmatch(text) is not None and not _NO_PERSON.match(text)


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
