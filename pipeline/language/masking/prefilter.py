"""One cheap search that tells the many texts without personal data from the few that the exact rules must read."""

import re

from gapwatch.pipeline.language.masking.names import SURNAMES, TRADITIONAL_SURNAMES
from gapwatch.pipeline.language.masking.numbers import SPOKEN_DIGITS

_DIGITS = "0-9０-９"
_LATIN = "A-Za-zＡ-Ｚａ-ｚ"
_GAPS = r" 　\-－—–./／·_()（）\u200b\ufe0f\u20e3"
_DOOR_NUMBER = rf"{_DIGITS}A-Za-z一二三四五六七八九十百零〇甲乙丙丁东西南北東"
_UNITS = "(?:号|號|弄|栋|棟|幢|座|单元|單元|室|组|組|队|隊|期|楼|樓|门|門|#)"
_SURNAME = f"[{''.join(sorted(SURNAMES | TRADITIONAL_SURNAMES))}]"
_NAMED = f"(?:(?<={_SURNAME}..)|(?<={_SURNAME}...)|(?<={_SURNAME}....))"

# Where a rule may find something: first character, second character, and what must follow. Two characters tell most
# texts apart at once.
_HINTS = (
    # Five digits, written or spoken.
    (
        f"{_DIGITS}一幺零〇壹",
        f"{_DIGITS}{SPOKEN_DIGITS}{_GAPS}",
        rf"(?:[{_GAPS}]{{0,3}}[{_DIGITS}{SPOKEN_DIGITS}]){{3}}",
    ),
    # A street, an estate, a building, and a number.
    (
        "路街道巷弄区區园園苑寓村屯庄莊厦廈场場城庭府湾灣里坊心楼樓栋棟幢座段同社学學",
        rf"{_DOOR_NUMBER}\s",
        rf"[{_DOOR_NUMBER}/－—–-]{{0,8}}{_UNITS}",
    ),
    # A city, a district, a street.
    ("市", r"\u4e00-\u9fff\s,，", r"(?<![超上城门集夜菜股]..)[\u4e00-\u9fff]{0,6}?[区區县縣市旗]"),
    ("地住", "址", ""),
    ("家我", "住", ""),
    ("寄送", "到往", r"[\u4e00-\u9fff]{2,12}(?:[省市区區县縣镇鎮乡鄉村路街号號栋棟])"),
    (f"{_LATIN}{_DIGITS}_", "@＠#", f"[{_LATIN}{_DIGITS}]"),
    (f"{_LATIN}{_DIGITS} (（[", "aA艾", r"(?:[tT][)）\] ]|特)"),
    ("微薇威徽vV", "信", ""),
    ("vVwW", "xX:：", ""),
    ("+＋", "vV", ""),
    ("wW", "eE", "(?:ixin|chat|IXIN|CHAT)"),
    ("加", "vVqQ我个", ""),
    (
        "京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊使",
        f"{_LATIN} ",
        f"[ ·•.{_LATIN}-]{{0,3}}[{_DIGITS}{_LATIN}]{{4}}",
    ),
    ("我名人", "叫", ""),
    ("叫姓户戶", "做名", ""),
    ("名", "字", ""),
    ("联聯", "系繫络絡", "人"),
    ("收寄", "件货貨", "人"),
    ("机機", "主", ""),
    ("持", "卡", "人"),
    ("诉訴事", "人", ""),
    ("我", "是", _SURNAME),
    ("我", "就还還", f"是{_SURNAME}"),
    ("先医醫", "生", _NAMED),
    ("女", "士", _NAMED),
    ("小", "姐", _NAMED),
    ("经經", "理", _NAMED),
    ("师師", "傅", rf"(?<![装货递餐修送机调的个位了有派].{{2}}){_NAMED}"),
    ("老律", "师師", _NAMED),
    ("主店警大", "任长長官夫", _NAMED),
)
_ANY_HINT = re.compile(
    f"[{''.join(first for first, _, _ in _HINTS)}]"
    f"(?:{'|'.join(rf'[{second}](?<=[{first}].){rest}' for first, second, rest in _HINTS)})",
    re.DOTALL,
)


def may_hold_personal_data(text: str) -> bool:
    """False only where no rule would find anything."""
    return _ANY_HINT.search(text) is not None
