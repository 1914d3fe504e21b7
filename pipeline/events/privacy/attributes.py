"""Attributes: names and values, the values by what their names announce."""

import re
from functools import lru_cache

from gapwatch.pipeline.events.privacy.identifiers import person_in
from gapwatch.pipeline.events.privacy.nested import masked_json, numbered
from gapwatch.pipeline.events.privacy.person_names import is_name
from gapwatch.pipeline.events.privacy.telling_names import Told, says_nothing, told_by
from gapwatch.pipeline.language.masking.characters import ANY_TOKEN
from gapwatch.pipeline.language.masking.mask import mask

# Names and values in one line: receiver=张伟&phone=…, {'收货人': '张伟'}, 收货人：张伟；电话：….
_PAIR = re.compile(
    r"(?P<name>[\w.\u4e00-\u9fff-]{1,40})(?P<sign>[\"']?\s{0,2}[=:：]\s{0,2}[\"']?)(?P<value>[^&;,，；。|\n\r\"'{}\[\]‹›]{1,200})"
)
# Beside a number or an address a name stands without any cue: 张伟 13812345678 ….
_NAME_ALONE = re.compile(r"(?<![\w·])[\u4e00-\u9fff·]{2,8}(?![\w·])")
_SHORT = 32
_TOKENS = re.compile(f"(?:{ANY_TOKEN})+")


def masked_attributes(attributes: dict[str, str]) -> dict[str, str]:
    """The attributes without personal data; the same dictionary where there are none."""
    anew = [(masked_name(name), masked_value(value, told_by(name))) for name, value in attributes.items()]
    same = all(map(_same, anew, attributes.items()))
    return attributes if same else dict(numbered(anew))


@lru_cache(maxsize=4096)
def masked_name(name: str) -> str:
    """A name that is itself personal, a telephone's number or a person's name, as a token."""
    if is_name(name):
        return "‹姓名›"
    masked = mask(name).text
    return "‹个人信息›" if masked == name and told_by(name) is None and _is_identifier(name) else masked


def _is_identifier(name: str) -> bool:
    return person_in(name, "product") is not None


def masked_value(value: str, told: Told | None) -> str:
    """A value of any form. `told` is what its name announces: then it is masked whole, unless it says nothing."""
    return _masked_short(value, told) if len(value) <= _SHORT else _masked_value(value, told)


def _masked_value(value: str, told: Told | None) -> str:
    nested = masked_json(value, told, masked_text, masked_name)
    return masked_text(value, told) if nested is None else nested


# Short values are mostly the same few: sources, shops, versions.
_masked_short = lru_cache(maxsize=4096)(_masked_value)


def masked_text(value: str, told: Told | None) -> str:
    """A value that is no JSON."""
    if told is None:
        if is_name(value.strip()):
            return "‹姓名›"
        masked = mask(_with_pairs_masked(value)).text
        return _NAME_ALONE.sub(_masked_name_alone, masked) if "‹" in masked else masked
    return value if says_nothing(value) or _TOKENS.fullmatch(value) else f"‹{told}›"


def _masked_name_alone(name: re.Match[str]) -> str:
    return "‹姓名›" if is_name(name.group()) else name.group()


def _with_pairs_masked(value: str) -> str:
    if not ("=" in value or ":" in value or "：" in value):
        return value
    return _PAIR.sub(_masked_pair, value)


def _masked_pair(pair: re.Match[str]) -> str:
    told = told_by(pair["name"])
    if told is None or says_nothing(pair["value"]):
        return pair.group()
    return f"{pair['name']}{pair['sign']}‹{told}›"


def _same(left: tuple[str, str], right: tuple[str, str]) -> bool:
    return left[0] == right[0] and (left[1] is right[1] or left[1] == right[1])
