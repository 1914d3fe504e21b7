"""An application that publishes while its broker is away, as the guide says: what an error names is published again."""

from datetime import UTC, datetime

import pytest
from support.fault_world import World, killed
from support.topic import Topic

from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.publishing.publisher import DeliveryError, Publisher
from gapwatch.schemas.events import Feedback

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SHORT = {"delivery_timeout_ms": 3_000, "request_timeout_ms": 1_000, "max_block_ms": 3_000}


def feedback(number: int) -> Feedback:
    now = datetime.now(UTC)
    return Feedback(event_id=f"e{number}", event_time=now, channel="app", customer_id=f"c{number}", text="很好")


def test_nothing_is_lost_while_a_broker_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapwatch.pipeline.publishing.publisher._CONNECT_TIMEOUT_MS", 2_000)
    monkeypatch.setattr("gapwatch.pipeline.publishing.publisher._DIAGNOSIS_TIMEOUT_MS", 2_000)
    events = {event.event_id: event for event in map(feedback, range(40))}
    named: list[str] = []
    with Publisher(**SHORT) as publisher:
        before, during = list(events.values())[:20], list(events.values())[20:]
        for event in before:
            publisher.publish(event)
        publisher.flush()
        with killed(world.stack.brokers[0]):
            for event in during[:3]:
                publisher.publish(event)
            with pytest.raises(DeliveryError, match="cannot reach Kafka") as lost:
                publisher.flush()
            named += lost.value.event_ids
            with pytest.raises(DeliveryError, match="cannot reach Kafka") as lost:
                publisher.publish(during[3])
            named += lost.value.event_ids
        assert named == [event.event_id for event in during[:4]]
        for event_id in named:
            publisher.publish(events[event_id])
        for event in during[4:]:
            publisher.publish(event)
        publisher.flush()
    found = [
        decode("feedback", record.value).event_id for record in Topic("feedback.events", world.stack.kafka).records()
    ]
    assert sorted(found) == sorted(events)
