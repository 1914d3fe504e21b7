"""Conversations as files have them: a transcript in one cell, or a row for each message."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.known_names import ROLES
from gapwatch.pipeline.publishing.files.record import UNSEEN, FileError, Record
from gapwatch.pipeline.publishing.files.times import rfc_3339
from gapwatch.pipeline.publishing.files.values import plain
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import Role

# So many messages are held until the last row is read: a conversation may go on anywhere in its file.
MOST_MESSAGES = 2_000_000
_CLOCK = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?"
_TIME = rf"(?:\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}日?[ T　]*)?{_CLOCK}"
_SPEAKER = r"(?!\d{4}[-/.年])[^\s\[\]()（）【】:：,，。！？!?][^\[\]()（）【】:：\n]{0,38}?"
# An account of a shop within another's name: 东店:小美.
_ACCOUNT = r"[^\s\[\]()（）【】:：]{1,30}:[^\s\[\]()（）【】:：]{1,30}"
_NAME = rf"(?:{_SPEAKER}|{_ACCOUNT})"
# 客服 10:02:03 · 客服(10:02:03)：您好 · [2026-11-03 10:02:03] 客服：您好 · 买家：在吗
_HEADS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[\[(（【]\s*(?P<time>{_TIME})\s*[\])）】]\s*(?P<speaker>{_NAME})\s*[:：]\s*(?P<text>.*)",
        rf"(?P<time>{_TIME})\s+(?P<speaker>{_NAME})\s*[:：]\s*(?P<text>.*)",
        rf"(?P<speaker>{_NAME})\s*[\[(（【]\s*(?P<time>{_TIME})\s*[\])）】]\s*[:：]?\s*(?P<text>.*)",
        rf"(?P<time>{_TIME})\s+(?P<speaker>{_NAME})",
        rf"(?P<speaker>{_NAME})\s+(?P<time>{_TIME})\s*(?:[:：]\s*(?P<text>.*))?",
        rf"(?P<speaker>{_SPEAKER})\s*[:：]\s*(?P<text>.*)",
    )
)
_BRACKETED = _HEADS[:3:2]
_EXACT_TIME = re.compile(r"\d{4}|[:：]\d\d[:：]")
# What may stand behind a known name where no time shows that it is a speaker: 买家tb123, 客服小王, 客服3号.
_SUFFIX = re.compile(r"(小.|[0-9A-Za-z_*-]+号?)?")
_ROLES: dict[str, str] = ROLES | {role: role for role in get_args(Role)}
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class MessageColumns:
    """Which columns of a table of messages hold what.

    `same` are columns that hold one value for all of a conversation, such as the customer's id.
    """

    conversation: str
    role: str
    text: str
    at: str | None = None
    same: frozenset[str] = field(default_factory=frozenset)


def role_of(speaker: str, roles: Mapping[str, str] | None = None) -> str:
    """The role of a speaker, as `roles` or known names say that it is or begins with, as 客服小王; else the speaker."""
    return _names(roles).get(_begun_name(speaker, roles), speaker)


def _names(roles: Mapping[str, str] | None) -> dict[str, str]:
    return _ROLES | {name.lower(): role for name, role in (roles or {}).items()}


def _begun_name(speaker: str, roles: Mapping[str, str] | None) -> str:
    found = speaker.strip().lower()
    return max((name for name in _names(roles) if found.startswith(name)), key=len, default="")


class Spoken(NamedTuple):
    """What somebody says in a transcript; `at` is RFC 3339, empty where the transcript gives no time."""

    speaker: str
    text: str
    at: str = ""


def turns_of(
    transcript: str, zone: ZoneInfo | None, began: datetime | None = None, roles: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """The turns of a transcript, as `spoken` finds them, each with the role of its speaker."""
    return [
        {"role": role_of(said.speaker, roles), "text": said.text} | ({"at": said.at} if said.at else {})
        for said in spoken(transcript, zone, began, roles)
    ]


def spoken(
    transcript: str, zone: ZoneInfo | None, began: datetime | None = None, roles: Mapping[str, str] | None = None
) -> list[Spoken]:
    """What is said in a transcript: a line that names a speaker begins it, the lines after it go on.

    `zone` is that of times without offset; `began` gives the day to those that are only a clock. After midnight it is
    the next day.
    Raises Rejected where it begins with nobody's words, or a time cannot be read.
    """
    found: list[Spoken] = []
    times = _Times(zone, began)
    for line in transcript.splitlines():
        head = _head(line.strip(UNSEEN), roles)
        if head:
            time = head.groupdict().get("time")
            at = times.instant(time) if time else ""
            found.append(Spoken(head["speaker"].strip(UNSEEN), head.groupdict().get("text") or "", at))
        elif found:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
        elif line.strip(UNSEEN):
            raise Rejected(
                Reason.WRONG_TYPE,
                message(
                    "a transcript begins each turn with who speaks, as 客服 10:02:03 or 客服：, and this one does not"
                ),
            )
    return [said._replace(text=said.text.strip(UNSEEN)) for said in found]


def _head(line: str, roles: Mapping[str, str] | None) -> re.Match[str] | None:
    for pattern in _HEADS:
        if (found := pattern.fullmatch(line)) and _is_speaker(found, roles):
            return found
    return None


def _is_speaker(head: re.Match[str], roles: Mapping[str, str] | None) -> bool:
    """Whether a line that looks like the head of a turn is one: 约 10:30 and 订单：123 are words of a customer."""
    name = _begun_name(head["speaker"], roles)
    shop, colon, _ = head["speaker"].partition(":")
    if colon and _begun_name(shop, roles) == shop.strip().lower():
        return False  # 客服:10:02:03 到货 is what somebody says
    time = head.groupdict().get("time")
    if time:
        return bool(name) or _EXACT_TIME.search(time) is not None or head.re in _BRACKETED
    return bool(name) and _SUFFIX.fullmatch(head["speaker"].strip()[len(name) :]) is not None


class _Times:
    """The times of a transcript, one after the other."""

    def __init__(self, zone: ZoneInfo | None, began: datetime | None) -> None:
        self._zone = zone
        self._last = began.astimezone(zone) if began and zone else began

    def instant(self, text: str) -> str:
        text = text.replace("：", ":")
        if not re.fullmatch(_CLOCK, text):
            found = datetime.fromisoformat(rfc_3339(text, self._zone))
            self._last = found
            return found.isoformat()
        if self._last is None:
            raise Rejected(
                Reason.TIME_UNPARSABLE,
                message("{time} in a transcript needs the day: give the event an event_time", time=text),
            )
        hour, minute, second = map(int, (*text.split(":"), "0")[:3])
        try:
            found = self._last.replace(hour=hour, minute=minute, second=second, microsecond=0)
        except ValueError:
            raise Rejected(Reason.TIME_UNPARSABLE, message("{time} is no time of the day", time=text)) from None
        if self._last - found > _HALF_A_DAY:
            found += timedelta(days=1)
        self._last = found
        return found.isoformat()


def conversations(records: Iterable[Record], columns: MessageColumns) -> Iterator[Record]:
    """One record for each conversation, of the rows that are its messages, in the order in which they begin.

    Its fields are those of its rows: `turns`, the time of the first message under the name of its column, one value
    of what is the same in all rows, and what differs one after the other, with `; ` between. Rows that are broken or
    passed over come as they are.
    Raises FileError when there are more messages than memory should hold.
    """
    held: dict[object, list[Record]] = {}  # in the order of their first lines, which a bookmark counts on
    for number, record in enumerate(records):
        if number >= MOST_MESSAGES:
            raise FileError(
                "more than {most} messages in one file: split it between conversations", most=f"{MOST_MESSAGES:,}"
            )
        conversation = _text(record.fields.get(columns.conversation))
        if not (record.fault or record.skipped or conversation):
            detail = message("the row names no conversation: {column} is empty", column=columns.conversation)
            record = record._replace(fault=Rejected(Reason.MISSING_FIELD, detail))  # noqa: PLW2901 - the same row
        held.setdefault(number if record.fault or record.skipped else conversation, []).append(record)
    for rows in held.values():
        yield rows[0] if rows[0].fault or rows[0].skipped else _conversation(rows, columns)


def _conversation(rows: list[Record], columns: MessageColumns) -> Record:
    first = rows[0]
    made = Record(first.line, "\n".join(row.text for row in rows), rows=len({row.line for row in rows}))
    names = dict.fromkeys(name for row in rows for name in row.fields)
    fields: dict[str, Any] = {}
    for name in names.keys() - {columns.role, columns.text, columns.at}:
        values = list(dict.fromkeys(text for row in rows if (text := _text(row.fields.get(name)))))
        if len(values) > 1 and name in columns.same | {columns.conversation}:
            detail = message("rows of one conversation differ in {column}", column=name)
            return made._replace(fault=Rejected(Reason.ATTRIBUTE_CLASH, detail))
        fields[name] = "; ".join(values)
    if columns.at:
        fields[columns.at] = next((text for row in rows if (text := _text(row.fields.get(columns.at)))), "")
    fields["turns"] = [_turn(row, columns) for row in rows]
    return made._replace(fields={name: fields[name] for name in (*names, "turns") if name in fields})


def _turn(row: Record, columns: MessageColumns) -> dict[str, str]:
    turn = {"role": role_of(_text(row.fields.get(columns.role))), "text": _text(row.fields.get(columns.text))}
    at = _text(row.fields.get(columns.at)) if columns.at else ""
    return turn | {"at": at} if at else turn


def _text(value: Any) -> str:
    found = plain(value)
    return "" if found is None else str(found)
