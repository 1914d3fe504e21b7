"""Times as people and programs write them → RFC 3339. What could be two times is refused."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from unicodedata import normalize
from zoneinfo import ZoneInfo

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.words.catalogue import message

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_HALF_DAY = "上午|下午|凌晨|早上|中午|晚上|傍晚|[AaPp]\\.?[Mm]\\.?"
_DATE_FIRST = re.compile(
    rf"""(?P<year>\d{{4}})\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}})\s*日?
    (?:[T\s,]*(?:(?:周|星期)[一二三四五六日天]|\(?[A-Z][a-z]{{2}}\)?)?[T\s]*
    (?P<half>{_HALF_DAY})?\s*(?P<hour>\d{{1,2}})\s*(?:[时点](?!\s*\d)|[:：时点]\s*(?P<minute>\d{{1,2}}))\s*
    (?:[:：分]\s*(?P<second>\d{{1,2}})(?:[.,](?P<fraction>\d{{1,9}}))?\s*秒?|分)?\s*(?P<half_after>{_HALF_DAY})?
    )?\s*(?P<offset>[Zz]|UTC|GMT|(?:UTC|GMT)?\s*[+-]\d{{1,2}}(?::?\d{{2}})?)?""",
    re.VERBOSE,
)
_COMPACT = re.compile(
    r"(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:T?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?"
    r"(?P<offset>Z|[+-]\d{4})?"
)
_NAMED_MONTH = re.compile(
    r"(?:[A-Z][a-z]{2},?\s+)(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?P<clock>\d\d:\d\d:\d\d)\s+"
    r"(?P<offset>[+-]\d{4}|GMT|UTC)\s+(?P<year>\d{4})"
)
# Names of zones are left out: CST is China's and Chicago's.
_MAIL = re.compile(
    r"(?:[A-Z][a-z]{2},?\s+)?\d{1,2}\s+[A-Z][a-z]{2}\s+\d{4}\s+\d\d:\d\d(?::\d\d)?\s+([+-]\d{4}|GMT|UTC)"
)
_DAY_OR_MONTH_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})(\D.*)?", re.DOTALL)
_NUMBER = re.compile(r"\d+(\.\d+)?")
# Digits of an epoch time from 2001 to 2286, and the divisor to seconds.
_EPOCH = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}
# A spreadsheet counts days from here; these are the days of 2000 and 2100.
_SERIAL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a day of no zone
_SERIALS = range(36_526, 73_051)
_MIDDAY = 12
# Those of which every time of the day is one in every zone.
_YEARS = range(2, 9999)


def rfc_3339(value: object, zone: ZoneInfo | None) -> str:
    """A time, as text or as a number, as RFC 3339; `zone` is that of times without offset.

    Numbers are seconds, milliseconds, microseconds or nanoseconds since 1970, or the days of a spreadsheet. A time that
    stands for two, because clocks are set back, is the earlier one.
    Raises Rejected where it is no time, could be two, lacks an offset, or falls where clocks are set forward.
    """
    text = normalize("NFKC", str(value)).strip()
    if _RFC_3339.fullmatch(text):
        return text
    found = _of_number(text) or _of_text(text)
    if found is None or found.year not in _YEARS:
        raise Rejected(Reason.TIME_UNPARSABLE, _unparsable(text))
    return (found if found.tzinfo else _in_zone(found, zone, text)).isoformat()


def _of_number(text: str) -> datetime | None:
    if not _NUMBER.fullmatch(text):
        return None
    whole, _, fraction = text.partition(".")
    if not fraction and (compact := _COMPACT.fullmatch(text)):
        return _of_parts(compact)
    if divisor := _EPOCH.get(len(whole)):
        microseconds = int(whole) * 1_000_000 // divisor + (
            int(fraction.ljust(6, "0")[:6]) // divisor if fraction else 0
        )
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    if len(whole) == len(str(_SERIALS.start)) and int(whole) in _SERIALS:
        seconds = round(float(text) * 86_400, 3)  # a spreadsheet keeps a second only nearly
        return _SERIAL_ZERO + timedelta(milliseconds=round(seconds * 1_000))
    return None


def _of_text(text: str) -> datetime | None:
    if found := _DATE_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return _of_parts(found)
    if found := _NAMED_MONTH.fullmatch(text):
        text = "{day} {month} {year} {clock} {offset}".format(**found.groupdict())
    if _MAIL.fullmatch(text):
        with suppress(ValueError):
            return parsedate_to_datetime(text.replace("UTC", "GMT"))
    return None


def _of_parts(found: re.Match[str]) -> datetime | None:
    parts = {name: text for name, text in found.groupdict().items() if text}
    hour = int(parts.get("hour", 0))
    half = (parts.get("half") or parts.get("half_after") or "").lower().replace(".", "")
    if (half in {"下午", "晚上", "傍晚", "pm"} and hour < _MIDDAY) or (half == "中午" and hour < _MIDDAY - 2):
        hour += _MIDDAY
    elif half in {"上午", "凌晨", "am"} and hour == _MIDDAY:
        hour = 0
    fraction = int(parts.get("fraction", "0").ljust(6, "0")[:6])
    try:
        day = datetime(int(parts["year"]), int(parts["month"]), int(parts["day"]), tzinfo=_offset(parts.get("offset")))
        days, hour = divmod(hour, 24) if hour == 24 else (0, hour)
        clock = day.replace(
            hour=hour, minute=int(parts.get("minute", 0)), second=int(parts.get("second", 0)), microsecond=fraction
        )
        return clock + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    digits = re.sub(r"[^+\-\d]", "", text)
    if not digits:
        return UTC
    hours, minutes = (digits[1:-2], digits[-2:]) if len(digits) > 3 else (digits[1:], "0")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if digits.startswith("-") else offset)


def _in_zone(local: datetime, zone: ZoneInfo | None, text: str) -> datetime:
    if zone is None:
        raise Rejected(
            Reason.TIME_WITHOUT_OFFSET,
            message(
                "{time} has no offset from UTC; name the zone with --timezone, as in --timezone Asia/Shanghai",
                time=text,
            ),
        )
    placed = local.replace(tzinfo=zone)
    if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise Rejected(
            Reason.TIME_UNPARSABLE,
            message("{time} does not exist in {zone}: clocks are set forward over it", time=text, zone=zone.key),
        )
    return placed


def _unparsable(text: str) -> str:
    if _DAY_OR_MONTH_FIRST.fullmatch(text):
        return message("{time} may begin with the day or with the month; write year, month, day", time=text[:40])
    return message(
        "{time} is no time that is read here; forms that are: 2026-11-03T09:05:07+08:00, and with --timezone also "
        "2026/11/3 9:05, 2026年11月3日 下午3:05 or a spreadsheet's number",
        time=text[:40] or "(empty)",
    )
