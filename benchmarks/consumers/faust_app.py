"""Faust, over the transport that the scheme names. Arguments: scheme, bootstrap server, topic, group, records."""

import sys
from typing import Any

import faust
from meter import Meter

from gapwatch.agents.transport.driver import SCHEME, BatchSchema

scheme, server, topic_name, group, records = sys.argv[1:]
meter = Meter(int(records))
app = faust.App(
    group,
    broker=f"{scheme}://{server}",
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
)
app._create_directories = lambda: None  # noqa: SLF001 - no tables here
batches = scheme == SCHEME
topic = app.topic(topic_name, **({"schema": BatchSchema()} if batches else {"value_serializer": "raw"}))


@app.agent(topic)
async def count(stream: Any) -> None:
    async for value in stream:
        meter.add(len(value) if batches else 1)


faust.Worker(app, loglevel="error", quiet=True, redirect_stdouts=False).execute_from_commandline()
