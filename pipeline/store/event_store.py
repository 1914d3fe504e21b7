"""Writing events, so that a replay, a duplicate or a correction leaves one row for each event.

An event is what has one `Identity`. A batch is stored in four steps, each of which may be repeated any number of times:

1. its events, under a deduplication token;
2. the places (hash of the identity, minute) where they stand;
3. a look-up: which of its events stand, or ever stood, in more than one minute;
4. for these, in every minute but that of the latest version, a row that marks the event as gone from there.

Two workers with one event need no lock: each writes its place before it looks, so at least one of them sees both
places, and it finds both versions, because a version is written before its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gapwatch.pipeline.events.columns import EventColumns
from gapwatch.pipeline.events.identity import IDENTITY_COLUMNS, Identity, hash_of
from gapwatch.pipeline.store.connection import ClickHouse

# A place has up to a kilobyte, and an event, as a rule, two or three places. ClickHouse was seen to mistake the types
# in a list of tuples longer than a megabyte. A publisher may give one identity to all it sends: that is marked alone.
_PLACES_AT_ONCE = 500

_INSERT_PLACES = "INSERT INTO event_places (id_hash, minute) VALUES"
_FIND_MOVED = """
SELECT id_hash, groupUniqArray(toUnixTimestamp(minute)) AS minutes
FROM event_places WHERE id_hash IN ({hashes})
GROUP BY id_hash HAVING length(minutes) > 1
"""
_MARK_AS_GONE = f"""
INSERT INTO event_versions ({IDENTITY_COLUMNS}, event_time, version, is_deleted)
SELECT {IDENTITY_COLUMNS}, minute, latest, 1
FROM (
    SELECT {IDENTITY_COLUMNS}, toStartOfMinute(event_time) AS minute, max(version) AS newest,
        max(newest) OVER (PARTITION BY {IDENTITY_COLUMNS}) AS latest
    FROM event_versions
    WHERE {{places}}
    GROUP BY {IDENTITY_COLUMNS}, minute
)
WHERE newest < latest
"""  # noqa: S608 - every part is written here
_PLACES = f"(toStartOfMinute(event_time), {IDENTITY_COLUMNS}) IN %(places)s"
_ONE_EVENT = f"({IDENTITY_COLUMNS}) = %(identity)s AND toStartOfMinute(event_time) IN %(minutes)s"


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
        identities: list[Identity] = []
        minutes: list[int] = []
        for event_type, names, values in columns.columns():
            told = dict(zip(names, values, strict=True))
            identities += map(Identity, *(told[name] for name in Identity._fields))
            minutes += [milliseconds // 60_000 * 60 for milliseconds in told["event_time"]]
            listed = ", ".join(f"`{name}`" for name in names)
            self._clickhouse.execute(
                f"INSERT INTO event_versions ({listed}) VALUES",
                values,
                columnar=True,
                settings={"insert_deduplication_token": f"{token} {event_type} {columns.model_version}"},
            )
        if not identities:
            return set()
        hashes = [hash_of(identity) for identity in identities]
        self._clickhouse.execute(_INSERT_PLACES, [hashes, minutes], columnar=True)
        moved = self._find_moved(hashes)
        self._mark_as_gone(
            {identity: moved[number] for identity, number in zip(identities, hashes, strict=True) if number in moved}
        )
        return set(minutes).union(*moved.values())

    def close(self) -> None:
        """Close the connection of the calling thread."""
        self._clickhouse.close()

    def _find_moved(self, hashes: Sequence[int]) -> dict[int, list[int]]:
        """Of the events that ever stood in several minutes, these minutes."""
        return dict(self._clickhouse.execute(_FIND_MOVED.format(hashes=",".join(map(str, hashes)))))

    def _mark_as_gone(self, moved: Mapping[Identity, Sequence[int]]) -> None:
        places: list[tuple[int | str, ...]] = []
        for identity, minutes in moved.items():
            if len(minutes) > _PLACES_AT_ONCE:
                self._mark(_ONE_EVENT, {"identity": tuple(identity), "minutes": minutes})
                continue
            places += [(minute, *identity) for minute in minutes]
            if len(places) >= _PLACES_AT_ONCE:
                self._mark(_PLACES, {"places": places})
                places = []
        if places:
            self._mark(_PLACES, {"places": places})

    def _mark(self, places: str, values: Mapping[str, Any]) -> None:
        self._clickhouse.execute(_MARK_AS_GONE.format(places=places), values)
