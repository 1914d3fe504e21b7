"""The first half of a recount: every record of the topics against the events stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from clickhouse_driver import Client
from kafka import TopicPartition
from msgspec import Struct

from gapwatch.pipeline.maintenance.published import POSITION_BITS, Position, Published, PublishedEvent
from gapwatch.pipeline.maintenance.recount_result import Found, Tally, TopicCount
from gapwatch.pipeline.store.aggregates import oldest_derived
from gapwatch.schemas.events import EVENT_TYPES, topic_of

# Ids compared at once; one takes some 100 bytes of the server's memory.
_IDS_AT_ONCE = 2_000_000
_ROWS_AT_ONCE = 50_000

_TABLES = (
    """CREATE TEMPORARY TABLE recount_events (id_hash UInt64, version UInt128, minute UInt32)
    ENGINE = MergeTree ORDER BY id_hash""",
    """CREATE TEMPORARY TABLE recount_given_up (position UInt128, is_dead_letter Bool)
    ENGINE = MergeTree ORDER BY position""",
)
_POSITION = f"bitAnd({{}}, toUInt128('{(1 << POSITION_BITS) - 1}'))"
_DEAD_LETTERS = "(SELECT position FROM recount_given_up WHERE is_dead_letter)"
# Of each id: its records, the latest of them, how often it stands, and the version that stands.
_COMPARED = f"""(
    SELECT id_hash, sum(record) AS records, max(published) AS latest, argMax(at, published) AS minute,
        sum(stored) AS standing, max(stands) AS version
    FROM (
        SELECT id_hash, 1 AS record, version AS published, minute AS at, 0 AS stored, toUInt128(0) AS stands
        FROM recount_events
        WHERE id_hash % {{slices}} = {{number}} AND {_POSITION.format("version")} NOT IN {_DEAD_LETTERS}
        UNION ALL
        SELECT halfMD5(event_id), 0, toUInt128(0), 0, 1, version
        FROM events
        WHERE halfMD5(event_id) % {{slices}} = {{number}}
    )
    GROUP BY id_hash
)"""  # noqa: S608 - every part is written here
_COUNT = f"""
SELECT toUInt8(bitAnd(bitShiftRight(latest, 72), 255)) AS topic, count(),
    countIf(standing > 0 AND version >= latest), countIf(standing = 0 AND minute < {{oldest}})
FROM {_COMPARED} WHERE records > 0 GROUP BY topic
"""  # noqa: S608 - every part is written here
_DIFFERENCES = f"""
SELECT records, latest, standing, version
FROM {_COMPARED}
WHERE if(standing = 0, minute >= {{oldest}},
    (standing > 1 OR version != latest) AND {_POSITION.format("version")} NOT IN {_DEAD_LETTERS})
ORDER BY latest, version
"""  # noqa: S608


_VALID = f"""
SELECT toUInt8(bitAnd(bitShiftRight(version, 72), 255)) AS topic, count()
FROM recount_events WHERE {_POSITION.format("version")} NOT IN {_DEAD_LETTERS} GROUP BY topic
"""  # noqa: S608
_GIVEN_UP = "SELECT position, max(is_dead_letter) FROM recount_given_up GROUP BY position ORDER BY position"


class TopicsCompared(Struct, frozen=True):
    """See `Recount`."""

    counts: tuple[TopicCount, ...]
    lost: Found
    stale: Found
    doubled: Found
    unknown: Found
    unaccounted: Found


def compare_topics(client: Client) -> TopicsCompared:
    """Read the topics again and compare them with what is stored. Leaves temporary tables on the connection."""
    published = Published()
    for table in _TABLES:
        client.execute(table)
    _load(client, published.read())
    dead, unaccounted = _given_up(client, published.begins)
    valid = dict(client.execute(_VALID))
    latest, stored, expired = Counter[int](), Counter[int](), Counter[int]()
    tallies = {kind: Tally() for kind in ("lost", "stale", "doubled", "unknown")}
    for place in _slices(client):
        for topic, ids, standing, gone in client.execute(_COUNT.format(**place)):
            latest[topic] += ids
            stored[topic] += standing
            expired[topic] += gone
        for row in client.execute_iter(_DIFFERENCES.format(**place)):
            _classify(tallies, published.begins, row)
    return TopicsCompared(
        counts=tuple(
            TopicCount(
                topic=topic_of(event_type),
                published=published.records[topic_of(event_type)],
                stored=stored[number],
                duplicates=valid.get(number, 0) - latest[number],
                dead_lettered=dead[number],
                expired=expired[number],
            )
            for number, event_type in enumerate(EVENT_TYPES)
        ),
        unaccounted=unaccounted,
        **{kind: tally.found() for kind, tally in tallies.items()},
    )


def _load(client: Client, records: Iterator[PublishedEvent | Position]) -> None:
    while batch := list(islice(records, _ROWS_AT_ONCE)):
        events = [record for record in batch if isinstance(record, PublishedEvent)]
        given_up = [record for record in batch if isinstance(record, Position)]
        if events:
            client.execute("INSERT INTO recount_events (id_hash, version, minute) VALUES", events)
        if given_up:
            client.execute("INSERT INTO recount_given_up (position, is_dead_letter) VALUES", given_up)


def _given_up(client: Client, begins: Mapping[TopicPartition, int]) -> tuple[Counter[int], Found]:
    """Dead letters by topic, of records that are still there; records that should be dead letters and are not."""
    dead, unaccounted = Counter[int](), Tally()
    for position, is_dead_letter in client.execute_iter(_GIVEN_UP):
        if not is_dead_letter:
            unaccounted.add(_name(position))
        elif _is_there(position, begins):
            dead[_place(position)[0]] += 1
    return dead, unaccounted.found()


def _slices(client: Client) -> Iterator[dict[str, int]]:
    ((ids,),) = client.execute("SELECT (SELECT count() FROM recount_events) + (SELECT count() FROM events)")
    slices = ids // _IDS_AT_ONCE + 1
    for number in range(slices):
        yield {"slices": slices, "number": number, "oldest": oldest_derived()}


def _classify(
    tallies: Mapping[str, Tally], begins: Mapping[TopicPartition, int], row: tuple[int, int, int, int]
) -> None:
    records, latest, standing, version = row
    if not standing:
        tallies["lost"].add(_name(latest))
    elif standing > 1:
        tallies["doubled"].add(_name(version))
    elif records and version < latest:
        tallies["stale"].add(_name(latest))
    elif _is_there(version, begins):
        tallies["unknown"].add(_name(version))


def _place(version: int) -> tuple[int, int, int]:
    """Number of the event type, partition and offset; the timestamp above them does not matter."""
    return version >> 72 & 0xFF, version >> 48 & 0xFFFFFF, version & 0xFFFFFFFFFFFF


def _topic(number: int) -> str:
    return topic_of(list(EVENT_TYPES)[number])


def _is_there(version: int, begins: Mapping[TopicPartition, int]) -> bool:
    """Whether Kafka's retention has not removed the record yet."""
    number, partition, offset = _place(version)
    return offset >= begins.get(TopicPartition(_topic(number), partition), 0)


def _name(version: int) -> str:
    number, partition, offset = _place(version)
    return f"{_topic(number)}[{partition}]@{offset}"
