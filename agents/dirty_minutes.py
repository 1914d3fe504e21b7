"""Minutes whose events changed: their aggregates are derived again."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.transport.driver import BatchSchema
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.worker.refresh import DirtyBatch


@app.agent(app.topic(DIRTY_MINUTES_TOPIC, schema=BatchSchema()))
async def dirty_minutes(stream: Any) -> None:
    async for event in stream.noack().events():
        await app.runtime.refresher.put(DirtyBatch(event.value, event.ack, event.message.is_current))
