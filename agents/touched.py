"""Minutes whose events changed: their aggregates are derived again."""

from typing import Any

from agents.app import app
from agents.events import records_of, topic
from pipeline.topics import TOUCHED_TOPIC
from pipeline.worker.touched import TouchedDelivery


@app.agent(topic(TOUCHED_TOPIC))
async def touched(stream: Any) -> None:
    async for event in stream.noack().events():
        delivery = TouchedDelivery(records_of(event), event.ack, event.message.is_current)
        await app.work.derivation.put(delivery)
