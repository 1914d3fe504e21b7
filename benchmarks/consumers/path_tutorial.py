"""As the tutorials write it: Faust event by event, jieba, SnowNLP, a row at a time. Arguments: server, topic, group."""

import asyncio
import json
import os
import sys
from datetime import datetime
from typing import Any

import faust
import jieba
from clickhouse_driver import Client
from snownlp import SnowNLP

server, topic_name, group = sys.argv[1:]
client = Client.from_url(os.environ["GAPWATCH_CLICKHOUSE"])
app = faust.App(
    group,
    broker=f"kafka://{server}",
    web_enabled=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
)
app._create_directories = lambda: None  # noqa: SLF001 - no tables here


@app.agent(app.topic(topic_name, value_serializer="raw"))
async def read_and_store(stream: Any) -> None:
    async for value in stream:
        event = json.loads(value)
        row = (
            event["event_id"],
            datetime.fromisoformat(event["event_time"]),
            event["product_id"],
            event["text"],
            jieba.lcut(event["text"]),
            SnowNLP(event["text"]).sentiments,
        )
        client.execute("INSERT INTO tutorial_events VALUES", [row])
        await asyncio.sleep(0)  # the group is kept


client.execute(
    "CREATE TABLE tutorial_events (event_id String, event_time DateTime64(3, 'UTC'), product_id String, text String, "
    "tokens Array(String), sentiment Float64) ENGINE = MergeTree ORDER BY event_time"
)
faust.Worker(app, loglevel="error", quiet=True, redirect_stdouts=False).execute_from_commandline()
