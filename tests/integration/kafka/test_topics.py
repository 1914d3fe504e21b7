"""Topics on a real broker."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.kafka.retention import change_retention, retention_changes
from gapwatch.pipeline.kafka.topics import (
    ALL_TOPICS,
    DEAD_LETTER_TOPICS,
    EVENT_TOPICS,
    MAX_RECORD_BYTES,
    ensure_topics,
    lag,
)
from gapwatch.pipeline.settings import settings

_MISSING = ["test-topics-1", "test-topics-2", "test-topics-3"]


def test_topics_are_created_once_by_workers_that_start_together(kafka: str) -> None:
    with ThreadPoolExecutor(4) as workers:
        created = [name for names in workers.map(lambda _: ensure_topics(_MISSING), range(4)) for name in names]
    assert sorted(created) == _MISSING
    assert ensure_topics(_MISSING) == []


def test_topics_have_the_partitions_that_the_settings_ask_for(
    admin: KafkaAdminClient, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("GAPWATCH_PARTITIONS", "7")
    assert ensure_topics(["test-topics-partitions"]) == ["test-topics-partitions"]
    [topic] = admin.describe_topics(["test-topics-partitions"])
    assert len(topic["partitions"]) == 7


def test_replication_beyond_the_brokers_is_told(kafka: str, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_REPLICATION", "3")
    with pytest.raises(StackError, match=r"refused to create topic test-topics-replication: .*replication"):
        ensure_topics(["test-topics-replication"])


def test_unreachable_kafka_is_told(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr(
        "kafka.KafkaAdminClient.DEFAULT_CONFIG", KafkaAdminClient.DEFAULT_CONFIG | {"bootstrap_timeout_ms": 100}
    )
    with pytest.raises(StackError, match=r"cannot create topics on .*127\.0\.0\.1:1"):
        ensure_topics()


def test_topics_keep_records_as_long_as_the_settings_say(
    kafka: str, event_topics: None, settings_env: pytest.MonkeyPatch
) -> None:
    def changes(days: str) -> list[tuple[str, float, int, bool]]:
        settings_env.setenv("GAPWATCH_TOPIC_RETENTION_DAYS", days)
        settings.cache_clear()
        return [(*change, change.shortens) for change in retention_changes()]

    assert changes("7") == []
    assert changes("9") == [(topic, 7, 9, False) for topic in EVENT_TOPICS]
    change_retention(retention_changes())
    assert changes("9") == []
    assert changes("7") == [(topic, 9, 7, True) for topic in EVENT_TOPICS]
    change_retention(retention_changes())
    assert changes("7") == []


def test_every_topic_takes_the_largest_record(kafka: str, event_topics: None) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka, max_request_size=2 * MAX_RECORD_BYTES)
    for topic in EVENT_TOPICS:
        producer.send(topic, bytes(MAX_RECORD_BYTES - 1024)).get(timeout=60)
    for topic in DEAD_LETTER_TOPICS:
        producer.send(topic, bytes(MAX_RECORD_BYTES), headers=[("reason", bytes(1024))]).get(timeout=60)
    producer.close()


def test_events_are_kept_from_their_arrival_on_whatever_time_their_publisher_says(
    kafka: str, event_topics: None
) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    before = time.time()
    for topic in EVENT_TOPICS:
        last_year = int((before - 365 * 86_400) * 1000)
        assert producer.send(topic, b"value", timestamp_ms=last_year).get().timestamp >= int(before * 1000)
    producer.close()


def test_no_topic_keeps_records_for_ever(admin: KafkaAdminClient, event_topics: None) -> None:
    for topic in ALL_TOPICS:
        configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]
        assert 0 < int(configs["retention.ms"]["value"]) <= 100 * 86_400_000


def test_lag_counts_what_the_group_has_not_committed(
    kafka: str, group: str, admin: KafkaAdminClient, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(2)
    assert lag(group, [topic, "test-topics-absent"]) == {topic: 0}

    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(5):
        producer.send(topic, b"value", partition=number % 2)
    producer.close()
    assert lag(group, [topic]) == {topic: 5}

    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(2, "", -1)})
    consumer.close()
    assert lag(group, [topic]) == {topic: 3}

    admin.delete_records({TopicPartition(topic, 1): 1})
    assert lag(group, [topic]) == {topic: 2}
