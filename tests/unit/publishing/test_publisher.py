"""The publisher with a client that loses what it is given, as kafka-python's was seen to."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from kafka.errors import KafkaTimeoutError, NotEnoughReplicasError

from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.events.decode import decode
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


class Refused(Lost):
    is_done = True

    def get(self, timeout: float | None = None) -> None:
        raise NotEnoughReplicasError


class RefusingProducer(LosingProducer):
    """Refuses its first record; so did the broker. The next producer takes all."""

    made: ClassVar[list["RefusingProducer"]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[bytes] = []
        self.made.append(self)

    def send(self, _topic: str, key: bytes, value: bytes) -> Any:
        self.sent.append(value)
        return Refused() if len(self.made) == 1 else Taken()

    def close(self, timeout: float) -> None:
        pass


class Taken(Lost):
    is_done = True

    def succeeded(self) -> bool:
        return True

    def get(self, timeout: float | None = None) -> None:
        pass


class SlowProducer(LosingProducer):
    """Delivers while it is closed, as long as its sender was not told to drop what it holds."""

    def __init__(self, **_: Any) -> None:
        self.delivered: list[bool] = []
        self._sender = SimpleNamespace(force_close=lambda: self.delivered.append(False))

    def close(self, timeout: float) -> None:
        self.delivered.append(timeout > 0)


def test_what_was_published_before_an_error_of_the_caller_is_still_delivered(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.largest_record", lambda _: 1_000_000)
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
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.largest_record", lambda _: 1_000_000)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", LosingProducer)
    now = datetime.now(UTC)
    publisher = Publisher()
    for event_id in ("a", "b"):
        publisher.publish(Feedback(event_id=event_id, event_time=now, channel="app", customer_id="c", text="好"))
    with pytest.raises(DeliveryError) as error:
        publisher.flush()
    assert error.value.event_ids == ["a", "b"]
    assert publisher.acknowledged == 0


def feedback(event_id: str) -> Feedback:
    return Feedback(event_id=event_id, event_time=datetime.now(UTC), channel="app", customer_id="c", text="好")


@pytest.fixture
def refusing(settings_env: pytest.MonkeyPatch) -> list[RefusingProducer]:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.largest_record", lambda _: 1_000_000)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", RefusingProducer)
    settings_env.setattr(RefusingProducer, "made", [])
    return RefusingProducer.made


def test_publishing_again_what_an_error_names_loses_nothing(refusing: list[RefusingProducer]) -> None:
    events = {event_id: feedback(event_id) for event_id in ("a", "b", "c")}
    named: list[list[str]] = []
    with Publisher() as publisher:
        for event in events.values():
            try:
                publisher.publish(event)
            except DeliveryError as error:
                named.append(error.event_ids)
                for event_id in error.event_ids:
                    publisher.publish(events[event_id])
    assert named == [["a", "b"]], "b was in hand when the loss of a was noticed"
    assert [decode("feedback", value).event_id for value in refusing[1].sent] == ["a", "b", "c"]


def test_a_type_that_is_none_is_named_beside_those_that_are(refusing: list[RefusingProducer]) -> None:
    with Publisher() as publisher, pytest.raises(ValueError, match=r"'review'.*feedback, complaint, chat"):
        publisher.publish({"event_id": "a"}, "review")  # type: ignore[arg-type]


def test_a_closed_publisher_takes_nothing(refusing: list[RefusingProducer]) -> None:
    publisher = Publisher()
    publisher.close()
    publisher.close()
    with pytest.raises(PublishError, match="closed"):
        publisher.publish(feedback("a"))
    assert len(refusing) == 1


def test_an_event_for_which_there_is_no_connection_is_named(
    refusing: list[RefusingProducer], settings_env: pytest.MonkeyPatch
) -> None:
    publisher = Publisher()
    publisher.publish(feedback("a"))
    with pytest.raises(DeliveryError):
        publisher.flush()

    def away(**_: Any) -> None:
        raise KafkaTimeoutError("Unable to bootstrap")

    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", away)
    with pytest.raises(DeliveryError, match=r"event b.*cannot reach Kafka at 127\.0\.0\.1:1") as error:
        publisher.publish(feedback("b"))
    assert error.value.event_ids == ["b"]
    publisher.close()


def test_that_no_broker_answers_is_told_from_a_missing_topic(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.largest_record", lambda _: 1_000_000)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher._DIAGNOSIS_TIMEOUT_MS", 300)
    settings_env.setattr("gapwatch.pipeline.publishing.publisher.KafkaProducer", LosingProducer)
    publisher = Publisher()
    publisher.publish(feedback("a"))
    with pytest.raises(DeliveryError, match=r"cannot reach Kafka at 127\.0\.0\.1:1"):
        publisher.flush()
