"""The values of a file as those of the contract, field by field; what is no value of its field is refused."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.known_names import CHANNELS, ROLES, STATUSES, known
from gapwatch.pipeline.publishing.files.ratings import stars
from gapwatch.pipeline.publishing.files.record import UNSEEN
from gapwatch.pipeline.publishing.files.times import rfc_3339
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import NAME_FIELDS, TIME_FIELDS

# What stands in a cell that holds nothing.
_NOTHING = frozenset(
    {"", "-", "--", "—", "——", "/", "\\", "\\n", "无", "暂无", "未评分", "null", "none", "nil", "nan"}
) | {
    *("n/a", "#n/a", "#value!", "#ref!", "#null!"),
    *("0000-00-00", "0000-00-00 00:00:00", "0001-01-01 00:00:00", "0001/1/1 0:00:00"),  # MySQL's and .NET's no time
}
# Where such a mark is no value: fields that may be absent, or have a form of their own.
_MARKED = frozenset({*TIME_FIELDS, "rating", "status", "order_id", "product_id", "region", "agent_id", "subject"})


def converted(field: str, value: Any, zone: ZoneInfo | None) -> Any:
    """The value of a field of the contract as the contract writes it, or as it is where it says so already.

    `value` is text, as a table has it, or Raw JSON. `zone` is that of times without offset, also within turns.
    Raises Rejected, its detail beginning with the field.
    """
    if field not in _CONVERTED:
        return value
    found = plain(value)
    if found is None or (found == "" and isinstance(value, Raw)):
        return value
    try:
        made = _WITH_ZONE[field](found, zone) if field in _WITH_ZONE else _CONVERTERS[field](found)
    except Rejected as rejected:
        raise Rejected(rejected.reason, message("$.{field}: {detail}", field=field, detail=rejected.detail)) from None
    return value if made == found and type(made) is type(found) and isinstance(value, Raw) else made


def is_nothing(field: str, value: Any) -> bool:
    """Whether the value of an optional field only says that there is none, as `-` does; any empty cell does."""
    if isinstance(value, Raw):
        value = plain(value) if field in _MARKED else None
    return isinstance(value, str) and (value == "" or (field in _MARKED and value.lower() in _NOTHING))


def plain(value: Any) -> Any:
    """The value of a field, which is Raw where it comes from a JSON file; None where that is broken."""
    if isinstance(value, Raw):
        with suppress(ValueError, RecursionError):
            return msgspec.json.decode(value)
        return None
    return value


def _time(value: Any, zone: ZoneInfo | None) -> Any:
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    return rfc_3339(value, zone) if is_scalar else value


def _rating(value: Any) -> Any:
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    return stars(value) if is_scalar else value


def _name(value: Any) -> Any:
    """Ids that are digits come as numbers from programs that know no better; what is unseen around a name is none."""
    if isinstance(value, str):
        return value.strip(UNSEEN)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_of(names: Mapping[str, str], value: Any) -> Any:
    return known(value, names) if isinstance(value, str) else value


def _json(value: Any) -> Any:
    """What is nested stands as JSON in a cell."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return msgspec.json.decode(value)
    return value


def _turns(value: Any, zone: ZoneInfo | None) -> Any:
    turns = _json(value)
    return [_turn(number, turn, zone) for number, turn in enumerate(turns)] if isinstance(turns, list) else turns


def _turn(number: int, turn: Any, zone: ZoneInfo | None) -> Any:
    if not isinstance(turn, Mapping):
        return turn
    made = dict(turn)
    try:
        if made.get("at"):
            made["at"] = _time(made["at"], zone)
    except Rejected as rejected:
        detail = message("[{number}].at: {detail}", number=number, detail=rejected.detail)
        raise Rejected(rejected.reason, detail) from None
    if isinstance(made.get("role"), str):
        made["role"] = known(made["role"], ROLES)
    return made


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(NAME_FIELDS, _name),
    "rating": _rating,
    "channel": partial(_one_of, CHANNELS),
    "status": partial(_one_of, STATUSES),
    "attributes": _json,
}
_WITH_ZONE: dict[str, Callable[[Any, ZoneInfo | None], Any]] = {**dict.fromkeys(TIME_FIELDS, _time), "turns": _turns}
_CONVERTED = _CONVERTERS.keys() | _WITH_ZONE.keys()
