"""Writing events, so that a replay, a duplicate or a correction leaves one row for each event_id.

A batch is stored in four steps, each of which may be repeated any number of times:

1. its events, under a deduplication token;
2. the places (event_id, minute) where they stand;
3. a look-up: which of its ids stand, or ever stood, in more than one minute;
4. for these, in every minute but that of the latest version, a row that marks the event as gone from there.

Two workers with one id need no lock: each writes its place before it looks, so at least one of them sees both places,
and it finds both events, because an event is written before its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gapwatch.pipeline.events.columns import EventColumns, hash_of
from gapwatch.pipeline.store.connection import ClickHouse

# An id has up to 128 characters and, as a rule, two or three minutes. ClickHouse was seen to mistake the types in a
# list of pairs longer than a megabyte, and a publisher may give one id to all it sends: that one is looked up alone.
_PAIRS_AT_ONCE = 1_000

_INSERT_PLACES = "INSERT INTO event_places (id_hash, minute) VALUES"
_FIND_MOVED = """
SELECT id_hash, groupUniqArray(toUnixTimestamp(minute)) AS minutes
FROM event_places WHERE id_hash IN ({hashes})
GROUP BY id_hash HAVING length(minutes) > 1
"""
_MARK_AS_GONE = """
INSERT INTO event_versions (event_id, event_time, version, is_deleted)
SELECT event_id, minute, latest, 1
FROM (
    SELECT event_id, toStartOfMinute(event_time) AS minute, max(version) AS newest,
        max(newest) OVER (PARTITION BY event_id) AS latest
    FROM event_versions
    WHERE {places}
    GROUP BY event_id, minute
)
WHERE newest < latest
"""
_PAIRS = "(toStartOfMinute(event_time), event_id) IN %(pairs)s"
_ONE_ID = "event_id = %(event_id)s AND toStartOfMinute(event_time) IN %(minutes)s"


class EventStore:
    """Stores events; usable from any thread."""

    def __init__(self, url: str) -> None:
        self._clickhouse = ClickHouse(url)

    def insert(self, columns: EventColumns, token: str) -> set[int]:
        """Store events; returns the minutes whose aggregates must be derived again, as seconds since 1970.

        `token` names exactly these events: a repeated call with the same token and events writes nothing twice. After
        any error the same call may be repeated, by this or another process, until it returns.
        Raises StoreUnavailable, RowsRefused or StoreError.
        """
        ids: list[str] = []
        minutes: list[int] = []
        for event_type, names, values in columns.columns():
            ids += values[0]
            minutes += [milliseconds // 60_000 * 60 for milliseconds in values[1]]
            listed = ", ".join(f"`{name}`" for name in names)
            self._clickhouse.execute(
                f"INSERT INTO event_versions ({listed}) VALUES",
                values,
                columnar=True,
                settings={"insert_deduplication_token": f"{token} {event_type} {columns.model_version}"},
            )
        if not ids:
            return set()
        hashes = [hash_of(event_id) for event_id in ids]
        self._clickhouse.execute(_INSERT_PLACES, [hashes, minutes], columnar=True)
        moved = self._find_moved(hashes)
        self._mark_as_gone(
            {event_id: moved[number] for event_id, number in zip(ids, hashes, strict=True) if number in moved}
        )
        return set(minutes).union(*moved.values())

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._clickhouse.close()

    def _find_moved(self, hashes: Sequence[int]) -> dict[int, list[int]]:
        """Of the ids that ever stood in several minutes, these minutes."""
        return dict(self._clickhouse.execute(_FIND_MOVED.format(hashes=",".join(map(str, hashes)))))

    def _mark_as_gone(self, places: Mapping[str, Sequence[int]]) -> None:
        pairs: list[tuple[int, str]] = []
        for event_id, minutes in places.items():
            if len(minutes) > _PAIRS_AT_ONCE:
                self._mark(_ONE_ID, {"event_id": event_id, "minutes": minutes})
                continue
            pairs += [(minute, event_id) for minute in minutes]
            if len(pairs) >= _PAIRS_AT_ONCE:
                self._mark(_PAIRS, {"pairs": pairs})
                pairs = []
        if pairs:
            self._mark(_PAIRS, {"pairs": pairs})

    def _mark(self, places: str, values: Mapping[str, Any]) -> None:
        self._clickhouse.execute(_MARK_AS_GONE.format(places=places), values)
