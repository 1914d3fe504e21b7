"""Minutes whose events changed: their aggregates are derived again."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.batches import records_of, topic
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.worker.refresh import DirtyBatch


@app.agent(topic(DIRTY_MINUTES_TOPIC))
async def dirty_minutes(stream: Any) -> None:
    async for event in stream.noack().events():
        batch = DirtyBatch(records_of(event), event.ack, event.message.is_current)
        await app.runtime.refresher.put(batch)
