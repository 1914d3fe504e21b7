"""Duplicates and corrections: the records of events that have several, each compared with the one before it.

Both go by the order of publishing. A record that says the same as the one before it is a duplicate, any other a
correction: of first, second and first again, two records are corrections, for each changed what stands.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from clickhouse_driver import Client
from kafka import TopicPartition

from gapwatch.pipeline.events.decode import decode_record
from gapwatch.pipeline.events.identity import Identity
from gapwatch.pipeline.events.privacy import mask_identity
from gapwatch.pipeline.kafka.consumer import Consumer
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.maintenance.recount.content import content_of
from gapwatch.pipeline.maintenance.recount.result import Correction
from gapwatch.pipeline.maintenance.recount.source import Source, event_type_of

_PAIRS_AT_ONCE = 1_000
_POLL_MS = 1_000

_REPEATS = """(
    SELECT version, content, lagInFrame(version) OVER published AS before,
        lagInFrame(content) OVER published AS said_before, row_number() OVER published AS number
    FROM recount_events
    WHERE id_hash % {slices} = {number} AND {counted}
        AND id_hash IN (
            SELECT id_hash FROM recount_events WHERE id_hash % {slices} = {number} GROUP BY id_hash HAVING count() > 1
        )
    WINDOW published AS (PARTITION BY id_hash ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)"""
_COUNT = f"""
SELECT toUInt8(bitAnd(bitShiftRight(version, 72), 255)) AS topic,
    countIf(content = said_before), countIf(content != said_before)
FROM {_REPEATS} WHERE number > 1 GROUP BY topic
"""  # noqa: S608 - every part is written here
_LIST = f"SELECT before, version FROM {_REPEATS} WHERE number > 1 AND content != said_before ORDER BY version"  # noqa: S608


def count_repeats(client: Client, slice_: Mapping[str, int | str]) -> list[tuple[int, int, int]]:
    """Number of the topic, duplicates and corrections, of the events of a slice."""
    rows: list[tuple[int, int, int]] = client.execute(_COUNT.format(**slice_))
    return rows


def list_corrections(client: Client, slice_: Mapping[str, int | str]) -> Iterator[Correction]:
    """The corrections of a slice, in the order of publishing. What Kafka removes meanwhile is left out."""
    found = client.execute_iter(_LIST.format(**slice_))
    while pairs := list(islice(found, _PAIRS_AT_ONCE)):
        records = _read({Source.of(version) for pair in pairs for version in pair})
        for before, after in pairs:
            if Source.of(before) in records and Source.of(after) in records:
                yield _correction(before, after, records)


def _correction(before: int, after: int, records: Mapping[Source, Record]) -> Correction:
    sources = (Source.of(before), Source.of(after))
    event_type = event_type_of(after)
    first, second = (mask_identity(decode_record(event_type, records[source])) for source in sources)
    said, says = content_of(first), content_of(second)
    return Correction(
        **Identity.of(second)._asdict(),
        fields=tuple(name for name, value in says.items() if value != said[name]),
        before=str(sources[0]),
        after=str(sources[1]),
    )


def _read(sources: Iterable[Source]) -> dict[Source, Record]:
    """The records at these places, as far as they are still there."""
    wanted: dict[TopicPartition, deque[int]] = {}
    for source in sorted(sources):
        wanted.setdefault(TopicPartition(source.topic, source.partition), deque()).append(source.offset)
    found: dict[Source, Record] = {}
    with Consumer(enable_auto_commit=False, auto_offset_reset="earliest", group_id=None) as consumer:
        for partition, offsets in wanted.items():
            consumer.assign([partition])
            while offsets:
                consumer.seek(partition, offsets[0])
                for record in consumer.poll(timeout_ms=_POLL_MS).get(partition, ()):
                    found[Source(partition.topic, partition.partition, record.offset)] = Record.of(record)
                reached = consumer.position(partition)
                while offsets and offsets[0] < reached:
                    offsets.popleft()
    return found
