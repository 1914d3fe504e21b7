"""Which days and minutes hold events or aggregates: the range of a recount, of a repair, of a new reading."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from clickhouse_driver import Client

from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.aggregates import oldest_derived
from gapwatch.pipeline.store.connection import ClickHouse

_FIRST_AND_LAST = """
SELECT count(), toUnixTimestamp(min(instant)), toUnixTimestamp(max(instant)) FROM (
    SELECT min(event_time)::DateTime('UTC') AS instant FROM event_versions HAVING count() > 0
    UNION ALL SELECT max(event_time)::DateTime('UTC') FROM event_versions HAVING count() > 0
    UNION ALL SELECT min(minute) FROM gap_minute_generations HAVING count() > 0
    UNION ALL SELECT max(minute) FROM gap_minute_generations HAVING count() > 0
)
"""


def whole_days(client: Client | ClickHouse, start: datetime | None, end: datetime | None) -> list[tuple[int, int]]:
    """Begin and end of each day of the range, in seconds since 1970; all that is stored unless given.

    Days of the time zone set, none that the retention may have begun to remove.
    """
    ((rows, first_stored, last_stored),) = client.execute(_FIRST_AND_LAST)
    if not rows:
        return []
    first = max(oldest_derived(), int(start.timestamp()) if start else first_stored)
    last = int(end.timestamp()) - 1 if end else last_stored
    zone = ZoneInfo(settings().time_zone)
    day, last_day = (datetime.fromtimestamp(instant, UTC).astimezone(zone).date() for instant in (first, last))
    days = []
    while day <= last_day:
        days.append((_midnight(day, zone), _midnight(day + timedelta(days=1), zone)))
        day += timedelta(days=1)
    return days


def minutes_between(client: Client | ClickHouse, start: datetime | None, end: datetime | None) -> set[int]:
    """Every minute of the range that has events, or aggregates without events; in seconds since 1970."""
    days = whole_days(client, start, end)
    if not days:
        return set()
    inside = f"BETWEEN toDateTime({days[0][0]}, 'UTC') AND toDateTime({days[-1][1] - 1}, 'UTC')"
    rows = client.execute(f"""
        SELECT DISTINCT toUnixTimestamp(minute) FROM (
            SELECT toStartOfMinute(event_time) AS minute FROM event_versions WHERE event_time {inside}
            UNION ALL SELECT minute FROM gap_minute_generations WHERE minute {inside}
            UNION ALL SELECT minute FROM chat_minute_generations WHERE minute {inside}
        )
    """)  # noqa: S608 - every part is written here
    return {minute for (minute,) in rows}


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
