"""Postal addresses down to a street, an estate or a door. A city or a district alone is a region, not an address."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from gapwatch.pipeline.language.masking.characters import HAN, PROVINCE_NAMES
from gapwatch.pipeline.language.masking.spans import Span

_NUMBER = r"(?:[0-9]{1,5}|[A-Za-z甲乙丙丁东西南北][0-9]{0,3}|[一二三四五六七八九十][一二三四五六七八九十百零〇]{0,5})"
_NUMBERS = rf"{_NUMBER}(?:[-—–之/][0-9A-Za-z]{{1,5}}){{0,3}}"
_HAO = r"号(?![线店机码牌电球口出])"
_UNIT = rf"(?:号院|号楼|{_HAO}|弄|栋|幢|单元|楼|层|室|房(?!间)|户|组|队|座|期|区|门|#|梯)"
_DOOR = rf"{_NUMBERS}{_UNIT}"
_ROOM = r"[0-9]{3,4}(?![0-9年月元块号])(?:室|房(?!间))?"
# More doors, perhaps of an estate named in between, then a room without its 室: 3号楼2单元1203.
_REST = (
    rf"(?:[\s,，-]?(?:[{HAN}]{{2,10}}(?:小区|花园|家园|公寓|大厦|广场|苑|园|村|城))?{_DOOR}){{0,6}}"
    rf"(?:[\s-]?{_ROOM}|之[0-9]{{1,2}}|-[0-9]{{1,3}}(?![0-9])|寝室"
    rf"|(?:[{HAN}]{{2,5}}(?:广场|大厦|大楼|大酒店|写字楼)|(?<=楼))(?:[A-Z](?![A-Za-z])[塔座]?)?(?:[0-9]{{3,4}}室?)?)?"
)

_STREET = "(?:大道|路|街道|街坊|街|巷|胡同|道)"
_ESTATE = (
    "(?:小区|社区|花园|家园|花苑|公寓|新村|新苑|嘉园|家属院|宿舍|庭院|名苑|雅苑|苑|园|村|屯|庄|湾|府|邸|郡|庭|里|坊)"
)
_HOUSE = "(?:大厦|广场|中心|大楼|写字楼|商城|城|工业园|科技园|产业园|学校|大学)"

_NAME = re.compile(f"[{HAN}]*$")
_PLACE = rf"(?![到在去是的了离])[{HAN}]"

# Each begins with the word that follows a name, so that the search skips from one such word to the next.
_NAMED = (
    # A street and its number: 中山路88号, 四平路1239弄.
    re.compile(rf"{_STREET}(?:[东西南北中]段?|[一二三四五六七八九]?段)?\s?{_NUMBERS}(?:号院|号楼|{_HAO}|弄|#){_REST}"),
    # An estate and a door of it: 阳光花园3栋2单元501.
    re.compile(
        rf"{_ESTATE}\s?(?:[东西南北中]?{_NUMBER}[期区])?\s?(?!一[座栋幢]){_NUMBERS}(?:号楼|{_HAO}|栋|幢|座|单元|室|组|队|#){_REST}"
    ),
    # An office tower needs a room: 创业大厦A座1203.
    re.compile(
        rf"{_HOUSE}\s?(?:{_DOOR}\s?)?{_NUMBERS}"
        rf"(?:(?<=[0-9]{{3}})室|[层楼][0-9]{{3,4}}(?![0-9年月元块])室?|座[\s,，]?(?:{_DOOR})?[0-9]{{3,4}}室?|单元[0-9]{{3,4}})"
    ),
    # City, district, street without a number: 杭州市西湖区文三路.
    re.compile(
        rf"市[\s,，]?{_PLACE}{{1,6}}?[区县市旗](?:{_PLACE}{{1,10}}?|[\s,，]{_PLACE}{{1,5}}?)"
        r"(?:(?:大道|路|街道|街|巷)(?:[东西南北中]段)?|胡同|镇|乡|(?<!农)村|小区|花园|家园|公寓|苑)(?![上口边旁由过])"
        rf"(?:{_PLACE}{{0,8}}?(?:街道|小区|花园|家园|公寓|苑|村)){{0,2}}"
    ),
)
# Building, unit and room say enough by themselves: 3栋2单元501室.
_DOORS = re.compile(
    rf"(?:号楼|栋|幢|座)\s?{_NUMBERS}(?:(?:单元|门|梯)\s?{_NUMBERS}(?:室|户|号|楼|层)?|室|户)",
)
_NUMBER_BEFORE = re.compile(rf"(?<![0-9A-Za-z]){_NUMBERS}$")
# 一路, 网路 and 回头路 are no streets, 超市 is no city.
_NO_NAME = {
    "路": "一走马铁电线思套网半销出回主上这条的",
    "市": "超上城门集夜菜股",
    "道": "知味频通渠",
    "里": "这那哪家心手城夜",
}
_CUE = re.compile(
    "(?:地址|住址)(?P<sure>(?:是|为|在|改成|改为|换成|写的|:|：|】|\\s){1,4})|(?:地址|住址|家住|我住在?|寄到|送到|寄往)"
)
_AFTER_CUE = re.compile(
    "(?:(?!电话|手机|联系|收件|收货|邮编|姓名|已经|可是|但是|结果|怎么|什么|没有|不到|不能|不对|请|的|了|吗|呢|我|你|要|[0-9]{5})"
    rf"[{HAN}0-9A-Za-z（）()#\-— ]){{5,40}}"
)
# An address that a cue announces: a region and more, or a street or an estate with a number.
_ANNOUNCED = re.compile(
    rf"[{HAN}]{{2,}}?(?:省|市|区|县|镇|乡|街道|州)[{HAN}]{{2}}"
    rf"|{_PLACE}{{2,}}?(?<![走一马])(?:路|街|大道|巷|小区|花园|家园|公寓|苑|大厦|新村).{{0,10}}?{_NUMBER}"
    rf"|{_PLACE}{{2,}}?{_NUMBERS}(?:号楼?|栋|幢|弄|座|单元|室)"
)
# Without a colon what follows the cue is prose, of which the part up to the last such word is the address.
_LAST = re.compile(rf".*(?:{_DOOR}|{_STREET}|{_ESTATE}|{_HOUSE}|[县镇乡]|[0-9]{{3,4}})")


class _Named(NamedTuple):
    """Addresses that begin with a name of `least` to `most` Chinese characters; `rest` is what follows the name."""

    rest: re.Pattern[str]
    least: int
    most: int


class _Anchored(NamedTuple):
    """Addresses of one form. The `anchor` is rare, quickly found, and up to `reach` behind their beginning."""

    anchor: re.Pattern[str]
    reach: int
    address: re.Pattern[str]
    named: bool = False
    """Whether it begins with a name, which other words may run into."""


_NUMERAL = "0-9零〇一二三四五六七八九"
_GAP = r"[\s/，,|-]"
# What names a place to its end, without any cue.
_SHORT_NAMED = (
    # A street and a number without its 号, perhaps with more numbers: 文化路12-3-401.
    _Named(
        re.compile(
            r"(?:路(?<![走一马的这条铁公高]路)|街(?<![走一马的这条铁公高]街)|巷|胡同|大道)"
            r"[东西南北中]?段?[0-9]{1,5}(?:[-/][0-9]{1,5}){0,3}"
            r"(?![0-9年月元块路米分公多个号.:：楼层寸斤千亩社点天次件])"
        ),
        2,
        6,
    ),
    # An estate, a building and a room.
    _Named(
        re.compile(
            rf"{_ESTATE}\s?(?:{_NUMBERS}(?:[#栋幢]|号楼)\s?(?:[0-9]{{3,4}}|[零〇一二三四五六七八九]{{3,4}})|[东西南北一二三四五六]?区?[0-9]{{1,3}}-(?:[0-9]{{1,2}}-)?[0-9]{{3,4}})"
        ),
        2,
        8,
    ),
    _Named(re.compile(rf"[0-9一二三四五六七八九十]{{1,3}}(?:舍|号?宿舍楼?|公寓)[{_NUMERAL}]{{3,4}}室?"), 2, 16),
    _Named(
        re.compile(
            r"(?:[A-Z]区|园区|产业园|科技园|医院|校区)\s?[0-9]{1,3}(?:栋|号楼|幢)(?:[0-9]{1,3}(?:层|楼))?(?:[0-9]{1,3}床)?"
        ),
        2,
        12,
    ),
    # A locker for parcels, or the place behind it.
    _Named(re.compile("(?:丰巢|快递|菜鸟|自提|智能)柜?[A-Z]?[0-9]{1,3}号柜?"), 2, 10),
    _Named(
        re.compile("(?:路|街|园|苑|小区|城)(?:丰巢|菜鸟驿站|快递柜|自提[柜点])(?:[0-9]{1,3}号)?"),
        2,
        10,
    ),
    _Named(re.compile("[0-9]{1,5}信箱(?:[0-9]{1,4}分箱)?"), 2, 6),
    _Named(re.compile(rf"[路街道]地铁站[A-Z]口[{HAN}]{{0,12}}[栋楼][0-9]{{3,4}}"), 2, 8),
)
_SHORT_ANCHORED = (
    # A building, and a unit, a floor, a room or a bed.
    _Anchored(
        re.compile(rf"[楼栋幢]\s?[{_NUMERAL}]"),
        26,
        re.compile(
            rf"(?<![0-9A-Za-z第]){_NUMBERS}(?:号楼|栋|幢)\s?"
            rf"(?:[0-9]{{1,2}}(?:单元|门|层|楼)|[0-9]{{3,4}}(?![0-9年月元块])"
            rf"|[零〇一二三四五六七八九]{{3,4}})(?:[{HAN}]床)?"
        ),
    ),
    _Anchored(re.compile("单元[0-9]{3}"), 3, re.compile("(?<![0-9第])[0-9]{1,2}单元[0-9]{3,4}(?![0-9])")),
    _Anchored(
        re.compile("门牌|房号|房间号"),
        0,
        re.compile("(?<=门牌|房号|间号)号?[是为:： ]{0,2}[0-9]{1,4}(?:-[0-9]{1,4}){0,3}"),
    ),
    _Anchored(re.compile("邮编|邮政编码"), 0, re.compile("(?<=邮编|编码)[是为:： ]{0,2}[0-9]{6}(?![0-9])")),
    _Anchored(re.compile("部队"), 5, re.compile(r"(?<![0-9])[0-9]{5}部队(?:[0-9]{1,3}分队)?")),
    _Anchored(
        re.compile("[GSXY][0-9]"), 0, re.compile(rf"[GSXY][0-9]{{1,4}}[{HAN}]{{2,6}}[0-9]{{1,4}}(?:公里|千米|km)处?")
    ),
    _Anchored(
        re.compile(rf"[镇乡][{HAN}]{{2,8}}村"),
        18,
        re.compile(rf"[{HAN}]{{2,8}}[县市区][{HAN}]{{2,8}}[镇乡][{HAN}]{{2,8}}(?<!农)村"),
        named=True,
    ),
    _Anchored(re.compile("室"), 4, re.compile(rf"(?:(?<![{HAN}0-9A-Za-z])|(?<=住))[0-9]{{3,4}}室(?![{HAN}])")),
    # A region, a street and a number with signs or lines between them.
    _Anchored(
        re.compile(rf"[路街巷同段道坊]{_GAP}{{0,3}}[0-9]"),
        34,
        re.compile(
            rf"(?:[{HAN}]{{2,8}}{_GAP}{{1,3}}){{1,2}}[{HAN}]{{2,6}}[区县市]{_GAP}{{1,3}}[{HAN}]{{2,8}}{_STREET}{_GAP}{{0,3}}[0-9]{{1,5}}号?"
            rf"(?:{_GAP}{{1,3}}[0-9]{{1,4}}[{HAN}]{{0,2}}){{0,3}}"
        ),
        named=True,
    ),
    _Anchored(
        re.compile("[0-9] 号"), 60, re.compile(rf"(?:[{HAN}] ){{4,24}}(?:[0-9] ){{1,5}}号(?: [{HAN}0-9]){{0,12}}")
    ),
    # In English, and in pinyin.
    _Anchored(
        re.compile(r"(?:road|rd|street|st|avenue|ave|lane|boulevard|blvd)\b", re.IGNORECASE),
        110,
        re.compile(
            r"(?:(?:flat|room|rm|unit|apt|suite|no\.?|building|bldg|block)\.? ?[0-9a-z-]{1,6},? ?"
            r"|[0-9]{1,2}/f,? ?){0,4}"
            r"(?:no\. ?)?[0-9]{1,5},? [a-z][a-z ]{1,24}?"
            r" (?:road|rd|street|st|avenue|ave|lane|boulevard|blvd)\b\.?(?:,? [a-z0-9 ]{2,20}){0,4}",
            re.IGNORECASE,
        ),
    ),
    _Anchored(
        re.compile("(?:lu|jie|dao|xiang) ?[0-9]", re.IGNORECASE),
        100,
        re.compile(
            r"(?<![a-z])(?:[a-z]{2,24} ){0,3}[a-z]{4,24}(?:(?<=lu)|(?<=jie)|(?<=dao)|(?<=xiang))"
            r" ?[0-9]{1,5} ?(?:hao|nong)"
            r"(?: ?[0-9]{1,4}(?: ?(?:shi|dong|danyuan|hao|lou))?){0,4}",
            re.IGNORECASE,
        ),
    ),
    _Anchored(re.compile("box", re.IGNORECASE), 8, re.compile(r"p\.? ?o\.? ?box ?[0-9]{1,6}", re.IGNORECASE)),
)
# As far behind its anchor as an address may end.
_ANCHORED_REACH = 80
# After a colon or a verb of sending nearly anything that tells a place is one.
_SENT_TO = re.compile(
    r"(?:地址(?:是|为|在|改成|改为|换成|写的|:|：|】|\s){1,4}|住址(?:是|:|：)?|我?家住在?|(?:寄|送|发|邮|派)[到往])(?!了|不|这|那|我的?$|货)"
)
_NEXT_CUE = 8
_SENT_PLACE = re.compile(rf"(?:[{HAN}0-9A-Za-z（）()#+\-—/ ·.]|[,，](?=[{HAN}]{{2,6}}[区县路街]|[0-9])){{3,48}}")
_TELLS_PLACE = re.compile(
    rf"[0-9零〇一二三四五六七八九十]{{1,5}}(?:号铺?|寝?室|栋|幢|楼[A-Z]?(?![A-Za-z0-9])|楼|层|床|房间?|班|组|单元|铺|弄|座|门)|(?:路|街|道|巷|园|苑|里|厦|城|村|镇|乡|嘎查|小区|信箱|驿站|柜|大学|公寓|广场)\s?[0-9A-Z]{{1,5}}"
    rf"|[{HAN}]{{2,}}(?:小区|花园|家园|公寓|新村|驿站|嘎查|苏木)$|[{HAN}]{{3,}}(?:[县旗区市][{HAN}]{{2,}})[镇乡村]|对面.{{0,6}}[楼栋店](?:[顶底]层)?|[{HAN}]{{2,6}}[0-9]{{3,4}}$|[0-9][A-Z]{{2}}[0-9]\+|[零〇一二三四五六七八九]{{3,4}}$"
)


def _found_short(text: str) -> Iterator[tuple[int, int]]:
    for named in _SHORT_NAMED:
        for rest in named.rest.finditer(text):
            name = _NAME.search(text, max(0, rest.start() - named.most), rest.start())
            if name and len(name.group()) >= named.least:
                yield _without_lead(text, name.start(), rest.end())
    for form in _SHORT_ANCHORED:
        done = 0
        for anchor in form.anchor.finditer(text):
            if anchor.start() < done:
                continue
            found = form.address.search(text, max(done, anchor.start() - form.reach), anchor.end() + _ANCHORED_REACH)
            if found:
                done = found.end()
                yield _without_lead(text, *found.span()) if form.named else found.span()


def _sent_to(text: str) -> Iterator[tuple[int, int]]:
    """Behind 地址 all is the address; behind a verb it ends with the last word that tells a place."""
    floor = 0
    for cue in _SENT_TO.finditer(text):
        if cue.start() < floor:
            continue
        place = _SENT_PLACE.match(text, cue.end())
        ends = [match.end() for match in _TELLS_PLACE.finditer(place.group())] if place else []
        if place and ends:
            length = len(place.group().rstrip()) if cue.group()[-1] in ":：是" else ends[-1]
            yield place.start(), place.start() + length
        # A cue that follows at once says the same place again.
        floor = cue.end() + _NEXT_CUE


def _without_lead(text: str, start: int, end: int) -> tuple[int, int]:
    said = text[start:end]
    lead = _LEAD.match(said, 0, max(0, len(said) - 4))
    return (start + lead.end(), end) if lead and lead.end() < len(said) - 3 else (start, end)


# What may stand to the left: Chinese characters, and gaps after a complete name of a place.
_LEFT = re.compile(rf"(?:[{HAN}0-9A-Za-z]|[\s,，](?=[区县市省镇乡村道路街州京津海庆圳]))*")
_PROVINCE = re.compile(PROVINCE_NAMES)
# Words and particles that end what is said before the address.
_LEAD = re.compile(
    r".*(?:地址|住址|[在到至往寄送址是住给的了我你您他她去从叫把跟说发离近为对]|和(?!平)|位于|坐落|来自|搬来|对面|隔壁|附近|旁边|门店|快递|麻烦|客户|用户|反映|投诉|联系|收货|酒店|公司|楼下|还有|名称|地点|位置|要求|查明|由于|横跨|不远处|代表|改成)",
    re.DOTALL,
)
_REACH = 40
_POSTCODE = re.compile(r"(?<![0-9])[0-9]{6}[ ,，]?$")


def find_addresses(text: str) -> Iterator[Span]:
    """Addresses of a text, in order, finds that overlap made one."""
    end = start = 0
    for place, last in sorted(_finds(text)):
        code = _POSTCODE.search(text, max(0, place - 7), place)
        first = code.start() if code else place
        if first >= end:
            if end:
                yield Span("地址", start, end)
            start = first
        end = max(end, last)
    if end:
        yield Span("地址", start, end)


def _finds(text: str) -> Iterator[tuple[int, int]]:
    yield from _found_short(text)
    yield from _sent_to(text)
    for pattern in _NAMED:
        for match in pattern.finditer(text):
            start = _beginning(text, match.start(), named=True)
            if start < match.start():
                yield start, match.end()
    for match in _DOORS.finditer(text):
        number = _NUMBER_BEFORE.search(text[max(0, match.start() - 8) : match.start()])
        if number:
            yield _beginning(text, match.start() - len(number.group()), named=False), match.end()
    for cue in _CUE.finditer(text):
        said = _AFTER_CUE.match(text, cue.end())
        if said and _ANNOUNCED.match(said.group()):
            address = said if cue["sure"] else _LAST.match(said.group())
            if address:
                yield said.start(), said.start() + len(address.group().rstrip())


def _beginning(text: str, anchor: int, *, named: bool) -> int:
    """Where the address begins of which `anchor` is the first sure mark; `anchor` itself where a name is missing."""
    if named and text[anchor - 1 : anchor] in _NO_NAME.get(text[anchor], ""):
        return anchor
    floor = max(0, anchor - _REACH)
    left = _LEFT.match(text[floor:anchor][::-1])
    start = anchor - (left.end() if left else 0)
    region = text[start:anchor]
    province = _PROVINCE.search(region)
    if province:
        return start + province.start()
    # A street or an estate has a name of one character at least.
    lead = _LEAD.match(region, 0, len(region) - named)
    return start + (lead.end() if lead else 0)
