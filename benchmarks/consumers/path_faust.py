"""Stock Faust with `take`: the same reading and sink. Arguments: bootstrap server, topic, group."""

import sys
from typing import Any

import faust
from same_path import BATCH, SamePath

from gapwatch.pipeline.kafka.records import Record

server, topic_name, group = sys.argv[1:]
path = SamePath()
app = faust.App(
    group,
    broker=f"kafka://{server}",
    broker_max_poll_records=BATCH,
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    table_standby_replicas=0,
    stream_buffer_maxsize=2 * BATCH,
    consumer_auto_offset_reset="earliest",
)
app._create_directories = lambda: None  # noqa: SLF001 - no tables here


@app.agent(app.topic(topic_name, value_serializer="raw", key_serializer="raw"))
async def read_and_store(stream: Any) -> None:
    async for events in stream.take_events(BATCH, within=0.5):
        path.take([record_of(event.message, event.value) for event in events])


def record_of(message: Any, value: bytes) -> Record:
    return Record(message.topic, message.partition, message.offset, round(message.timestamp * 1000), message.key, value)


faust.Worker(app, loglevel="error", quiet=True, redirect_stdouts=False).execute_from_commandline()
