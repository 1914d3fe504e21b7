"""The first half of a recount: every record of the topics against the events stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from clickhouse_driver import Client
from kafka import TopicPartition
from msgspec import Struct

from gapwatch.pipeline.events.identity import IDENTITY_HASH
from gapwatch.pipeline.maintenance.recount.corrections import count_repeats, list_corrections
from gapwatch.pipeline.maintenance.recount.published import PublishedEvent, PublishedRecords, RejectedRecord
from gapwatch.pipeline.maintenance.recount.result import Correction, Discrepancies, DiscrepancyCounter, TopicCount
from gapwatch.pipeline.maintenance.recount.source import POSITION_BITS, Source
from gapwatch.pipeline.store.aggregates import oldest_derived
from gapwatch.schemas.events import EVENT_TYPES, topic_of

# Ids compared at once; one takes some 100 bytes of the server's memory.
_IDS_AT_ONCE = 2_000_000
_ROWS_AT_ONCE = 50_000

_TABLES = (
    """CREATE TEMPORARY TABLE recount_events (id_hash UInt64, version UInt128, minute UInt32, content UInt64)
    ENGINE = MergeTree ORDER BY id_hash""",
    """CREATE TEMPORARY TABLE recount_rejected (position UInt128, is_dead_letter Bool, is_too_old Bool)
    ENGINE = MergeTree ORDER BY position""",
)
_POSITION = f"bitAnd(version, toUInt128('{(1 << POSITION_BITS) - 1}'))"
_COUNTED = _POSITION + " NOT IN (SELECT position FROM recount_rejected WHERE is_dead_letter)"  # noqa: S608
# Of each event: its records, the latest of them, how often it stands, and the version that stands.
_COMPARED = f"""(
    SELECT id_hash, sum(record) AS records, max(published) AS latest, argMax(at, published) AS minute,
        sum(stored) AS standing, max(stands) AS version
    FROM (
        SELECT id_hash, 1 AS record, version AS published, minute AS at, 0 AS stored, toUInt128(0) AS stands
        FROM recount_events
        WHERE id_hash % {{slices}} = {{number}} AND {{counted}}
        UNION ALL
        SELECT {IDENTITY_HASH}, 0, toUInt128(0), 0, 1, version
        FROM events
        WHERE {IDENTITY_HASH} % {{slices}} = {{number}}
    )
    GROUP BY id_hash
)"""  # noqa: S608 - every part is written here
_COUNT = f"""
SELECT toUInt8(bitAnd(bitShiftRight(latest, 72), 255)) AS topic,
    countIf(standing > 0 AND version >= latest), countIf(standing = 0 AND minute < {{oldest}})
FROM {_COMPARED} WHERE records > 0 GROUP BY topic
"""  # noqa: S608 - every part is written here
_DIFFERENCES = f"""
SELECT records, latest, standing, version
FROM {_COMPARED}
WHERE if(standing = 0, minute >= {{oldest}}, (standing > 1 OR version != latest) AND {{counted}})
ORDER BY latest, version
"""  # noqa: S608
_REJECTED = """
SELECT position, max(is_dead_letter), max(is_too_old) FROM recount_rejected GROUP BY position ORDER BY position
"""


class TopicsCompared(Struct, frozen=True):
    """See `RecountResult`."""

    counts: tuple[TopicCount, ...]
    lost: Discrepancies
    stale: Discrepancies
    doubled: Discrepancies
    unknown: Discrepancies
    unaccounted: Discrepancies
    too_old: Discrepancies
    corrections: tuple[Correction, ...]


def compare_topics(client: Client, *, list_all: bool = False) -> TopicsCompared:
    """Read the topics again and compare them with what is stored; `list_all` lists every correction.

    Leaves temporary tables on the connection.
    """
    published = PublishedRecords()
    for table in _TABLES:
        client.execute(table)
    _load(client, published.scan())
    rejected = _count_rejected(client, published.begins)
    stored, expired = Counter[int](), Counter[int]()
    duplicates, corrected = Counter[int](), Counter[int]()
    corrections: list[Correction] = []
    counters = {kind: DiscrepancyCounter() for kind in ("lost", "stale", "doubled", "unknown")}
    for place in _slices(client):
        for topic, standing, gone in client.execute(_COUNT.format(**place)):
            stored[topic] += standing
            expired[topic] += gone
        for topic, alike, other in count_repeats(client, place):
            duplicates[topic] += alike
            corrected[topic] += other
        for row in client.execute_iter(_DIFFERENCES.format(**place)):
            _classify(counters, published.begins, row)
        if list_all:
            corrections += list_corrections(client, place)
    return TopicsCompared(
        counts=tuple(
            TopicCount(
                topic=topic_of(event_type),
                published=published.records[topic_of(event_type)],
                stored=stored[number],
                duplicates=duplicates[number],
                corrections=corrected[number],
                dead_lettered=rejected.dead[topic_of(event_type)],
                expired=expired[number],
            )
            for number, event_type in enumerate(EVENT_TYPES)
        ),
        unaccounted=rejected.unaccounted.result(),
        too_old=rejected.too_old.result(),
        corrections=tuple(sorted(corrections, key=lambda one: (one.after, one.before))),
        **{kind: counter.result() for kind, counter in counters.items()},
    )


def _load(client: Client, records: Iterator[PublishedEvent | RejectedRecord]) -> None:
    while batch := list(islice(records, _ROWS_AT_ONCE)):
        events = [record for record in batch if isinstance(record, PublishedEvent)]
        rejected = [record for record in batch if isinstance(record, RejectedRecord)]
        if events:
            client.execute("INSERT INTO recount_events (id_hash, version, minute, content) VALUES", events)
        if rejected:
            client.execute("INSERT INTO recount_rejected (position, is_dead_letter, is_too_old) VALUES", rejected)


class _Rejected:
    """Dead letters by topic, of records that are still there; records that should be dead letters and are not."""

    def __init__(self) -> None:
        self.dead: Counter[str] = Counter()
        self.unaccounted = DiscrepancyCounter()
        self.too_old = DiscrepancyCounter()


def _count_rejected(client: Client, begins: Mapping[TopicPartition, int]) -> _Rejected:
    counted = _Rejected()
    for position, is_dead_letter, is_too_old in client.execute_iter(_REJECTED):
        source = Source.of(position)
        if not is_dead_letter:
            counted.unaccounted.add(str(source))
        elif _is_there(source, begins):
            counted.dead[source.topic] += 1
            if is_too_old:
                counted.too_old.add(str(source))
    return counted


def _slices(client: Client) -> Iterator[dict[str, int | str]]:
    ((ids,),) = client.execute("SELECT (SELECT count() FROM recount_events) + (SELECT count() FROM events)")
    slices = ids // _IDS_AT_ONCE + 1
    for number in range(slices):
        yield {"slices": slices, "number": number, "oldest": oldest_derived(), "counted": _COUNTED}


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
