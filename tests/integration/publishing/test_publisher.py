import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import ClusterAuthorizationFailedError
from support.topic import Topic

from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.publishing.publisher import DeliveryError, InvalidEventError, Publisher
from gapwatch.schemas.events import AnyEvent, Chat, Complaint, EventType, Feedback, Turn

NOW = datetime.now(UTC)
SHARED: dict[str, Any] = {"event_time": NOW, "channel": "app", "customer_id": "c1"}


def feedback(number: int = 1, **changes: Any) -> Feedback:
    return Feedback(**{**SHARED, "event_id": f"e{number}", "text": "东西不错", **changes})


def chat(number: int = 1, **changes: Any) -> Chat:
    turns = [Turn(role="customer", text="在吗")]
    return Chat(**{**SHARED, "event_id": f"e{number}", "conversation_id": "k1", "turns": turns, **changes})


@pytest.fixture
def small_topic(topic: Topic) -> Topic:
    """The same, where the broker takes records of a kilobyte only."""
    admin = KafkaAdminClient(bootstrap_servers=topic.kafka)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs={"max.message.bytes": "1024"})])
    admin.close()
    return topic


def test_events_arrive_with_key_and_time(topic: Topic) -> None:
    events: list[AnyEvent] = [
        feedback(1),
        feedback(2, order_id="o1"),
        Complaint(**SHARED, event_id="e3", text="还没到", order_id="o1"),
        chat(4, order_id="o1"),
    ]
    before = datetime.now(UTC).timestamp()
    with Publisher() as publisher:
        for event in events:
            publisher.publish(event)
    records = sorted(topic.records(), key=lambda record: record.value)
    assert [record.key for record in records] == [b"e1", b"e2", b"e3", b"e4"]
    kinds: list[EventType] = ["feedback", "feedback", "complaint", "chat"]
    assert [decode(kind, record.value) for kind, record in zip(kinds, records, strict=True)] == events
    assert all(before * 1000 - 1 <= record.timestamp <= datetime.now(UTC).timestamp() * 1000 for record in records)


def test_a_mapping_and_bytes_are_published_as_given(topic: Topic) -> None:
    mapping = {**SHARED, "event_id": "e1", "text": "好", "event_time": NOW.isoformat(), "shop": 7}
    raw = b'{ "event_id":"e2", "event_time":"2026-01-02T03:04:05Z","channel":"qq","customer_id":"c", "text":"\\u597d"}'
    with Publisher() as publisher:
        publisher.publish(mapping, "feedback")
        publisher.publish(raw, "feedback")
    values = {record.value for record in topic.records()}
    assert raw in values
    assert any(b'"shop":7' in value for value in values)


def test_what_is_masked_before_it_is_sent(topic: Topic) -> None:
    told = {"customer_id": "13812345678", "text": "请打13812345678", "order_id": "张伟"}
    with Publisher(mask=True) as publisher:
        publisher.publish(feedback(1, **told))
        publisher.publish({**SHARED, **told, "event_id": "e2", "event_time": NOW.isoformat(), "手机": 1}, "feedback")
    records = topic.records()
    assert len(records) == 2
    for record in records:
        assert not any(secret in f"{record.key!r} {record.value.decode()}" for secret in ("12345678", "张伟"))
        event = decode("feedback", record.value)
        assert mask_event(event).event == event


def test_versions_of_one_event_keep_their_order_whatever_else_changes(topic: Topic) -> None:
    with Publisher(batch_size=1000, linger_ms=0) as publisher:
        for number in range(3000):
            publisher.publish(feedback(number % 7, customer_id=f"c{number % 5}", order_id=f"o{number}"))
        publisher.flush()
        assert publisher.acknowledged == 3000
    seen: dict[bytes, list[int]] = {}
    for record in topic.records():
        seen.setdefault(record.key, []).append(int((decode("feedback", record.value).order_id or "")[1:]))
    assert len(seen) == 7
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 3000


def test_threads_share_a_publisher(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapwatch.pipeline.publishing.publisher._MAX_UNACKNOWLEDGED", 50)
    with Publisher() as publisher:

        def work(start: int) -> None:
            for number in range(start, start + 300):
                publisher.publish(feedback(number))

        threads = [threading.Thread(target=work, args=(start * 300,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert publisher.acknowledged == 1200
    assert len({record.value for record in topic.records()}) == 1200


@pytest.mark.parametrize(
    ("event", "event_type", "reason"),
    [
        (feedback(channel="tiktok"), None, "unknown_channel"),
        (feedback(event_time=datetime(2026, 1, 1)), None, "time_without_offset"),  # noqa: DTZ001 - the mistake
        (feedback(text="\ud800"), None, "not_json"),
        ({"event_id": "e1"}, "feedback", "missing_field"),
        ({"event_id": "e1", "text": object()}, "feedback", "not_json"),
        (b"\xff", "chat", "not_utf8"),
        (chat(), "feedback", "missing_field"),
    ],
)
def test_what_breaks_the_contract_is_not_sent(topic: Topic, event: Any, event_type: Any, reason: str) -> None:
    with Publisher() as publisher:
        with pytest.raises(InvalidEventError, match=reason) as caught:
            publisher.publish(event, event_type)
        publisher.publish(feedback(2))
    assert caught.value.reason == reason
    assert len(topic.records()) == 1


def test_the_type_of_bytes_must_be_named(topic: Topic) -> None:
    with Publisher() as publisher, pytest.raises(TypeError, match="event_type"):
        publisher.publish(b"{}")


def test_a_record_larger_than_any_topic_takes_is_named(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    with Publisher(max_request_size=2000) as publisher:
        with pytest.raises(InvalidEventError, match=r"e1.*record_too_large"):
            publisher.publish(feedback(text="好" * 1000))
        publisher.publish(feedback(2))
    assert len(topic.records()) == 1


def incompressible(size: int) -> str:
    return "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(size))


def test_a_record_larger_than_this_broker_takes_is_named_and_harms_no_other(small_topic: Topic) -> None:
    with Publisher() as publisher:
        publisher.publish(feedback(1))
        with pytest.raises(InvalidEventError, match=r"e2.*record_too_large.*1,024"):
            publisher.publish(feedback(2, text=incompressible(2_000)))
        publisher.publish(feedback(3))
        publisher.flush()
        assert publisher.acknowledged == 2
    assert len(small_topic.records()) == 2


def test_what_the_broker_refuses_is_named_and_publishing_goes_on(small_topic: Topic) -> None:
    with Publisher(max_request_size=100_000, linger_ms=500, batch_size=100_000) as publisher:
        publisher.publish(feedback(1))
        publisher.flush()
        publisher.publish(feedback(2, text=incompressible(2_000)))
        publisher.publish(feedback(3))
        with pytest.raises(DeliveryError, match="event e2") as caught:
            publisher.flush()
        for number in (3, 4):
            publisher.publish(feedback(number))
        publisher.flush()
        assert publisher.acknowledged == 1
    assert caught.value.event_ids[0] == "e2"
    kept = {decode("feedback", record.value).event_id for record in small_topic.records()}
    assert kept == {"e1", "e3", "e4"}


def test_a_delivery_error_is_raised_on_leaving(small_topic: Topic) -> None:
    with pytest.raises(DeliveryError, match="event e1"), Publisher(max_request_size=100_000) as publisher:
        publisher.publish(feedback(1, text=incompressible(2_000)))


def test_a_client_that_may_not_ask_for_the_limit_takes_kafkas_default(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ClusterAuthorizationFailedError

    monkeypatch.setattr(KafkaAdminClient, "describe_configs", refused)
    with Publisher() as publisher:
        publisher.publish(feedback())
        with pytest.raises(InvalidEventError, match="1,048,576"):
            publisher.publish(chat(2, turns=[Turn(role="customer", text=incompressible(50_000))] * 8))
    assert len(topic.records()) == 1


def test_a_missing_topic_is_named_and_not_created(
    kafka: str, monkeypatch: pytest.MonkeyPatch, settings_env: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gapwatch.pipeline.publishing.event_record.topic_of", lambda _event_type: "absent")
    with Publisher(max_block_ms=500) as publisher, pytest.raises(PublishError, match="gapwatch init"):
        publisher.publish(feedback())
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    assert "absent" not in admin.list_topics()
    admin.close()


def test_kafka_out_of_reach_is_named(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr("gapwatch.pipeline.publishing.publisher._CONNECT_TIMEOUT_MS", 500)
    with pytest.raises(PublishError, match=r"127\.0\.0\.1:1"):
        Publisher()
