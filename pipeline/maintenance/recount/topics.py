"""The first half of a recount: every record of the topics against the events stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from clickhouse_driver import Client
from kafka import TopicPartition
from msgspec import Struct

from gapwatch.pipeline.events.identity import IDENTITY_HASH
from gapwatch.pipeline.maintenance.recount.published import (
    POSITION_BITS,
    PublishedEvent,
    PublishedRecords,
    RejectedRecord,
)
from gapwatch.pipeline.maintenance.recount.result import Discrepancies, DiscrepancyCounter, TopicCount
from gapwatch.pipeline.store.aggregates import oldest_derived
from gapwatch.schemas.events import EVENT_TYPES, topic_of

# Ids compared at once; one takes some 100 bytes of the server's memory.
_IDS_AT_ONCE = 2_000_000
_ROWS_AT_ONCE = 50_000

_TABLES = (
    """CREATE TEMPORARY TABLE recount_events (id_hash UInt64, version UInt128, minute UInt32)
    ENGINE = MergeTree ORDER BY id_hash""",
    """CREATE TEMPORARY TABLE recount_rejected (position UInt128, is_dead_letter Bool)
    ENGINE = MergeTree ORDER BY position""",
)
_POSITION = f"bitAnd({{}}, toUInt128('{(1 << POSITION_BITS) - 1}'))"
_DEAD_LETTERS = "(SELECT position FROM recount_rejected WHERE is_dead_letter)"
# Of each id: its records, the latest of them, how often it stands, and the version that stands.
_COMPARED = f"""(
    SELECT id_hash, sum(record) AS records, max(published) AS latest, argMax(at, published) AS minute,
        sum(stored) AS standing, max(stands) AS version
    FROM (
        SELECT id_hash, 1 AS record, version AS published, minute AS at, 0 AS stored, toUInt128(0) AS stands
        FROM recount_events
        WHERE id_hash % {{slices}} = {{number}} AND {_POSITION.format("version")} NOT IN {_DEAD_LETTERS}
        UNION ALL
        SELECT {IDENTITY_HASH}, 0, toUInt128(0), 0, 1, version
        FROM events
        WHERE {IDENTITY_HASH} % {{slices}} = {{number}}
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
_REJECTED = "SELECT position, max(is_dead_letter) FROM recount_rejected GROUP BY position ORDER BY position"


class Source(NamedTuple):
    """The record that a version, or its low bits, names."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, version: int) -> "Source":
        event_type = list(EVENT_TYPES)[version >> 72 & 0xFF]
        return cls(topic_of(event_type), version >> 48 & 0xFFFFFF, version & 0xFFFFFFFFFFFF)

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class TopicsCompared(Struct, frozen=True):
    """See `RecountResult`."""

    counts: tuple[TopicCount, ...]
    lost: Discrepancies
    stale: Discrepancies
    doubled: Discrepancies
    unknown: Discrepancies
    unaccounted: Discrepancies


def compare_topics(client: Client) -> TopicsCompared:
    """Read the topics again and compare them with what is stored. Leaves temporary tables on the connection."""
    published = PublishedRecords()
    for table in _TABLES:
        client.execute(table)
    _load(client, published.scan())
    dead, unaccounted = _count_rejected(client, published.begins)
    valid = dict(client.execute(_VALID))
    latest, stored, expired = Counter[int](), Counter[int](), Counter[int]()
    counters = {kind: DiscrepancyCounter() for kind in ("lost", "stale", "doubled", "unknown")}
    for place in _slices(client):
        for topic, ids, standing, gone in client.execute(_COUNT.format(**place)):
            latest[topic] += ids
            stored[topic] += standing
            expired[topic] += gone
        for row in client.execute_iter(_DIFFERENCES.format(**place)):
            _classify(counters, published.begins, row)
    return TopicsCompared(
        counts=tuple(
            TopicCount(
                topic=topic_of(event_type),
                published=published.records[topic_of(event_type)],
                stored=stored[number],
                duplicates=valid.get(number, 0) - latest[number],
                dead_lettered=dead[topic_of(event_type)],
                expired=expired[number],
            )
            for number, event_type in enumerate(EVENT_TYPES)
        ),
        unaccounted=unaccounted,
        **{kind: counter.result() for kind, counter in counters.items()},
    )


def _load(client: Client, records: Iterator[PublishedEvent | RejectedRecord]) -> None:
    while batch := list(islice(records, _ROWS_AT_ONCE)):
        events = [record for record in batch if isinstance(record, PublishedEvent)]
        rejected = [record for record in batch if isinstance(record, RejectedRecord)]
        if events:
            client.execute("INSERT INTO recount_events (id_hash, version, minute) VALUES", events)
        if rejected:
            client.execute("INSERT INTO recount_rejected (position, is_dead_letter) VALUES", rejected)


def _count_rejected(client: Client, begins: Mapping[TopicPartition, int]) -> tuple[Counter[str], Discrepancies]:
    """Dead letters by topic, of records that are still there; records that should be dead letters and are not."""
    dead, unaccounted = Counter[str](), DiscrepancyCounter()
    for position, is_dead_letter in client.execute_iter(_REJECTED):
        if not is_dead_letter:
            unaccounted.add(str(Source.of(position)))
        elif _is_there(Source.of(position), begins):
            dead[Source.of(position).topic] += 1
    return dead, unaccounted.result()


def _slices(client: Client) -> Iterator[dict[str, int]]:
    ((ids,),) = client.execute("SELECT (SELECT count() FROM recount_events) + (SELECT count() FROM events)")
    slices = ids // _IDS_AT_ONCE + 1
    for number in range(slices):
        yield {"slices": slices, "number": number, "oldest": oldest_derived()}


def _classify(
    counters: Mapping[str, DiscrepancyCounter], begins: Mapping[TopicPartition, int], row: tuple[int, int, int, int]
) -> None:
    records, latest, standing, version = row
    if not standing:
        counters["lost"].add(str(Source.of(latest)))
    elif standing > 1:
        counters["doubled"].add(str(Source.of(version)))
    elif records and version < latest:
        counters["stale"].add(str(Source.of(latest)))
    elif _is_there(Source.of(version), begins):
        counters["unknown"].add(str(Source.of(version)))


def _is_there(source: Source, begins: Mapping[TopicPartition, int]) -> bool:
    """Whether Kafka's retention has not removed the record yet."""
    return source.offset >= begins.get(TopicPartition(source.topic, source.partition), 0)
