"""The publisher with a client that loses what it is given, as kafka-python's was seen to."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from gapwatch.pipeline.publishing.publisher import DeliveryError, Publisher
from gapwatch.schemas.events import Feedback


class Lost:
    """As `kafka.producer.future.FutureRecordMetadata` of a record that is neither acknowledged nor refused."""

    is_done = False

    def succeeded(self) -> bool:
        return False

    def get(self, timeout: float | None = None) -> None:
        assert timeout is not None, "this would wait for ever"
        raise KafkaTimeoutError(f"Timeout after waiting for {timeout} secs.")


class LosingProducer:
    def __init__(self, **_: Any) -> None:
        self._sender = SimpleNamespace(force_close=lambda: None)

    def send(self, *_: Any, **__: Any) -> Lost:
        return Lost()

    def close(self, timeout: float) -> None:
        raise KafkaTimeoutError("its flush found something unfinished")


class SlowProducer(LosingProducer):
    """Delivers while it is closed, as long as its sender was not told to drop what it holds."""

    def __init__(self, **_: Any) -> None:
        self.delivered: list[bool] = []
        self._sender = SimpleNamespace(force_close=lambda: self.delivered.append(False))

    def close(self, timeout: float) -> None:
        self.delivered.append(timeout > 0)


def test_what_was_published_before_an_error_of_the_caller_is_still_delivered(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher._largest_record", lambda _: 1_000_000)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", SlowProducer)
    publisher = Publisher()
    producer = publisher._producer

    def fail() -> None:
        with publisher:
            now = datetime.now(UTC)
            publisher.publish(Feedback(event_id="a", event_time=now, channel="app", customer_id="c", text="好"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert producer.delivered == [True]


def test_a_record_that_the_client_lost_is_not_waited_for_without_end(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher._largest_record", lambda _: 1_000_000)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", LosingProducer)
    now = datetime.now(UTC)
    publisher = Publisher()
    for event_id in ("a", "b"):
        publisher.publish(Feedback(event_id=event_id, event_time=now, channel="app", customer_id="c", text="好"))
    with pytest.raises(DeliveryError) as error:
        publisher.flush()
    assert error.value.event_ids == ["a", "b"]
    assert publisher.acknowledged == 0
