"""How long topics keep what was published raw: the settings, against what the topics do."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from gapwatch.pipeline.endpoints import kafka_servers
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.topics import DAY_MS, DEAD_LETTER_TOPICS, EVENT_TOPICS, REPLAYED_TOPIC, retention_days_of

_NAME = "retention.ms"
_TOPICS = (*EVENT_TOPICS, *DEAD_LETTER_TOPICS, REPLAYED_TOPIC)


class RetentionChange(NamedTuple):
    """A topic that keeps its records for other than the days of the settings; -1 days are for ever."""

    topic: str
    days: float
    wanted: int

    @property
    def shortens(self) -> bool:
        """Whether records are lost by it."""
        return self.days < 0 or self.wanted < self.days


def retention_changes() -> list[RetentionChange]:
    """The topics that keep their records longer or shorter than the settings say. Raises StackError."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, configs={_NAME: None}) for topic in _TOPICS]
    try:
        with contextlib.closing(KafkaAdminClient(**client_options())) as admin:
            answer = admin.describe_configs(asked, config_filter=ConfigFilterType.ALL)["topic"]
    except KafkaError as error:
        raise StackError(
            "cannot ask for the retention of topics on {servers}: {error}", servers=kafka_servers(), error=error
        ) from error
    kept = {topic: int(configs[_NAME]["value"]) / DAY_MS for topic, configs in answer.items() if configs}
    return [
        RetentionChange(topic, kept[topic], retention_days_of(topic))
        for topic in _TOPICS
        if topic in kept and kept[topic] != retention_days_of(topic)
    ]


def change_retention(changes: Iterable[RetentionChange]) -> None:
    """Have the topics keep their records as the settings say. Raises StackError."""
    wanted = [
        ConfigResource(ConfigResourceType.TOPIC, one.topic, configs={_NAME: str(one.wanted * DAY_MS)})
        for one in changes
    ]
    if not wanted:
        return
    try:
        with contextlib.closing(KafkaAdminClient(**client_options())) as admin:
            admin.alter_configs(wanted)
    except KafkaError as error:
        raise StackError(
            "cannot change the retention of topics on {servers}: {error}", servers=kafka_servers(), error=error
        ) from error
