"""The record of Kafka that carries an event: one way to make it, for the SDK, the command line and the gateway."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.events.decode import decode
from gapwatch.schemas.events import EVENT_TYPES, AnyEvent, EventType, topic_of

# What Kafka takes where nobody said otherwise, for clients that may not ask the broker.
_DEFAULT_RECORD_BYTES = 1024**2

Mask = Callable[[AnyEvent], tuple[AnyEvent, bytes]]


class EventRecord(NamedTuple):
    """A record to be sent. `event_id` and `channel` are those that the publisher gave, before any masking."""

    topic: str
    key: bytes
    value: bytes
    event_id: str
    channel: str


def record_of(event_type: EventType, value: bytes, mask: Mask | None = None) -> EventRecord:
    """The record of an event, given as its JSON; its key is `event_id`, so that all versions keep their order.

    Raises decode.Rejected for what is no event of this type.
    """
    event = sent = decode(event_type, value)
    if mask:
        sent, value = mask(event)
    return EventRecord(topic_of(event_type), sent.event_id.encode(), value, event.event_id, event.channel)


def masking() -> Mask:
    """Masking before Kafka, with the key of the settings.

    Raises PublishError when the packages that it needs are not installed, SettingsError when there is no key.
    """
    try:
        import rjieba  # noqa: F401, PLC0415 - it is loaded at the first name, which would be too late to say so

        from gapwatch.pipeline.events.privacy.pseudonyms import require_key  # noqa: PLC0415 - others need no packages
        from gapwatch.pipeline.publishing.masking import mask_before_publishing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise PublishError("masking needs {package}: pip install 'gapwatch[worker]'", package=error.name) from error
    require_key()
    return mask_before_publishing


def too_large(record: EventRecord, largest: int) -> str:
    """What is wrong with a record that is larger than the topics take."""
    return f"{len(record.value):,} bytes, and the topics take {largest:,}"


def largest_record(client: Mapping[str, Any]) -> int:
    """The smallest limit of the event topics: a larger record would fail only at the broker, and others with it."""
    limit = {"max.message.bytes": None}
    topics = [ConfigResource(ConfigResourceType.TOPIC, topic_of(kind), limit) for kind in EVENT_TYPES]
    try:
        admin = KafkaAdminClient(**client)
    except KafkaError as error:
        raise unreachable(client, error) from error
    try:
        answer = admin.describe_configs(topics, config_filter=ConfigFilterType.ALL)["topic"]
    except KafkaError:
        return _DEFAULT_RECORD_BYTES
    finally:
        admin.close()
    limits = [int(configs["max.message.bytes"]["value"]) for configs in answer.values() if configs]
    return min(limits, default=_DEFAULT_RECORD_BYTES)


def unreachable(options: Mapping[str, Any], error: KafkaError) -> PublishError:
    """The error that tells which servers did not answer."""
    return PublishError(
        "cannot reach Kafka at {servers}: {error}", servers=",".join(options["bootstrap_servers"]), error=error
    )
