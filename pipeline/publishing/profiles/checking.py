"""A profile's TOML → the profile, or all of its faults at once, each with its place."""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import inspect

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.record import FileFormat
from gapwatch.pipeline.publishing.files.shape import required_fields
from gapwatch.pipeline.publishing.files.values import converted
from gapwatch.pipeline.publishing.profiles.fitting import Fault, Faults, near, unknown
from gapwatch.pipeline.publishing.profiles.profile import Profile, Rule
from gapwatch.pipeline.publishing.profiles.toml_places import Document, Path, SyntaxFault, read_toml
from gapwatch.pipeline.words.catalogue import Message, message
from gapwatch.schemas.events import CLOSED_FIELDS, EVENT_TYPES, EventType

# A moment in which each part of a time differs from every other.
_MOMENT = datetime(2026, 11, 23, 14, 35, 56, tzinfo=UTC)
# While the type is not known, what is the same for all types is checked anyway.
_SOME_TYPE: EventType = "feedback"


class ProfileError(GapwatchError):
    """A profile cannot be used. `faults` are all of them, in the order of their lines."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.faults = faults
        lines = {f"fault{number}": fault.told() for number, fault in enumerate(faults)}
        heading = message("the profile {name} has faults:", name=name)
        told = "\n  ".join(("{heading}", *(f"{{{line}}}" for line in lines)))
        super().__init__(message(told, heading=heading, **lines))


def read_profile(text: str, name: str) -> Profile:
    """The profile that a TOML text describes; `name` is for messages.

    Raises ProfileError with all faults.
    """
    document = read_toml(text)
    found = Faults(document)
    kept = found.fitted(document.content, inspect.type_info(Profile), ())
    meant = near(str(document.content.get("type", "")), tuple(EVENT_TYPES))
    profile = msgspec.convert({"type": meant or _SOME_TYPE} | kept, Profile)
    for check in (_check_times, _check_ratings, _check_file, _check_rules):
        check(profile, found)
    if meant:
        _check_by_type(profile, found)
    faults = [Fault(fault.line, "", _no_toml(fault)) for fault in document.faults]
    faults += [] if _ends_in_a_table(document) else found.faults
    if faults:
        raise ProfileError(name, sorted(set(faults), key=lambda fault: fault.line))
    return profile


def _no_toml(fault: SyntaxFault) -> Message:
    if fault.lacks_quotes:
        return message(
            "this is no TOML: {what}. Texts stand in quotation marks, and so do keys of other characters than A-Z, "
            "a-z, 0-9, _ and -",
            what=fault.what,
        )
    return message("this is no TOML: {what}", what=fault.what)


def _ends_in_a_table(document: Document) -> bool:
    return bool(document.faults) and not document.content


def _check_by_type(profile: Profile, found: Faults) -> None:
    """Find what the events of this type cannot have: names of fields, and values."""
    for check in (_check_fields, _check_values, _check_constants):
        check(profile, found)
    (_check_chat if profile.type == "chat" else _check_no_chat)(profile, found)


def _fields_of(event_type: EventType) -> tuple[str, ...]:
    return EVENT_TYPES[event_type].__struct_fields__


def _check_fields(profile: Profile, found: Faults) -> None:
    fields = _fields_of(profile.type)
    for name in profile.columns:
        if name not in fields or name == "attributes":
            known = tuple(field for field in fields if field != "attributes")
            found.add(
                ("columns", name),
                message(
                    "{what}. What is no field stands under [attributes]", what=_unknown_field(profile.type, name, known)
                ),
            )
    for name in profile.attributes:
        if name in fields:
            found.add(("attributes", name), message("{field} is a field: name it under [columns]", field=name))
        elif not name:
            found.add(("attributes", name), message("an attribute needs a name"))
    given = profile.columns.keys() | profile.constants.keys() | _made_fields(profile)
    missing = sorted(required_fields(profile.type) - given)
    for name in [one for one in missing if not found.within(("columns", one)) and not found.within(("constants", one))]:
        found.add(
            ("columns",),
            message("{field} is missing: name its column here, or its value under [constants]", field=name),
        )


def _unknown_field(event_type: EventType, name: str, fields: tuple[str, ...]) -> Message:
    if meant := near(name, fields):
        return message("{type} has no field {name}; did you mean {meant}?", type=event_type, name=name, meant=meant)
    return message(
        "{type} has no field {name}; its fields: {fields}", type=event_type, name=name, fields=", ".join(fields)
    )


def _made_fields(profile: Profile) -> set[str]:
    """Fields that are made of others: turns, and a conversation's time of its first turn."""
    if profile.type != "chat":
        return set()
    has_times = any(turn.at for turn in profile.turns) or (profile.conversation and profile.conversation.transcript)
    return {"turns", *(("event_time",) if has_times else ())}


def _check_values(profile: Profile, found: Faults) -> None:
    fields = _fields_of(profile.type)
    known = (*fields, *profile.attributes)
    for name, meanings in profile.values.items():
        if name not in known:
            found.add(("values", name), unknown(name, known))
            continue
        for value, meaning in meanings.items():
            _check_value(name, meaning, ("values", name, value), found)


def _check_constants(profile: Profile, found: Faults) -> None:
    fields = tuple(field for field in _fields_of(profile.type) if field not in {"attributes", "turns", "event_id"})
    for name, value in profile.constants.items():
        if name not in fields:
            found.add(("constants", name), _unknown_field(profile.type, name, fields))
        else:
            _check_value(name, value, ("constants", name), found)


def _check_value(name: str, value: Any, path: Path, found: Faults) -> None:
    """Tell where a value that the profile itself gives is none of its field."""
    try:
        made = converted(name, value if name == "rating" else str(value), ZoneInfo("UTC"))
    except Rejected as rejected:
        found.add(path, rejected.detail)
        return
    if name in CLOSED_FIELDS and made not in CLOSED_FIELDS[name]:
        found.add(path, unknown(str(value), CLOSED_FIELDS[name]))


def _check_times(profile: Profile, found: Faults) -> None:
    zone = profile.times.timezone
    if zone is not None and zone not in _timezones():
        meant = near(zone, tuple(_timezones()))
        what = message("{zone} is no time zone; an example: {example}", zone=zone, example=meant or "Asia/Shanghai")
        found.add(("times", "timezone"), what)
    for number, form in enumerate(profile.times.formats):
        if not _is_form(form):
            found.add(
                ("times", "formats", number),
                message("{form} is no form of a time; an example: %d/%m/%Y %H:%M", form=form),
            )


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_form(form: str) -> bool:
    """Whether a form of times can be read, and says the year, month and day."""
    try:
        read = datetime.strptime(_MOMENT.strftime(form), form)  # noqa: DTZ007 - its day alone is looked at
    except (ValueError, re.error, UnicodeError):
        return False
    return read.date() == _MOMENT.date()


def _check_ratings(profile: Profile, found: Faults) -> None:
    if profile.ratings is None:
        return
    if profile.ratings.worst == profile.ratings.best:
        found.add(("ratings",), message("worst and best are the same"))
    if "rating" not in profile.columns.keys() | profile.attributes.keys():
        found.add(("ratings",), message("there is a scale, and no column for rating"))


def _check_file(profile: Profile, found: Faults) -> None:
    file = profile.file
    if file.begins is not None:
        if file.format != "transcript":
            found.add(("file", "begins"), message('this is for format = "transcript" alone'))
        _check_pattern(file.begins, ("file", "begins"), found)
    if file.format in get_args(FileFormat) and file.format != "csv" and file.header_row:
        found.add(("file", "header_row"), message("{format} has no line that names columns", format=file.format))


def _check_pattern(pattern: str, path: Path, found: Faults) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        found.add(path, message("this is no regular expression: {error}", error=str(error)))


def _check_rules(profile: Profile, found: Faults) -> None:
    for number, rule in enumerate(profile.skip):
        _check_rule(rule, ("skip", number), found)


def _check_rule(rule: Rule, path: Path, found: Faults) -> None:
    given = [value for value in (rule.is_, rule.is_not, rule.matches) if value is not None]
    if len(given) != 1 and not found.within(path):
        found.add(path, message("a rule says one of is, is_not and matches; this one says {count}", count=len(given)))
    if rule.matches is not None:
        _check_pattern(rule.matches, (*path, "matches"), found)


def _check_no_chat(profile: Profile, found: Faults) -> None:
    for table, is_there in (("conversation", profile.conversation is not None), ("turns", bool(profile.turns))):
        if is_there:
            found.add((table,), message("a {type} has no turns: this is for chats", type=profile.type))


def _check_chat(profile: Profile, found: Faults) -> None:
    conversation = profile.conversation
    is_transcript = conversation is not None and conversation.transcript is not None
    if is_transcript and conversation and conversation.messages:
        found.add(("conversation",), message("either messages or transcript: not both"))
    if is_transcript and profile.turns:
        found.add(("turns",), message("the turns of a transcript are found in it; leave [[turns]] out"))
    has_turns = profile.turns or is_transcript or "turns" in profile.columns
    if not has_turns and not found.within(("turns",)) and not found.within(("conversation",)):
        found.add((), message("a chat needs [[turns]], or a transcript under [conversation]"))
    for number, turn in enumerate(profile.turns):
        if (turn.speaker is None) == (turn.role is None) and not found.within(("turns", number)):
            found.add(("turns", number), message("a turn needs either speaker or role"))
