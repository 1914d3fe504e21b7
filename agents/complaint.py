"""Complaints on their way to ClickHouse."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.transport.driver import BatchSchema
from gapwatch.pipeline.worker.ingest import Batch
from gapwatch.schemas.events import topic_of


@app.agent(app.topic(topic_of("complaint"), schema=BatchSchema()))
async def complaint(stream: Any) -> None:
    async for event in stream.noack().events():
        await app.runtime.ingest.put(Batch("complaint", event.value, event.ack, event.message.is_current))
