"""Deriving the aggregates of dirty minutes from the events that stand.

A derivation replaces whole minutes (hours, days): it reads the events of a minute and writes one row with all groups.
Of several derivations of one minute the one with the greatest `generation` stands, and a generation is read from the
server's clock before the events are. So whoever begins after an event was acknowledged sees it, and nobody who began
earlier can hide it. Should clocks disagree, as between the servers of a cluster, or step back, a generation is still
greater than any that was there; and who finds, after writing, that somebody else wrote meanwhile derives once more.

Coarser grains derive from finer ones, after them: hours from minutes, days from hours.
"""

import random
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gapwatch.pipeline.errors import StoreOutOfMemory, StoreUnavailable
from gapwatch.pipeline.events.retention import oldest_kept
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.connection import ClickHouse
from gapwatch.pipeline.store.grains import (
    CHAT_CHANNEL_DAY,
    CHAT_DAY,
    CHAT_HOUR,
    CHAT_MINUTE,
    CHAT_PRODUCT_DAY,
    CHAT_REGION_DAY,
    GAP_DAY,
    GAP_HOUR,
    GAP_MINUTE,
    PLACE_DAY,
    PLACE_HOUR,
    Grain,
)

# Rows read by one statement. Of a back-fill nearly every row is a group of its own, and a group takes a kilobyte while
# it is being built: a million needed more than the 1 GiB that the local stack allows a query. This many need 0.2 GB.
# A group of conversations takes twenty times that; where memory runs out, fewer are read for a while.
ROWS_AT_ONCE = 200_000
_LEAST_ROWS_AT_ONCE = 1_000
# Periods named in one statement: as many minutes can be dirty as there are rows.
PERIODS_AT_ONCE = 20_000
# Who finds so often that somebody else wrote the same minutes meanwhile leaves them to a later try.
ATTEMPTS = 10
PAUSE_SECONDS = 0.2

log = logger(__name__)

# Each after the grain that it derives from.
_HOURS_AND_DAYS = (
    GAP_HOUR,
    PLACE_HOUR,
    PLACE_DAY,
    GAP_DAY,
    CHAT_HOUR,
    CHAT_DAY,
    CHAT_PRODUCT_DAY,
    CHAT_REGION_DAY,
    CHAT_CHANNEL_DAY,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Aggregates:
    """Derives aggregates; usable from any thread."""

    def __init__(self, url: str) -> None:
        self._clickhouse = ClickHouse(url)
        self._rows_at_once: dict[str, int] = {}

    def derive(self, minutes: Iterable[int]) -> None:
        """Derive these minutes, given as seconds since 1970, and the hours and days they lie in.

        Minutes whose events the retention may have begun to remove are left as they are. After an error the call may be
        repeated. Raises StoreUnavailable or StoreError.
        """
        dirty = set(minutes)
        self.derive_minutes(dirty)
        self.derive_hours_and_days(dirty)

    def derive_minutes(self, minutes: Iterable[int]) -> None:
        """Derive these minutes alone. Their hours and days are to follow: `derive_hours_and_days`."""
        derivable = _derivable(minutes)
        for grain in (GAP_MINUTE, CHAT_MINUTE):
            self._derive_all(grain, derivable)

    def derive_hours_and_days(self, minutes: Iterable[int]) -> None:
        """Derive the hours and days that these minutes lie in, from what the minutes' derivation left."""
        hours = sorted({minute // 3600 * 3600 for minute in _derivable(minutes)})
        days = sorted(set(map(day_of, hours)))
        for grain in _HOURS_AND_DAYS:
            self._derive_all(grain, days if grain.key == "day" else hours)

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._clickhouse.close()

    def _derive_all(self, grain: Grain, periods: Sequence[int]) -> None:
        for start in range(0, len(periods), PERIODS_AT_ONCE):
            left = list(periods[start : start + PERIODS_AT_ONCE])
            for _ in range(ATTEMPTS):
                began = time.monotonic()
                left = self._derive_as_memory_allows(grain, left)
                if not left:
                    break
                # So that those at work on the same periods do not stay in step, however slow the server is.
                took = time.monotonic() - began
                time.sleep(random.uniform(0, max(PAUSE_SECONDS, 3 * took)))  # noqa: S311
            else:
                raise StoreUnavailable(
                    "others keep deriving {count} rows of {table} at the same time", count=len(left), table=grain.table
                )

    def _derive_as_memory_allows(self, grain: Grain, periods: Sequence[int]) -> list[int]:
        """As `_derive_once`, with fewer rows at once where memory runs out, and more again the next time."""
        while True:
            rows = self._rows_at_once.get(grain.table, ROWS_AT_ONCE)
            try:
                left = self._derive_once(grain, periods, rows)
            except StoreOutOfMemory as error:
                if rows <= _LEAST_ROWS_AT_ONCE:
                    raise
                self._rows_at_once[grain.table] = rows = max(_LEAST_ROWS_AT_ONCE, rows // 4)
                log.warning("fewer rows at once", table=grain.table, rows=rows, error=str(error))
                time.sleep(PAUSE_SECONDS)
            else:
                self._rows_at_once[grain.table] = min(ROWS_AT_ONCE, 2 * rows)  # others may have needed the memory
                return left

    def _derive_once(self, grain: Grain, periods: Sequence[int], rows: int) -> list[int]:
        """Derive; returns the periods that somebody else derived between the snapshot and the end.

        Periods without events, past or present, are left out: most minutes have no chat.
        """
        ((found, derived, now),) = self._clickhouse.execute(_in_time_zone(grain.snapshot(_listed(periods))))
        sizes, before = dict(found), dict(derived)
        present = [period for period in periods if period in sizes or period in before]
        # Two who read one clock at one instant still differ.
        generation = max(now, *before.values(), 0) + 1 + secrets.randbelow(1000)
        for chunk in _chunks(present, sizes, rows):
            self._clickhouse.execute(_in_time_zone(grain.derivation(_listed(chunk), generation)))
        return self._derived_meanwhile(grain, present, before, generation) if present else []

    def _derived_meanwhile(
        self, grain: Grain, periods: Sequence[int], before: Mapping[int, int], generation: int
    ) -> list[int]:
        ((others,),) = self._clickhouse.execute(grain.newest_generations(_listed(periods), but=generation))
        return [period for period, newest in others if newest > before.get(period, 0)]


def _derivable(minutes: Iterable[int]) -> list[int]:
    oldest = oldest_derived()
    return sorted({minute for minute in minutes if minute >= oldest})


def oldest_derived() -> int:
    """The first minute that is derived, as seconds since 1970: from there on the retention has removed no event."""
    return int(oldest_kept().timestamp())


def day_of(instant: int) -> int:
    """The day that an instant, in seconds since 1970, lies in, in the time zone set; as days since 1970."""
    return datetime.fromtimestamp(instant, ZoneInfo(settings().time_zone)).toordinal() - _EPOCH_DAY


def _chunks(periods: Sequence[int], sizes: Mapping[int, int], most: int) -> Iterator[list[int]]:
    """Periods that together have `most` rows, or one with more."""
    chunk: list[int] = []
    rows = 0
    for period in periods:
        if chunk and rows + sizes.get(period, 0) > most:
            yield chunk
            chunk, rows = [], 0
        chunk.append(period)
        rows += sizes.get(period, 0)
    if chunk:
        yield chunk


def _listed(periods: Sequence[int]) -> str:
    return ",".join(map(str, periods))


def _in_time_zone(query: str) -> str:
    return query.replace("{time_zone}", settings().time_zone)
