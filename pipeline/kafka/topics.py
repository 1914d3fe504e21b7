"""The topics of gapwatch: their names, and their creation before anybody subscribes."""

import contextlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from gapwatch.pipeline.endpoints import kafka_servers
from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting.retrying import Limits, is_settling, retrying
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import EVENT_TYPES, dead_letter_topic_of, topic_of

T = TypeVar("T")

DIRTY_MINUTES_TOPIC = "gapwatch.dirty-minutes"
"""Minutes whose events changed, for the derivation of the aggregates."""

SIGNALS_TOPIC = "signals"
"""Signals that opened, escalated or recovered, keyed by their series."""

REPLAYED_TOPIC = "gapwatch.replayed"
"""Which dead letters have been replayed: the key names one, there is no value to speak of."""

EVENT_TOPICS = tuple(topic_of(event_type) for event_type in EVENT_TYPES)
DEAD_LETTER_TOPICS = tuple(dead_letter_topic_of(topic) for topic in EVENT_TOPICS)
ALL_TOPICS = (*EVENT_TOPICS, *DEAD_LETTER_TOPICS, DIRTY_MINUTES_TOPIC, SIGNALS_TOPIC, REPLAYED_TOPIC)

MAX_RECORD_BYTES = 8 * 1024**2
"""Largest record of an event topic: a text of 1 MB or a chat of 10,000 turns, even with every character escaped."""

MAX_DEAD_LETTER_BYTES = MAX_RECORD_BYTES + 1024**2
"""A dead letter is the record that could not be processed plus its headers, so the largest record must still fit."""

DAY_MS = 86_400_000
# Of the topics that hold nothing a customer wrote.
_OWN_DAYS = 30
# The marks of replays outlive every dead letter.
_MARKS_LONGER = 10
_CREATE_TIMEOUT_MS = 30_000
_RECOVERY_SECONDS = 30.0
_ANSWER_MS = 8_000  # `gapwatch status` tells soon that nobody answers; a broker that hangs takes three seconds of it


# In half a minute a cluster also hands over what a broker that hangs was in charge of. Each attempt makes a client of
# its own: it would go on asking the coordinator that it found first.
@retrying(Limits(seconds=_RECOVERY_SECONDS, first_pause=0.4, longest_pause=0.4), is_settling).wraps
def _ask(question: Callable[[KafkaAdminClient], T], **options: Any) -> T:
    with contextlib.closing(KafkaAdminClient(**client_options(), **options)) as admin:
        return question(admin)


def ensure_topics(names: Iterable[str] = ALL_TOPICS) -> list[str]:
    """Create the topics that are missing and wait until each has leaders; returns the names of those created.

    Safe to call from any number of processes at once. Existing topics stay as they are.
    Raises StackError when Kafka refuses or cannot be reached.
    """
    wanted = {name: _creation(name) for name in names}
    try:
        created = _ask(lambda admin: _create(admin, wanted))
    except KafkaError as error:
        raise StackError("cannot create topics on {servers}: {error}", servers=kafka_servers(), error=error) from error
    if read := [name for name in created if name in EVENT_TOPICS]:
        with contextlib.suppress(KafkaError):  # workers that run, or whom alone Kafka lets commit, begin by themselves
            _ask(lambda admin: _begin(admin, settings().group, read))
    return created


class Progress(NamedTuple):
    """How far a group is: `lag` by topic, and the records that left before it read them and that it has yet to notice.

    Topics that do not exist are left out. Records of transactions that are open are no lag: nobody may read them yet.
    """

    lag: dict[str, int]
    lost: list[Lost]


def lag(group: str, topics: Collection[str] = EVENT_TOPICS) -> dict[str, int]:
    """Records of each topic that the group has not committed yet, as `progress` says and raises."""
    return progress(group, topics).lag


def progress(group: str, topics: Collection[str] = EVENT_TOPICS) -> Progress:
    """How far the group is. Raises kafka.errors.KafkaError when Kafka cannot be reached."""
    return _ask(lambda admin: _progress(admin, group, topics), bootstrap_timeout_ms=_ANSWER_MS)


def _progress(admin: KafkaAdminClient, group: str, topics: Collection[str]) -> Progress:
    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics([name for name in admin.list_topics() if name in topics])
        for partition in topic["partitions"]
    ]
    committed = admin.list_group_offsets(group).get(group, {})
    begin = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST), isolation_level="read_committed")
    found = Progress({}, [])
    for place in partitions:
        first, last = begin[place].offset, end[place].offset
        done = committed[place].offset if place in committed else first
        if done < first:
            found.lost.append(Lost(place.topic, place.partition, done, first))
        if not first <= done <= last:
            done = first
        found.lag[place.topic] = found.lag.get(place.topic, 0) + last - done
    return found


def _create(admin: KafkaAdminClient, wanted: dict[str, dict[str, object]]) -> list[str]:
    existing = set(admin.list_topics())
    missing = {name: creation for name, creation in wanted.items() if name not in existing}
    if missing:
        answer = admin.create_topics(missing, timeout_ms=_CREATE_TIMEOUT_MS, raise_errors=False)
        created = [topic["name"] for topic in answer["topics"] if _was_created(topic)]
    else:
        created = []
    admin.wait_for_topics(list(wanted), timeout_ms=_CREATE_TIMEOUT_MS)
    return created


def _begin(admin: KafkaAdminClient, group: str, topics: list[str]) -> None:
    """The group begins at the first record, also if that leaves the topic before any of its members has run."""
    begins = {
        TopicPartition(topic["name"], partition["partition_index"]): OffsetAndMetadata(0, "", -1)
        for topic in admin.describe_topics(topics)
        for partition in topic["partitions"]
    }
    for place, error in admin.alter_group_offsets(group, begins).items():
        if error is not NoError:
            raise error(f"{group} at {place}")


def _was_created(topic: dict[str, object]) -> bool:
    error = for_code(topic["error_code"])
    if error is TopicAlreadyExistsError:
        return False  # another worker was faster
    if topic["error_code"]:
        raise StackError(
            "Kafka refused to create topic {topic}: {problem}",
            topic=topic["name"],
            problem=topic.get("error_message") or error.__name__,
        )
    return True


def _creation(name: str) -> dict[str, object]:
    """Partitions, replicas (-1: the broker's default) and limits of a new topic."""
    in_force = settings()
    return {
        "num_partitions": in_force.partitions,
        "replication_factor": in_force.replication or -1,
        "configs": _limits(name),
    }


def retention_days_of(name: str) -> int:
    """Days that a topic keeps its records, by the settings."""
    if name == REPLAYED_TOPIC:
        return settings().dead_letter_retention_days + _MARKS_LONGER
    if name in DEAD_LETTER_TOPICS:
        return settings().dead_letter_retention_days
    return settings().topic_retention_days if name in EVENT_TOPICS else _OWN_DAYS


def _limits(name: str) -> dict[str, str]:
    kept = {"retention.ms": str(retention_days_of(name) * DAY_MS)}
    if name == REPLAYED_TOPIC:
        return kept
    largest = MAX_DEAD_LETTER_BYTES if name in DEAD_LETTER_TOPICS else MAX_RECORD_BYTES
    # By the broker's clock: a publisher may stamp its records with times of last year, which would be removed before
    # they are read.
    by_arrival = {"message.timestamp.type": "LogAppendTime"} if name in EVENT_TOPICS else {}
    return {"max.message.bytes": str(largest)} | kept | by_arrival
