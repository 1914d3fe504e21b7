"""JSON inside a value, masked piece by piece and written back as JSON.

A value that is masked as a text alone leaks: escaped characters hide a number, and names announce their values only
to those who read both. So JSON is parsed, what it holds is masked by name and value, and JSON in strings as well.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from gapwatch.pipeline.events.decode import MAX_DEPTH
from gapwatch.pipeline.events.privacy.telling_names import Told, says_nothing, told_by

# What is nested deeper than events may be is masked whole: nobody keeps anything there.
_WHOLE = "‹个人信息›"
# Lists of pairs: {"name": "收货人", "value": "张伟"}.
_NAMING = frozenset(
    {"name", "key", "label", "field", "title", "property", "question", "名称", "字段", "字段名", "问题", "项目"}
)
_HOLDING = frozenset({"value", "val", "values", "content", "text", "answer", "data", "值", "内容", "答案", "回答"})

MaskText = Callable[[str, Told | None], str]
"""Masks a text that is no JSON; the second argument is what its name announces."""
MaskName = Callable[[str], str]


class _Number(str):
    """A number as it is written, which may be longer than any type holds."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The members of an object, in order; a name may stand twice."""


class _Masks(NamedTuple):
    text: MaskText
    name: MaskName


def masked_json(value: str, told: Told | None, text: MaskText, name: MaskName) -> str | None:
    """A JSON object or list with its strings, numbers and names masked; None where the value is neither.

    The value itself is returned where nothing in it is personal. `told` is what its name announces.
    """
    return _masked_json(value, told, _Masks(text, name), 0)


def numbered(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Pairs whose names differ: those that masking made equal are numbered."""
    names = {name for name, _ in pairs}
    if len(names) == len(pairs):
        return pairs
    taken: set[str] = set()
    told: list[tuple[str, Any]] = []
    for name, value in pairs:
        free, number = name, 1
        while free in taken or (number > 1 and free in names):
            number += 1
            free = f"{name} {number}"
        taken.add(free)
        told.append((free, value))
    return told


def _masked_json(value: str, told: Told | None, masks: _Masks, depth: int) -> str | None:
    stripped = value.strip()
    if stripped[:1] not in {"{", "[", '"'}:
        return None
    try:
        parsed = json.loads(stripped, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number)
    except ValueError:
        return None
    except RecursionError:
        return json.dumps(_WHOLE, ensure_ascii=False)
    masked = _masked(parsed, told, masks, depth)
    return value if masked is parsed else _written(masked)


def _masked(value: Any, told: Told | None, masks: _Masks, depth: int) -> Any:
    """The same object where nothing in it is personal."""
    if depth > MAX_DEPTH:
        return _WHOLE
    if isinstance(value, _Object):
        return _masked_object(value, told, masks, depth)
    if isinstance(value, list):
        anew = [_masked(one, told, masks, depth + 1) for one in value]
        return value if all(map(_is, anew, value)) else anew
    if isinstance(value, str):
        return _masked_string(value, told, masks, depth)
    return value  # true, false, null


def _masked_object(members: _Object, told: Told | None, masks: _Masks, depth: int) -> _Object:
    named = _named_by_neighbour(members)
    anew = _Object(
        (
            masks.name(name),
            _masked(value, (named if name in _HOLDING else None) or told_by(name) or told, masks, depth + 1),
        )
        for name, value in members
    )
    same = all(left[0] == right[0] and left[1] is right[1] for left, right in zip(anew, members, strict=True))
    return members if same else _Object(numbered(anew))


def _named_by_neighbour(members: _Object) -> Told | None:
    for name, value in members:
        if name in _NAMING and isinstance(value, str) and not isinstance(value, _Number):
            return told_by(value)
    return None


def _masked_string(value: str, told: Told | None, masks: _Masks, depth: int) -> str:
    if not isinstance(value, _Number):
        nested = _masked_json(value, told, masks, depth + 1)
        if nested is not None:
            return nested
    elif told and says_nothing(value):
        return value
    masked = masks.text(value, told)
    return value if masked == value else masked


def _is(left: Any, right: Any) -> bool:
    return left is right


def _written(value: Any) -> str:
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_written(name)}:{_written(one)}" for name, one in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
