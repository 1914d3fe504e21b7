"""What the columns of an export probably mean, by their names and by their values."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.ratings import stars
from gapwatch.pipeline.publishing.files.times import rfc_3339
from gapwatch.pipeline.publishing.files.transcripts import role_of, spoken
from gapwatch.pipeline.publishing.files.values import converted, is_nothing
from gapwatch.pipeline.publishing.profiles.cells import names_in, text_of
from gapwatch.pipeline.publishing.profiles.column_names import (
    CHINESE,
    OF_OBJECTS,
    SAID,
    SAID_AT,
    SPEAKER,
    TURN_PARTS,
    by_name,
    fit,
)
from gapwatch.pipeline.publishing.profiles.library import load_profile
from gapwatch.pipeline.publishing.profiles.profile import Joined, Profile, Scalar
from gapwatch.pipeline.publishing.profiles.turns import fits
from gapwatch.schemas.events import CLOSED_FIELDS, TIME_FIELDS, EventType, Role

ROWS_LOOKED_AT = 500
Why = Literal["name", "values"]
_MOST = 0.8
_SOME = 0.2
_FEW = 12
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NOBODYS_WORDS = re.compile(
    r"^sys$|系统|自动回复|欢迎语|撤回|排队|system|notification|auto_?reply|activity", re.IGNORECASE
)
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_UTC = ZoneInfo("UTC")
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_SHORTEST_TEXT = 2


class Guessed(NamedTuple):
    """The column of a field, what told so, and columns that go on where it ends, as the sequel of a review."""

    column: str
    why: Why
    sequels: tuple[str, ...] = ()


@dataclass
class Guess:
    """What an export probably is. `base` is the profile that comes with gapwatch and fits it best.

    `roles` say who speaks under which name, `nobody` are names of which it is not known; `meanings` say what values of
    a field mean, `unknown` are those of which it is not known; `others` are the columns that nothing is made of; `file`
    is how the file is read.
    """

    type: EventType
    base: str
    columns: dict[str, Guessed]
    others: list[str]
    file: dict[str, Any] = field(default_factory=dict)
    messages: str = ""
    transcript: str = ""
    customer: str = ""
    turn: dict[str, Guessed] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    nobody: list[str] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=dict)
    meanings: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    scale: tuple[float, float] | None = None
    without_offset: bool = False
    constants: dict[str, Any] = field(default_factory=dict)


Columns = Mapping[str, Sequence[Any]]


def guess(records: Iterable[Mapping[str, Any]]) -> Guess:
    """What the columns of some records mean; of one document with a list in it, what those of the list do."""
    records = list(records)
    if len(records) == 1 and (found := _records_within(records[0])):
        path, inner = found
        made = _of_records(inner)
        made.file["records"] = path
        return made
    return _of_records(records)


def _records_within(document: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]] | None:
    """The longest list within a document, with its path; None where there is none, or the document is a record."""
    lists = {path: value for path, value in names_in(document) if _is_list_of_objects(value)}
    flat = {path: [text_of(value)] for path, value in names_in(document) if path not in lists}
    is_record = {"customer_id", "conversation_id"} & by_name(flat).keys() or any(
        _is_time(*one) for one in flat.values()
    )
    if not lists or is_record:
        return None
    path = max(lists, key=lambda one: len(lists[one]))
    return path, lists[path]


def _of_records(records: Sequence[Mapping[str, Any]]) -> Guess:
    columns = _columns(records)
    lists = {name: values for name, values in columns.items() if any(map(_is_list_of_objects, values))}
    flat = {name: [text for value in values if (text := text_of(value))] for name, values in columns.items()}
    flat = {name: values for name, values in flat.items() if name not in lists}
    if lists:
        return _of_messages(flat, lists)
    transcript = next((name for name, values in flat.items() if _mostly(values, _is_transcript)), "")
    if transcript:
        return _of_transcripts(records, flat, transcript)
    named = by_name(flat)
    if "conversation_id" in named and SPEAKER in named and {SAID, "text"} & named.keys():
        return _of_rows(records, named, flat)
    base = max(_FLAT, key=lambda name: (fit(name, flat), -_FLAT.index(name)))
    return _guess(load_profile(base).type, base, named, flat, (*TURN_PARTS, "conversation_id", "agent_id"))


def _of_transcripts(records: Sequence[Mapping[str, Any]], flat: Mapping[str, Sequence[str]], transcript: str) -> Guess:
    rest = {name: values for name, values in flat.items() if name != transcript}
    named = by_name(rest)
    made = _guess("chat", "transcripts", named, rest, (*TURN_PARTS, "text"))
    made.transcript = transcript
    speakers = [_speakers(text_of(record.get(transcript))) for record in records]
    made.customer = _customer_column(records, speakers, named)
    of_customer = {text_of(record.get(made.customer)) for record in records} if made.customer else set()
    _look_at_names(made, [name for names in speakers for name in names if name not in of_customer])
    made.without_offset |= not all(_has_offset(one) for one in flat[transcript])
    return made


def _speakers(transcript: str) -> list[str]:
    with suppress(Rejected):
        return [said.speaker for said in spoken(transcript, _UTC, _SOME_DAY)]
    return []


def unknown_speakers(transcript: str, profile: Profile) -> list[str] | None:
    """Who speaks in a transcript, of whom the profile knows nothing; None where the text is no transcript."""
    speakers = _speakers(transcript)
    if len(set(speakers)) < 2:
        return None
    roles = profile.conversation.roles if profile.conversation else {}
    return [
        name
        for name in dict.fromkeys(speakers)
        if role_of(name) not in get_args(Role)
        and not any(fits(one, name) for one in roles)
        and not _NOBODYS_WORDS.search(name)
    ]


def _customer_column(
    records: Sequence[Mapping[str, Any]], speakers: Sequence[Sequence[str]], named: Mapping[str, Sequence[str]]
) -> str:
    """The column of the name under which the customer speaks, where there is one."""
    for column in named.get("customer_id", ()):
        spoken_by = [text_of(record.get(column)) in names for record, names in zip(records, speakers, strict=True)]
        if sum(spoken_by) >= _SOME * len(records):
            return column
    return ""


_FLAT = ("marketplace-reviews", "weibo", "hotline-orders")


def _columns(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for record in records:
        for name, value in names_in(record):
            columns.setdefault(name, []).append(value)
    return columns


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _mostly(values: Sequence[str], is_one: Callable[[str], object], most: float = _MOST) -> bool:
    return bool(values) and sum(map(bool, map(is_one, values))) >= most * len(values)


def _is_transcript(text: str) -> bool:
    return len(set(_speakers(text))) > 1


def _is_time(text: str) -> bool:
    if _NUMBER.fullmatch(text) and len(text.partition(".")[0]) not in {10, 13}:
        return False
    with suppress(Rejected):
        return bool(rfc_3339(text, _UTC))
    return False


def _is_rating(text: str) -> bool:
    if _NUMBER.fullmatch(text.removesuffix("分")):
        return True
    with suppress(Rejected):
        return bool(stars(text))
    return False


def _is_words(text: str) -> bool:
    return len(text) >= _SHORTEST_TEXT and CHINESE.search(text) is not None


def _guess(
    event_type: EventType,
    base: str,
    named: Mapping[str, Sequence[str]],
    flat: Mapping[str, Sequence[str]],
    without: Sequence[str],
) -> Guess:
    profile = load_profile(base)
    fields = [name for name in (*profile.columns, *profile.attributes) if name not in without]
    columns: dict[str, Guessed] = {}
    for name in sorted(fields, key=lambda name: name != "text"):
        holding = [column for column in named.get(name, ()) if _holds(name, flat[column])]
        free = [column for column in holding if column not in _used(columns)]
        if free:
            sequels = tuple(free[1:]) if isinstance(profile.columns.get(name), Joined) else ()
            columns[name] = Guessed(free[0], "name", sequels)
    left = {name: values for name, values in flat.items() if name not in _used(columns)}
    columns |= _by_values([name for name in fields if name not in columns], left)
    ordered = {name: columns[name] for name in fields if name in columns}
    made = Guess(event_type, base, ordered, [name for name in flat if name not in _used(columns)])
    made.constants = dict(profile.constants)
    _look_at_values(made, flat, profile)
    return made


def _used(columns: Mapping[str, Guessed]) -> set[str]:
    return {column for one in columns.values() for column in (one.column, *one.sequels)}


def _holds(name: str, values: Sequence[str]) -> bool:
    """Whether the values of a column can be those of a field."""
    filled = [value for value in values if not is_nothing(name, value)]
    if not filled:
        return bool(values)
    if name in TIME_FIELDS:
        return _mostly(filled, _is_time, _SOME)
    if name == "text" and _mostly(filled, _is_rating):
        return False
    return not _mostly(filled, _is_time) if name in {"text", "customer_id", "rating"} else True


def _by_values(wanted: Sequence[str], free: Mapping[str, Sequence[str]]) -> dict[str, Guessed]:
    found: dict[str, Guessed] = {}
    if "conversation_id" in wanted and (ids := [name for name, values in free.items() if _are_ids(values)]):
        found["conversation_id"] = Guessed(ids[0], "values")
    times = [name for name, values in free.items() if _mostly(values, _is_time)]
    if "event_time" in wanted and times:
        found["event_time"] = Guessed(times[0], "values")
    words = [name for name, values in free.items() if name not in times and _mostly(values, _is_words, 0.5)]
    if "text" in wanted and words:
        longest = max(words, key=lambda name: sum(map(len, free[name])) / len(free[name]))
        found["text"] = Guessed(longest, "values")
    rated = [
        name for name, values in free.items() if not _mostly(values, _NUMBER.fullmatch) and _mostly(values, _is_rating)
    ]
    if "rating" in wanted and rated:
        found["rating"] = Guessed(rated[0], "values")
    return found


def _are_ids(values: Sequence[str]) -> bool:
    """Whether values could name what they stand beside: short, without blanks, and each once."""
    return len(set(values)) == len(values) and all(map(_ID.fullmatch, values)) and not _mostly(values, _is_time)


def _look_at_values(made: Guess, flat: Mapping[str, Sequence[str]], profile: Profile) -> None:
    """Find which values mean nothing yet, the scale of ratings, and times without offset."""
    for name, one in made.columns.items():
        values = list(dict.fromkeys(value for value in flat[one.column] if not is_nothing(name, value)))
        known = profile.values.get(name, {})
        made.meanings[name] = {value: known[value] for value in values if value in known}
        if name in CLOSED_FIELDS:
            means = {value for value in values if value in known or converted(name, value, None) in CLOSED_FIELDS[name]}
            made.unknown[name] = [value for value in values if value not in means][:_FEW]
        elif name == "rating":
            _look_at_ratings(made, values, known)
        elif name in TIME_FIELDS:
            made.without_offset |= not all(map(_has_offset, values))


def _has_offset(text: str) -> bool:
    with suppress(Rejected):
        return bool(rfc_3339(text, None))
    return False


def _look_at_ratings(made: Guess, values: Sequence[str], known: Mapping[str, Any]) -> None:
    numbers = [
        float(found[0]) for value in values if (found := _NUMBER.match(value)) and not re.search("[/／星]", value)
    ]
    if numbers and (max(numbers) > 5 or any(not number.is_integer() for number in numbers) or min(numbers) < 1):
        best = next((most for most in (5.0, 10.0, 100.0) if max(numbers) <= most), max(numbers))
        made.scale = (0.0 if best == 100 or min(numbers) < 1 else 1.0, best)
    made.unknown["rating"] = [value for value in values if value not in known and not _is_rating(value)][:_FEW]


def _of_rows(
    records: Sequence[Mapping[str, Any]], named: Mapping[str, Sequence[str]], flat: Mapping[str, Sequence[str]]
) -> Guess:
    turn = {SPEAKER: named[SPEAKER][0], SAID: (named.get(SAID) or named["text"])[0]}
    times = [column for column in named.get(SAID_AT, named.get("event_time", ())) if _mostly(flat[column], _is_time)]
    turn |= {SAID_AT: times[0]} if times else {}
    rest = {name: values for name, values in flat.items() if name not in turn.values()}
    named = {meaning: [column for column in columns if column in rest] for meaning, columns in named.items()}
    made = _guess("chat", "message-rows", named, rest, ("event_time", "text"))
    made.turn = {part: Guessed(column, "name") for part, column in turn.items()}
    speakers = [[text_of(record.get(turn[SPEAKER]))] for record in records]
    made.customer = _customer_column(records, speakers, named)
    _look_at_speakers(made, flat, turn)
    key = [made.columns[name].column for name in ("conversation_id", "customer_id") if name in made.columns]
    if merged := [column for column in key if len(flat[column]) < len(flat[turn[SAID]])]:
        made.file["fill_down"] = merged
    return made


def _of_messages(flat: Mapping[str, Sequence[str]], lists: Columns) -> Guess:
    path, values = max(lists.items(), key=lambda one: sum(len(value) for value in one[1] if isinstance(value, list)))
    inner = _columns(one for value in values if isinstance(value, list) for one in value)
    texts = {name: [text for one in cells if (text := text_of(one))] for name, cells in inner.items()}
    found = by_name(texts)
    turn = {part: Guessed(found[part][0], "name") for part in TURN_PARTS if found.get(part)}
    turn |= _turn_by_values(texts, turn)
    made = _guess("chat", OF_OBJECTS, by_name(flat), flat, ("text",))
    made.messages = path
    made.turn = turn
    _look_at_speakers(made, texts, {part: one.column for part, one in turn.items()})
    return made


def _turn_by_values(texts: Mapping[str, Sequence[str]], known: Mapping[str, Guessed]) -> dict[str, Guessed]:
    """The parts of a turn that no name tells: times, the longest words, and what has few values for many rows."""
    used = {one.column for one in known.values()}
    free = {name: values for name, values in texts.items() if values and name not in used}
    found: dict[str, str] = {}
    if times := [name for name, values in free.items() if _mostly(values, _is_time)]:
        found[SAID_AT] = times[0]
    words = [name for name in free if name not in times]
    if words and SAID not in known:
        found[SAID] = max(words, key=lambda name: (len(CHINESE.findall("".join(free[name]))), len(set(free[name]))))
    if few := [name for name in words if name != found.get(SAID)]:
        found[SPEAKER] = min(few, key=lambda name: _unlike_speakers(free[name]))
    return {part: Guessed(column, "values") for part, column in found.items() if part not in known}


def _unlike_speakers(values: Sequence[str]) -> tuple[bool, int, int]:
    """The less, the more values are like names of those who speak: few, at least two, and short."""
    distinct = set(values)
    return len(distinct) == 1, len(distinct), max(map(len, distinct))


def _look_at_speakers(made: Guess, flat: Mapping[str, Sequence[str]], turn: Mapping[str, str]) -> None:
    """Find who is not known to speak, and which rows are no words of anybody."""
    for column, values in flat.items():
        distinct = list(dict.fromkeys(values))
        if column != turn.get(SAID) and len(distinct) <= 2 * _FEW:
            made.passed_over |= {column: found} if (found := list(filter(_NOBODYS_WORDS.search, distinct))) else {}
    skipped = made.passed_over.get(turn.get(SPEAKER, ""), [])
    of_customer = flat.get(made.customer, ())
    _look_at_names(made, [name for name in flat.get(turn.get(SPEAKER, ""), ()) if name not in {*skipped, *of_customer}])
    if SAID_AT in turn:
        made.without_offset |= not all(map(_has_offset, flat[turn[SAID_AT]]))


def _look_at_names(made: Guess, speakers: Iterable[str]) -> None:
    """Find which roles of the profile count, and of whom nothing is known."""
    conversation = load_profile(made.base).conversation
    # Numbers mean another role in each export.
    roles = conversation.roles if conversation else {}
    known = {name: role for name, role in roles.items() if re.search(r"[^\d* ]", name)}
    for name in dict.fromkeys(speakers):
        pattern = next((one for one in known if fits(one, name)), None)
        if pattern:
            made.roles[pattern] = known[pattern]
        elif _NOBODYS_WORDS.search(name):
            made.passed_over.setdefault("speaker", []).append(name)
        elif role_of(name) not in get_args(Role):
            made.nobody = [*made.nobody, name][: 2 * _FEW]
    made.roles = {name: made.roles[name] for name in known if name in made.roles}
