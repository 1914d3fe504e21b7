"""Whether the servers answer: what goes wrong is a line in the result."""

import pytest
from kafka.errors import KafkaTimeoutError

from gapwatch.pipeline.endpoints import Endpoints
from gapwatch.pipeline.maintenance import health


def test_a_failure_without_a_message_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: str) -> None:
        raise EOFError

    def silent(_: str) -> None:
        raise KafkaTimeoutError

    monkeypatch.setattr(health, "_stored", closed)
    monkeypatch.setattr(health, "progress", silent)
    found = health.examine(Endpoints("one:9092", "clickhouse://one:9000/db"))
    assert found.problems == [
        "Kafka at one:9092 does not answer: KafkaTimeoutError",
        "ClickHouse does not answer: EOFError",
    ]
