"""One cheap search that tells the many texts without personal data from the few that the exact rules must read.

Of these few it tells which rules: most hold a hint of one kind, and the rules of each kind take as long as the rest.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from gapwatch.pipeline.language.masking.accounts import NETWORKS
from gapwatch.pipeline.language.masking.characters import HAN
from gapwatch.pipeline.language.masking.documents import PAPERS
from gapwatch.pipeline.language.masking.names import AFTER_NAME, COMPOUND_SURNAMES, ROLES, SURNAMES
from gapwatch.pipeline.language.masking.numbers import SPOKEN_DIGITS
from gapwatch.pipeline.language.masking.passwords import SECRETS
from gapwatch.pipeline.language.masking.plates import PROVINCES

_DIGITS = f"0-9{SPOKEN_DIGITS}"
_LATIN = "A-Za-z"
_LOOK_ALIKES = "OoQIliLBSsZz|"
_DOOR_NUMBER = rf"0-9{_LATIN}一二三四五六七八九十百零〇甲乙丙丁东西南北"
_UNITS = "(?:号|层|弄|栋|幢|座|单元|室|组|队|期|楼|门|#)"
_SURNAME = f"[{''.join(sorted(SURNAMES))}]"
_SURNAMES = "".join(sorted(SURNAMES))
_PERSON = (
    rf"(?:[是为叫的一下:：|】=\s，,]{{0,4}})(?:{_SURNAME}|{'|'.join(sorted(COMPOUND_SURNAMES))})[{HAN}]{{1,2}}"
    rf"{AFTER_NAME}"
)
_NAMED = f"(?:(?<={_SURNAME}..)|(?<={_SURNAME}...)|(?<={_SURNAME}....))"

# What the words end with that tell a place.
_PLACE_END = (
    "[0-9A-Z零〇一二三四五六七八九十号室栋幢楼层床房班组元铺弄座门区园寓"
    "村站查木镇乡店+县街道路巷同户队期梯院舍屯庄湾府邸郡庭里坊厦场心城校学苑#]"
)

# First character, second character, and what must follow. Two characters tell most texts apart at once.
_NUMBER_HINTS = (
    # Five digits, written or spoken; letters typed for digits.
    (_DIGITS, rf"{_DIGITS}转杠横点减空\W_", rf"(?:(?:[\W_]{{0,6}}|[转杠横点减]|空?格)[{_DIGITS}]){{3}}"),
    ("0-9", _LOOK_ALIKES, r"[0-9A-Za-z|]{3}"),
    (_LOOK_ALIKES, "0-9", r"[0-9A-Za-z|]{3}"),
    ("0-9", "中然后再接最，", "[^0-9]{0,5}[0-9]{4}"),
    ("尾", "号", ""),
    ("后末", "三四六346", "位"),
)
_MAIL_HINTS = (
    ("@", r"\w\W", ""),
    (f"{_LATIN}0-9_", "#☆★*&$", f"\\s{{0,2}}[{_LATIN}0-9]"),
    (r" (\[{<（【《_\-", "aA", r"(?:[tT]?\s?[)\]}>）】》 _-])"),
    (r"艾爱圈花小邮后 (\[{<（【《", "特aA老箱缀艾爱圈", ""),
)
_ACCOUNT_HINTS = (
    ("微薇威徽维", "信芯❤心xX /.·:：\\-", ""),
    ("vVwW", "xX:：信我 ❤\\-", ""),
    ("+➕加", "vVqQ我个微", ""),
    ("wW", "eE", "(?i:ixin|chat|i信)"),
    ("卫绿同扫私昵网", "星色泡号我信称名", ""),
    ("搜", rf"一下{_LATIN}\W_", ""),
    ("联", "系", "[人方]"),
    (".", "cmn", "(?:om|n|e|et)/"),
)
_PLATE_HINTS = (
    (PROVINCES.strip("[]"), rf"{_LATIN}\W_", rf"[\W_{_LATIN}]{{0,5}}[{_DIGITS}{_LATIN}*]{{4}}"),
    (_LATIN, PROVINCES.strip("[]"), ""),
)
_POSITION_HINTS = (
    ("北南东西", "纬经", ""),
    (":", "/", "/"),
    ("23456789CFGHJMPQRVWXcfghjmpqrvwx", "+", "[0-9A-Za-z]{2}"),
    ("0-9A-Fa-f", ":", "[0-9A-Fa-f]{0,4}:"),
)
_ADDRESS_HINTS = (
    # A street, an estate, a building, and a number.
    (
        "路街道巷弄区园苑寓村屯庄厦广场城庭府湾里坊心楼栋幢座段同社学",
        rf"{_DOOR_NUMBER}\s",
        rf"[{_DOOR_NUMBER}/－—–-]{{0,8}}{_UNITS}",
    ),
    # A city, a district, a street.
    ("市", r"\u4e00-\u9fff\s,，", r"(?<![超上城门集夜菜股]..)[\u4e00-\u9fff]{0,6}?[区县市旗]"),
    ("地住", "址", ""),
    ("单", "元", "[0-9]{3}"),
    ("门房", "牌号间", "号?[是为:： ]{0,2}[0-9]"),
    ("邮编", "编码", "[是为:： ]{0,2}[0-9]{6}"),
    ("家我", "住", ""),
    (
        "寄送发邮派",
        "到往",
        rf"[{HAN}0-9A-Za-z（）()#+—/ ·.,，-]{{1,47}}?{_PLACE_END}",
    ),
    ("路街巷同段道坊", r"0-9\s/，,|\-", r"(?:(?<=[0-9])|[\s/，,|-]{0,2}[0-9])"),
    ("栋幢楼舍寓区校院", r"0-9零〇一二三四五六七八九\s", r"[0-9零〇一二三四五六七八九栋幢号]"),
    ("园苑寓村庄区城府湾里坊庭郡邸", r"0-9\s", r"[0-9]{0,3}[-#]"),
    ("0-9", "室", ""),
    ("丰驿自快部信", "巢站提递队箱", "(?:[0-9柜点]|(?<=丰巢|驿站|信箱|部队))"),
    ("GSXYgsxy", "0-9", rf"[0-9]{{0,3}}[{HAN}]{{2,6}}[0-9]"),
    ("镇乡", HAN, rf"[{HAN}]{{1,7}}村"),
    ("地", "铁", "站[A-Z]口"),
    (" ", "号", ""),
    ("rR", "oOdD", r"(?:[aA][dD]\b|\b)"),
    ("sS", "tT", r"(?:[rR][eE]{2}[tT]|\b)"),
    ("aA", "vV", "[eE]"),
    ("lL", "aA", r"[nN][eE]\b"),
    ("bB", "oOlL", r"(?:[uU][lL][eE]|[vV][dD]|[xX] ?[0-9])"),
    ("hH", "aA", "[oO]"),
    ("nN", "oO", "[nN][gG]"),
)
_CUED_NAME_HINTS = (
    ("联", "系", "[人方]"),
    ("我名人", "叫", ""),
    ("叫姓户", "做名", ""),
    (" \\-", "名", "[ :：是为=|]"),
    ("名", "字", ""),
    ("联", "络", "人"),
    ("收寄", "件货", "人"),
    ("收单办款请保险车住订买", "人", "(?![，。！？、])"),
    ("机", "主", ""),
    ("持", "卡", "人"),
    ("诉事", "人", ""),
    ("我", "是", f"(?:[小阿]|{_SURNAME})"),
    ("我", "就还", f"是(?:[小阿]|{_SURNAME})"),
    ("aAiI", "mMsS", " [A-Z]"),
    ("eE", " :：", "[ :：]{0,3}[A-Z]"),
)
# Roles, and then a surname and the end of what is said.
_LONG_ROLES = tuple(role for role in ROLES if len(role) > 1)
_SHORT_ROLE_HINTS = (
    ("找姓叫妈爸", r"是为叫的一:：|】=\s", _PERSON),
    ("找姓叫妈爸", _SURNAMES, f"[{HAN}]{{1,2}}{AFTER_NAME}"),
    ("收", ":：|", ""),
    ("yYoOeE", r" :：", rf"[ :：]{{0,3}}{_SURNAME}"),
)
# One hint for all roles is the quickest; a hint for each last character tells whether it is a role at all.
_ANY_ROLE_HINTS = (
    ("".join({role[-2] for role in _LONG_ROLES}), "".join({role[-1] for role in _LONG_ROLES}), _PERSON),
    *_SHORT_ROLE_HINTS,
)
_ROLE_HINTS = (
    *(
        ("".join({role[-2] for role in _LONG_ROLES if role[-1] == last}), last, _PERSON)
        for last in sorted({role[-1] for role in _LONG_ROLES})
    ),
    *_SHORT_ROLE_HINTS,
)
_LONE_NAME_HINTS = (
    ("(（“", _SURNAMES, f"[{HAN}]{{1,3}}[)）”]"),
    ("本", "人", ""),
    ("亲代签", "启收签", ""),
    ("你您", "好", ""),
    ("男女", "，,", ""),
    (r" (（", "收", f"(?![{HAN}])"),
    ("和跟与、", _SURNAMES, ".{1,3}[两二]"),
    ("昨今前刚上下", "天刚才午", "(?:过?来|给我|上门|帮我)"),
)
_TITLE_HINTS = (
    ("哥姐总工某", r"\w\W", f"(?:(?<={_SURNAME}..)|(?<={_SURNAME}...)|(?<={_SURNAME}....))"),
    ("大", "姐哥爷妈叔", _NAMED),
    ("太叔阿", "太叔姨", _NAMED),
    ("领专博司护顾客教主", "导员士机问服授管", _NAMED),
    ("站队组班校院科处局部", "长", _NAMED),
    ("程", "师", f"(?:(?<={_SURNAME}...)|(?<={_SURNAME}....)|(?<={_SURNAME}.....))"),
    ("先", "生", ""),
    ("女", "士", ""),
    ("小", "姐", "(?!姐)"),
    ("医", "生", _NAMED),
    ("经", "理", _NAMED),
    ("师", "傅", rf"(?<![装货递餐修送机调的个位了有派].{{2}}){_NAMED}"),
    ("老律", "师", _NAMED),
    ("同老教秘会总", "学志板练书计监", _NAMED),
    ("主店警大", "任长官夫", _NAMED),
)
Hint = tuple[str, str, str]


def _any(hints: Sequence[Hint]) -> re.Pattern[str]:
    """One search for all hints. A look at the second character alone ends most tries before any hint is read."""
    wide = [hint for hint in hints if "\\W" in hint[1] or HAN in hint[1]]
    narrow = [hint for hint in hints if hint not in wide]
    either = [f"(?=[{''.join(second for _, second, _ in narrow)}])(?:{_each(narrow)})"] if narrow else []
    return re.compile(
        f"[{''.join(first for first, _, _ in hints)}](?:{'|'.join([*either, *([_each(wide)] if wide else [])])})",
        re.DOTALL,
    )


def _each(hints: Sequence[Hint]) -> str:
    return "|".join(rf"[{second}](?<=[{first}].){rest}" for first, second, rest in hints)


_CODE_HINTS = (_NUMBER_HINTS, _MAIL_HINTS, _ACCOUNT_HINTS, _PLATE_HINTS, _POSITION_HINTS)
_ANY_CODE, _ANY_ADDRESS = _any(tuple(chain.from_iterable(_CODE_HINTS))), _any(_ADDRESS_HINTS)
_ANY_NUMBER, _ANY_MAIL, _ANY_ACCOUNT, _ANY_PLATE, _ANY_POSITION = map(_any, _CODE_HINTS)
_NAME_HINTS = (_CUED_NAME_HINTS, _ROLE_HINTS, _LONE_NAME_HINTS, _TITLE_HINTS)
_ANY_NAME = _any((*_CUED_NAME_HINTS, *_ANY_ROLE_HINTS, *_LONE_NAME_HINTS, *_TITLE_HINTS))
_ANY_CUE, _ANY_ROLE, _ANY_LONE_NAME, _ANY_TITLE = map(_any, _NAME_HINTS)
# A code of letters and digits is personal only where a word announces it.
_CODE_CUE = re.compile(f"{PAPERS}|{NETWORKS}|{SECRETS}|车牌|牌照|停车场")
_CODE = re.compile(
    "[A-Za-z0-9零〇一二三四五六七八九]"
    "(?:(?<=[A-Za-z0-9])[A-Za-z0-9!@#$%^&*._: ·-]{3}|(?<=[0-9])[0-9]{2}|(?<=[^A-Za-z0-9])[零〇一二三四五六七八九]{3})"
)


class Hints(NamedTuple):
    """Which kinds of personal data a folded text may hold; a kind that is false it does not hold."""

    numbers: bool = False
    mail: bool = False
    accounts: bool = False
    plates: bool = False
    positions: bool = False
    announced_codes: bool = False
    addresses: bool = False
    cued_names: bool = False
    names_after_roles: bool = False
    lone_names: bool = False
    names_before_titles: bool = False


NO_HINTS = Hints()


def hints_of(folded: str) -> Hints:
    """What the rules are to look for in a folded text: numbers and other codes, addresses, names."""
    code = _ANY_CODE.search(folded) is not None
    announced = _CODE.search(folded) is not None and _CODE_CUE.search(folded.lower()) is not None
    address = _ANY_ADDRESS.search(folded) is not None
    name = _ANY_NAME.search(folded) is not None
    if not (code or announced or address or name):
        return NO_HINTS
    return Hints(
        numbers=code and _ANY_NUMBER.search(folded) is not None,
        mail=code and _ANY_MAIL.search(folded) is not None,
        accounts=code and _ANY_ACCOUNT.search(folded) is not None,
        plates=code and _ANY_PLATE.search(folded) is not None,
        positions=code and _ANY_POSITION.search(folded) is not None,
        announced_codes=announced,
        addresses=address,
        cued_names=name and _ANY_CUE.search(folded) is not None,
        names_after_roles=name and _ANY_ROLE.search(folded) is not None,
        lone_names=name and _ANY_LONE_NAME.search(folded) is not None,
        names_before_titles=name and _ANY_TITLE.search(folded) is not None,
    )
