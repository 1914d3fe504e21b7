"""What integration tests share."""

from collections.abc import Callable

import pytest
from kafka_topic import Topic

from pipeline import publish


@pytest.fixture
def topic(kafka: str, new_topic: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic of three partitions that every published event goes to, whatever its type."""
    name = new_topic(3)
    monkeypatch.setattr(publish, "topic_of", lambda _event_type: name)
    return Topic(name, kafka)
