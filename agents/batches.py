"""What the agents of the event topics share: hand each batch to the ingest, acknowledge it once it is stored."""

from typing import Any

from gapwatch.agents.app import app
from gapwatch.agents.transport.driver import BatchSchema
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.worker import metrics
from gapwatch.pipeline.worker.ingest import Batch
from gapwatch.schemas.events import EventType, topic_of


def topic(name: str) -> Any:
    """A topic whose messages are lists of records."""
    return app.topic(name, schema=BatchSchema())


def events_of(event_type: EventType) -> Any:
    return topic(topic_of(event_type))


async def take(event_type: EventType, stream: Any) -> None:
    """Pass on the batches of a stream. Nothing is raised into Faust, which would take it for done."""
    async for event in stream.noack().events():
        records = records_of(event)
        await app.runtime.ingest.put(Batch(event_type, records, event.ack, event.message.is_current))


def records_of(event: Any) -> list[Record]:
    records: list[Record] = event.value
    metrics.RECORDS.labels(event.message.topic).inc(len(records))
    metrics.BATCHES.labels(event.message.topic).inc()
    return records
