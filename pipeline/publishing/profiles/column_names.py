"""What columns are called that hold the fields of events, learnt from the profiles that come with gapwatch."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from gapwatch.pipeline.publishing.profiles.cells import columns_of
from gapwatch.pipeline.publishing.profiles.library import load_profile, shipped_names
from gapwatch.pipeline.publishing.profiles.profile import Profile

# The parts of a turn, beside the fields of events.
SPEAKER, SAID, SAID_AT = "speaker", "said", "said_at"
TURN_PARTS = (SPEAKER, SAID, SAID_AT)
OF_OBJECTS = "chatwoot"
"""The profile of records that hold a list of messages."""

CHINESE = re.compile("[\u4e00-\u9fff]")
_SHORTEST_PART = 2


def known_names() -> frozenset[str]:
    """All names of columns that are known from the profiles that come with gapwatch."""
    return frozenset(name for names in _names().values() for name in names)


@cache
def _names() -> dict[str, list[str]]:
    """The names of columns by what they hold, from the profiles that come with gapwatch."""
    found: dict[str, dict[str, None]] = {}
    for shipped in sorted(shipped_names(), key=lambda name: name == OF_OBJECTS):  # its names are less telling
        for meaning, names in _of_profile(load_profile(shipped)).items():
            found.setdefault(meaning, {}).update(dict.fromkeys(names))
    return {meaning: list(names) for meaning, names in found.items()}


def _of_profile(profile: Profile) -> dict[str, list[str]]:
    found = {name: columns_of(source) for name, source in profile.columns.items()}
    found |= {name: columns_of(source) for name, source in profile.attributes.items() if name == "rating"}
    for turn in profile.turns:
        for part, source in ((SPEAKER, turn.speaker), (SAID, turn.text), (SAID_AT, turn.at)):
            found[part] = columns_of(source) if source else []
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_.\-]|[(（\[【].*", "", name).lower()


def by_name(flat: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Columns by what their names say that they hold, the best first: a known name counts before a part of one."""
    exact: dict[str, list[str]] = {}
    partly: dict[str, list[str]] = {}
    for column in flat:
        plain = _plain(column)
        for meaning, names in _names().items():
            if plain in map(_plain, names):
                exact.setdefault(meaning, []).append(column)
        if not any(column in columns for columns in exact.values()) and (meaning := _by_part(plain)):
            partly.setdefault(meaning, []).append(column)
    for meaning, columns in exact.items():
        order = [_plain(name) for name in _names()[meaning]]
        columns.sort(key=lambda column: order.index(_plain(column)))
    return {meaning: exact.get(meaning, []) + partly.get(meaning, []) for meaning in (*exact, *partly)}


def _by_part(plain: str) -> str:
    """What a name holds that ends with one that is known, the longest of them."""
    ends = {
        name: meaning
        for meaning, names in _names().items()
        for name in map(_plain, names)
        if len(name) >= (_SHORTEST_PART if CHINESE.search(name) else 2 * _SHORTEST_PART) and plain.endswith(name)
    }
    return ends[max(ends, key=len)] if ends else ""


def fit(base: str, flat: Mapping[str, Sequence[str]]) -> int:
    """How many columns have names that a profile knows."""
    names = {_plain(name) for names in _of_profile(load_profile(base)).values() for name in names}
    return sum(_plain(column) in names for column in flat)
