"""What integration tests share."""

from collections.abc import Callable, Iterator

import pytest
from support.sample_pipeline import World
from support.topic import Topic

from gapwatch.pipeline.settings import settings


@pytest.fixture
def topic(kafka: str, new_topic: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic of three partitions that every published event goes to, whatever its type."""
    name = new_topic(3)
    monkeypatch.setattr("gapwatch.pipeline.publishing.event_record.topic_of", lambda _event_type: name)
    return Topic(name, kafka)


@pytest.fixture
def world(event_topics: None, kafka: str, database: str, group: str) -> Iterator[World]:
    settings.cache_clear()  # the topics were made before the group was named
    made = World(kafka, database, group)
    yield made
    made.close()
