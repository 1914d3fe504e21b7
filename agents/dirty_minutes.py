"""Minutes whose events changed: their aggregates are derived again."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.batches import records_of, topic
from gapwatch.pipeline.kafka.topics import TOUCHED_TOPIC
from gapwatch.pipeline.worker.refresh import TouchedDelivery


@app.agent(topic(TOUCHED_TOPIC))
async def touched(stream: Any) -> None:
    async for event in stream.noack().events():
        delivery = TouchedDelivery(records_of(event), event.ack, event.message.is_current)
        await app.work.derivation.put(delivery)
