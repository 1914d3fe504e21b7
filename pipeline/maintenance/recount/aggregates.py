"""The second half of a recount: every aggregate against the events stored."""

from collections.abc import Iterator
from datetime import datetime

from clickhouse_driver import Client

from gapwatch.pipeline.events.identity import IDENTITY_HASH
from gapwatch.pipeline.maintenance.recount.comparisons import MOVED_TABLE, Comparison, comparisons
from gapwatch.pipeline.maintenance.recount.result import Discrepancies, DiscrepancyCounter
from gapwatch.pipeline.maintenance.stored_range import whole_days

# Events counted at once, some 1,200 bytes each of the server's memory; ids looked at at once, some 100 bytes each.
_EVENTS_AT_ONCE = 250_000
_IDS_AT_ONCE = 2_000_000

_CREATE_MOVED = f"CREATE TEMPORARY TABLE {MOVED_TABLE} (id_hash UInt64, version UInt128)"
_FIND_MOVED = f"""
INSERT INTO {MOVED_TABLE}
SELECT {IDENTITY_HASH} AS id_hash, max(version) FROM event_versions
WHERE is_deleted = 0 AND id_hash % {{slices}} = {{number}}
GROUP BY id_hash HAVING min(toStartOfMinute(event_time)) != max(toStartOfMinute(event_time))
"""  # noqa: S608 - every part is written here


def compare_aggregates(client: Client, start: datetime | None, end: datetime | None) -> dict[str, Discrepancies]:
    """The differing periods of each view. Leaves a temporary table on the connection."""
    days = whole_days(client, start, end)
    _find_moved(client)
    ranges = list(_ranges(client, days))
    return {
        comparison.view: _compare(client, comparison, days if comparison.key == "day" else ranges)
        for comparison in comparisons()
    }


def _compare(client: Client, comparison: Comparison, ranges: list[tuple[int, int]]) -> Discrepancies:
    counter = DiscrepancyCounter()
    for start, end in ranges:
        for (period,) in client.execute_iter(comparison.query(start, end)):
            counter.add(period)
    return counter.result()


def _find_moved(client: Client) -> None:
    client.execute(_CREATE_MOVED)
    ((versions,),) = client.execute("SELECT count() FROM event_versions")
    slices = versions // _IDS_AT_ONCE + 1
    for number in range(slices):
        client.execute(_FIND_MOVED.format(slices=slices, number=number))


def _ranges(client: Client, days: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The days, cut into ranges of whole hours: of at most `_EVENTS_AT_ONCE` events each, or of one hour."""
    if not days:
        return
    start, end = days[0][0], days[-1][1]
    begin, events = start, 0
    for hour, count in client.execute(f"""
        SELECT toUnixTimestamp(toStartOfHour(event_time)) AS hour, count() FROM event_versions
        WHERE event_time >= toDateTime({start}, 'UTC') AND event_time < toDateTime({end}, 'UTC')
        GROUP BY hour ORDER BY hour
    """):  # noqa: S608
        if events and events + count > _EVENTS_AT_ONCE:
            yield begin, hour
            begin, events = hour, 0
        events += count
    yield begin, end
