"""Bytes of a Kafka record → a typed event, or the reason why not.

An event that fits the contract takes the fast way: one msgspec decode and a few comparisons. Everything else takes the
slow way, which parses again from the outside in, so that the reason does not depend on the order of fields.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
from msgspec import DecodeError, Raw, ValidationError

from gapwatch.pipeline.kafka.bounded_batch import Unread
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.words.catalogue import gettext_noop, message
from gapwatch.schemas.dead_letters import Reason as Reason  # noqa: PLC0414 - part of what this module offers
from gapwatch.schemas.events import (
    CLOSED_FIELDS,
    EVENT_TYPES,
    MAX_CHAT_TEXT,
    NAME_FIELDS,
    AnyEvent,
    Attributes,
    Chat,
    Complaint,
    EventType,
    Feedback,
    Role,
)


class Rejected(Exception):  # noqa: N818 - it is a verdict about a record, not a fault of the program
    """A record that cannot become an event. `detail` names the place, never what the customer wrote."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


# The contract is four levels deep; what is nested deeper than this is no attribute but an attack or an accident.
MAX_DEPTH = 32
_TOO_DEEP = message("nested deeper than {levels} levels", levels=MAX_DEPTH)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(days=1)
# A promise may lie ahead of the event, but not for longer than goods are promised anywhere.
PROMISE_HORIZON = timedelta(days=3660)
REPLACEMENT = "\ufffd"

_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in EVENT_TYPES.items()}
_FIELDS = {name: frozenset(kind.__struct_fields__) for name, kind in EVENT_TYPES.items()}
_NAME_FIELDS = {kind: [name for name in kind.__struct_fields__ if name in NAME_FIELDS] for kind in EVENT_TYPES.values()}
_PARTS = msgspec.json.Decoder(dict[str, Raw])

_CONTROL_IN_NAME = re.compile("[\x00-\x1f]")
_CONTROL_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SAFE_NAME = re.compile(r"(?!.*\d{5})[A-Za-z_][A-Za-z0-9_.-]{0,63}|[a-z]+( \| [a-z]+)*|([<>]= )?\d{1,6}")


def decode(event_type: EventType, value: bytes | None, now: datetime | None = None) -> AnyEvent:
    """The event that `value` holds; `now` is the present, for the check against times in the future.

    Raises Rejected, and nothing else, whatever the bytes.
    """
    if value is None:
        raise Rejected(Reason.NULL_VALUE, message("the record has no value"))
    try:
        event: AnyEvent = _DECODERS[event_type].decode(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        value, event = _decode_slowly(event_type, value)
    if b"\\" in value:  # JSON can hold a control character only as an escape
        event = _with_clean_characters(event)
    _check(event, len(value), (now or datetime.now(UTC)) + CLOCK_TOLERANCE)
    return event


def decode_record(event_type: EventType, record: Record, now: datetime | None = None) -> AnyEvent:
    """The event of a record of Kafka; see `decode`. Of a record that was too large to be unpacked there is none."""
    if record.headers and (unread := Unread.of(record.headers)):
        raise Rejected(Reason.RECORD_UNREADABLE if unread.unreadable else Reason.RECORD_TOO_LARGE, unread.why)
    return decode(event_type, record.value, now)


def _check(event: AnyEvent, size: int, latest: datetime) -> None:
    _check_time("$.event_time", event.event_time, latest)
    if isinstance(event, Chat):
        _check_chat(event, size, latest)
        return
    if isinstance(event, Complaint):
        _check_time("$.promised_at", event.promised_at, latest + PROMISE_HORIZON)
        _check_time("$.delivered_at", event.delivered_at, latest)
    if not event.text.strip() and (not isinstance(event, Feedback) or event.rating is None):
        raise Rejected(Reason.EMPTY_TEXT, message("$.text is blank and there is no rating"))


def _check_chat(event: Chat, size: int, latest: datetime) -> None:
    _check_time("$.ended_at", event.ended_at, latest)
    for number, turn in enumerate(event.turns):
        if turn.at is not None:
            _check_time(f"$.turns[{number}].at", turn.at, latest)
    # A character takes a byte or more, so that most chats need no count.
    if size > MAX_CHAT_TEXT and sum(len(turn.text) for turn in event.turns) > MAX_CHAT_TEXT:
        raise Rejected(
            Reason.TEXT_TOO_LARGE, message("$.turns hold more than {most} characters of text", most=MAX_CHAT_TEXT)
        )


def _check_time(path: str, instant: datetime | None, latest: datetime) -> None:
    if instant is None:
        return
    # After 2000 the year alone tells, and comparing instants of different offsets is the dearest step here.
    if instant.year <= 2000 and instant < EARLIEST:
        raise Rejected(Reason.TIME_BEFORE_2000, message("{place} lies before the year 2000", place=path))
    if instant > latest:
        raise Rejected(Reason.TIME_IN_FUTURE, message("{place} lies too far in the future", place=path))


def _with_clean_characters(event: AnyEvent) -> AnyEvent:
    """Refuse control characters in names, where dropping them could make two things one; replace them in texts."""
    for field, name in _names(event):
        if not name.isprintable() and _CONTROL_IN_NAME.search(name):
            detail = message("{place} holds a control character or half a surrogate pair", place=f"$.{field}")
            raise Rejected(Reason.CONTROL_CHARACTER, detail)
    changes: dict[str, Any] = {}
    if any(map(_is_unclean, event.attributes.values())):
        changes["attributes"] = {name: _clean(text) for name, text in event.attributes.items()}
    if isinstance(event, Chat):
        if any(_is_unclean(turn.text) for turn in event.turns):
            changes["turns"] = [msgspec.structs.replace(turn, text=_clean(turn.text)) for turn in event.turns]
    elif _is_unclean(event.text):
        changes["text"] = _clean(event.text)
    return msgspec.structs.replace(event, **changes) if changes else event


def _names(event: AnyEvent) -> Iterator[tuple[str, str]]:
    for field in _NAME_FIELDS[type(event)]:
        if name := getattr(event, field):
            yield field, name
    for name in event.attributes:
        yield "attributes", name


def _is_unclean(text: str) -> bool:
    return not text.isprintable() and _CONTROL_IN_TEXT.search(text) is not None


def _clean(text: str) -> str:
    return _CONTROL_IN_TEXT.sub(REPLACEMENT, text)


def _decode_slowly(event_type: EventType, value: bytes) -> tuple[bytes, AnyEvent]:
    _check_utf8(value)
    value = _ESCAPE.sub(_lone_surrogate_to_nul, value)
    parts = _parts(value)
    unknown = {name: parts.pop(name) for name in parts.keys() - _FIELDS[event_type]}
    event = _typed(event_type, msgspec.json.encode(parts))
    if not unknown:
        return value, event
    if clash := event.attributes.keys() & unknown:
        detail = message("{name} stands at the top and in $.attributes", name=_shown(min(clash)))
        raise Rejected(Reason.ATTRIBUTE_CLASH, detail)
    kept = {name: _attribute(raw) for name, raw in unknown.items()}
    try:
        attributes = msgspec.convert(event.attributes | kept, Attributes)
    except ValidationError as error:
        raise _rejection(error, "$.attributes") from None
    return value, msgspec.structs.replace(event, attributes=attributes)


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Rejected(Reason.NOT_UTF8, message("byte {byte} is not UTF-8", byte=error.start)) from None


def _lone_surrogate_to_nul(escape: re.Match[bytes]) -> bytes:
    """Half a surrogate pair is no character; as a NUL it shares the fate of control characters."""
    return rb"\u0000" if escape[1] else escape[0]


def _parts(value: bytes) -> dict[str, Raw]:
    try:
        parts: dict[str, Raw] = _PARTS.decode(value)
    except ValidationError:
        raise Rejected(Reason.NOT_OBJECT, message("the value is JSON, but not an object")) from None
    except DecodeError as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    except RecursionError:
        raise Rejected(Reason.TOO_DEEP, _TOO_DEEP) from None
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise Rejected(Reason.TOO_DEEP, _TOO_DEEP)
    return parts


def _is_deep(value: bytes) -> bool:
    """Whether brackets outside of strings are left after the innermost were taken away `MAX_DEPTH` times."""
    brackets = _STRING.sub(b"", value).translate(_BRACES_TO_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _attribute(raw: Raw) -> str:
    """A string as it is, anything else as its JSON text."""
    text = bytes(raw)
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()


def _typed(event_type: EventType, value: bytes) -> AnyEvent:
    try:
        event: AnyEvent = _DECODERS[event_type].decode(value)
    except ValidationError as error:
        raise _rejection(error, "$") from None
    except DecodeError as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    return event


# msgspec tells what is wrong only in words. The tests hold each form to its reason, so that an upgrade that changes the
# words is noticed.
_MESSAGES: tuple[tuple[re.Pattern[str], Reason, str], ...] = tuple(
    (re.compile(pattern), reason, phrase)
    for pattern, reason, phrase in (
        (r"missing required field `(.*?)`", Reason.MISSING_FIELD, gettext_noop("{place}.{named} is missing")),
        (
            r"unknown field `(.*)`",
            Reason.UNKNOWN_FIELD,
            gettext_noop("{place} has a field the contract does not know: {named}"),
        ),
        (r"Expected `(.*)`, got `null`", Reason.NULL_FIELD, gettext_noop("{place} is null")),
        (r"Expected `(.*?)(?: \| null)?`, got `.*`", Reason.WRONG_TYPE, gettext_noop("{place} is not {named}")),
        (r"with a timezone component", Reason.TIME_WITHOUT_OFFSET, gettext_noop("{place} has no offset from UTC")),
        (r"Invalid RFC3339", Reason.TIME_UNPARSABLE, gettext_noop("{place} is no RFC 3339 time")),
        (r"of length >= ", Reason.EMPTY_FIELD, gettext_noop("{place} is empty")),
        (r"of length <= (\d+)", Reason.TOO_LONG, gettext_noop("{place} is longer than {named}")),
        (r"Expected `int` ([<>]= \d+)", Reason.OUT_OF_RANGE, gettext_noop("{place} is not {named}")),
        (r"out of range", Reason.OUT_OF_RANGE, gettext_noop("{place} is out of range")),
    )
)
_TYPES = {
    "str": gettext_noop("a text, which stands in quotes also where it is digits"),
    "int": gettext_noop("a whole number, which stands without quotes"),
    "datetime": gettext_noop("a time, which is a text such as 2026-11-22T10:00:00+08:00"),
    "object": gettext_noop("an object"),
    "array": gettext_noop("a list"),
}
_PATH = re.compile(r" - at (`key` in )?`\$([^`]*)`$")
_ENUMS = {
    "channel": (Reason.UNKNOWN_CHANNEL, CLOSED_FIELDS["channel"]),
    "role": (Reason.UNKNOWN_ROLE, get_args(Role)),
    "status": (Reason.UNKNOWN_STATUS, CLOSED_FIELDS["status"]),
}


def _rejection(error: ValidationError, root: str) -> Rejected:
    told = str(error)
    at = _PATH.search(told)
    path = root + (at[2] if at else "")
    place = message("a name in {path}", path=path) if at and at[1] else path
    field = path.rpartition(".")[2]
    if told.startswith("Invalid enum value") and field in _ENUMS:
        unknown, known = _ENUMS[field]
        return Rejected(unknown, message("{place} is none of {known}", place=place, known=", ".join(known)))
    reason, detail = _reason(_PATH.sub("", told), place)
    return Rejected(Reason.TEXT_TOO_LARGE if reason is Reason.TOO_LONG and field == "text" else reason, detail)


def _reason(told: str, place: str) -> tuple[Reason, str]:
    for pattern, reason, phrase in _MESSAGES:
        if found := pattern.search(told):
            return reason, message(phrase, place=place, **_named(reason, found))
    return Reason.WRONG_TYPE, message("{place} does not fit the contract", place=place)


def _named(reason: Reason, found: re.Match[str]) -> dict[str, str]:
    """What msgspec names besides the place, if anything."""
    if not found.groups():
        return {}
    return {
        "named": message(_TYPES[found[1]]) if reason is Reason.WRONG_TYPE and found[1] in _TYPES else _shown(found[1])
    }


def _shown(name: str) -> str:
    """A name from the record, if it looks like one; data put where a name belongs might be personal."""
    from gapwatch.pipeline.events.privacy.person_names import is_pinyin_name  # noqa: PLC0415 - few records are refused

    return name if _SAFE_NAME.fullmatch(name) and not is_pinyin_name(name) else "(not shown)"
