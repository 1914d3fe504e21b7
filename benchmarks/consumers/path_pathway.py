"""Pathway with a UDF on batches: the same reading and sink. Arguments: bootstrap server, topic, group.

A subscriber is called row by row, a UDF with `max_batch_size` is not, so the UDF stores too. Rows come in the engine's
order, which the store does not mind. One worker; no persistence, because it would write every record to disk once more
and no other runner here does; a bounded backlog, as Pathway advises for a topic that is read from its beginning.
"""

import sys

import pathway as pw
from same_path import BATCH, SamePath

from gapwatch.pipeline.kafka.records import Record

server, topic, group = sys.argv[1:]
COMMIT_MILLISECONDS = 100
# Ten batches: enough that the engine never waits for the connector.
BACKLOG = 10 * BATCH
path = SamePath()


# Deterministic: Pathway keeps no results to take rows back with; no record of a topic is ever taken back.
@pw.udf(max_batch_size=BATCH, deterministic=True)
def take(
    keys: list[bytes], values: list[bytes], partitions: list[int], offsets: list[int], timestamps: list[int]
) -> list[bool]:
    columns = zip(partitions, offsets, timestamps, keys, values, strict=True)
    path.take([Record(topic, *columns_of_one) for columns_of_one in columns])
    return [True] * len(keys)


messages = pw.io.kafka.read(
    {"bootstrap.servers": server, "group.id": group, "auto.offset.reset": "earliest"},
    topic,
    format="raw",
    autogenerate_key=True,  # else a later event with the same key would replace an earlier one
    with_metadata=True,
    autocommit_duration_ms=COMMIT_MILLISECONDS,
    max_backlog_size=BACKLOG,
)
about = pw.this._metadata  # noqa: SLF001 - the column's name
taken = messages.select(
    taken=take(
        pw.this.key,
        pw.this.data,
        about["partition"].as_int(unwrap=True),
        about["offset"].as_int(unwrap=True),
        about["timestamp_millis"].as_int(unwrap=True),
    )
)
pw.io.null.write(taken)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
