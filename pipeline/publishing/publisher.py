"""Publishing events: checked against the contract before they are sent, acknowledged by all in-sync replicas.

from gapwatch.pipeline.publishing.publisher import Publisher

with Publisher() as publisher:
    publisher.publish(Feedback(event_id="r-1", event_time=now, channel="app", customer_id="c-7", text="很好"))
"""

import contextlib
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, Self

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.producer.future import FutureRecordMetadata

from gapwatch.pipeline.errors import PublishError, summary
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.hosting.exits import at_exit
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.producer import DELIVERY_SECONDS, LOST_AFTER, drop
from gapwatch.pipeline.publishing.event_record import (
    EventRecord,
    largest_record,
    masking,
    record_of,
    too_large,
    unreachable,
)
from gapwatch.pipeline.words.catalogue import gettext_noop, message
from gapwatch.schemas.events import EVENT_TYPES, TYPE_NAMES, AnyEvent, EventType

# A full batch of reviews compresses four- to fivefold; waiting longer for one adds delay and hardly any ratio.
_BATCH_BYTES = 256 * 1024
_LINGER_MS = 20
# kafka-python buffers without limit; this many events of a kilobyte are some ten megabytes.
_MAX_UNACKNOWLEDGED = 10_000
_CONNECT_TIMEOUT_MS = 10_000
_METADATA_TIMEOUT_MS = 20_000
# How long it takes at the most to tell why Kafka did not take an event.
_DIAGNOSIS_TIMEOUT_MS = 5_000

log = logging.getLogger(__name__)

_PUBLISHERS: "weakref.WeakSet[Publisher]" = weakref.WeakSet()
_INHERITED: list[KafkaProducer] = []
"""Producers of the parent, in a child."""


class InvalidEventError(PublishError):
    """The event breaks the contract, or is larger than its topic takes. It was not sent."""

    def __init__(self, reason: Reason, detail: str, event_id: str = "") -> None:
        which = message("event {id}", id=event_id) if event_id else message("an event")
        told = gettext_noop("{which} was not published: {reason}: {detail}")
        super().__init__(told, which=which, reason=reason, detail=detail)
        self.reason = reason
        self.detail = detail


class DeliveryError(PublishError):
    """Kafka did not acknowledge the events named in `event_ids`. Publishing them again doubles nothing.

    Raised by `publish`, it names the event in hand too.
    """

    def __init__(self, event_ids: list[str], cause: object) -> None:
        others = message(" and {count} published after it", count=len(event_ids) - 1) if len(event_ids) > 1 else ""
        told = gettext_noop("Kafka did not accept event {event_id}{others}: {error}")
        super().__init__(told, event_id=event_ids[0], others=others, error=cause)
        self.event_ids = event_ids


class _Sent(NamedTuple):
    topic: str
    event_id: str
    future: FutureRecordMetadata


class Publisher:
    """Sends events to their topics in compressed batches, each record exactly once per session.

    Records with one `event_id` keep their order, so that of two versions of an event the later published stands.
    Threads may share a publisher; what one of them is told of lost events names those of all.

    A process that is forked from one with a publisher may use it: at its first event it connects by itself. What its
    parent has published before is the parent's to deliver.
    """

    _lock: threading.RLock
    _sent: deque[_Sent]
    _acknowledged: int
    _without_gap: bool
    _producer: KafkaProducer | None
    _forget_exit: Callable[[], object]

    def __init__(self, *, mask: bool = False, **options: Any) -> None:
        """`mask` takes personal data out of events before they are sent, as workers do, with the key of the settings.

        `options` are those of kafka-python's producer and win over the settings.
        Raises PublishError when Kafka cannot be reached, or when the packages that masking needs are not installed;
        SettingsError when the key cannot be read.
        """
        self._mask = masking() if mask else None
        self._client = client_options() | {"bootstrap_timeout_ms": _CONNECT_TIMEOUT_MS}
        self._largest = largest_record(self._client)
        self._options = {
            "acks": "all",
            "allow_auto_create_topics": False,
            "batch_size": min(_BATCH_BYTES, self._largest),
            "compression_type": "lz4",
            "delivery_timeout_ms": DELIVERY_SECONDS * 1_000,
            "enable_idempotence": True,
            "linger_ms": _LINGER_MS,
            "max_block_ms": _METADATA_TIMEOUT_MS,
            "max_request_size": self._largest,
            **self._client,
            **options,
        }
        self._closed = False
        self._begin()
        self._producer = self._connect()
        _PUBLISHERS.add(self)

    def _begin(self) -> None:
        """Nothing is sent and nothing connected, in this process."""
        self._lock = threading.RLock()
        self._sent = deque()
        self._acknowledged = 0
        self._without_gap = True
        self._producer = None
        self._forget_exit = _nothing

    @property
    def acknowledged(self) -> int:
        """How many events Kafka has acknowledged, in the order of publishing up to the first that it did not."""
        with self._lock:
            while self._sent and self._sent[0].future.succeeded():
                self._settle_oldest()
            return self._acknowledged

    def publish(self, event: AnyEvent | Mapping[str, Any] | bytes, event_type: EventType | None = None) -> None:
        """Check an event and hand it to the sender; returns before Kafka has acknowledged it.

        `event_type` is needed for a mapping or JSON bytes.
        Raises InvalidEventError for this event; DeliveryError for this event and perhaps earlier ones; PublishError
        when the publisher is closed; ValueError for an event type that is none.
        """
        kind = _type_of(event) if event_type is None else event_type
        if kind not in EVENT_TYPES:
            raise ValueError(f"there is no event type {kind!r}; the event types are: {', '.join(EVENT_TYPES)}")
        value = event if isinstance(event, bytes) else _encoded(event)
        try:
            record = record_of(kind, value, self._mask)
        except Rejected as rejected:
            raise InvalidEventError(rejected.reason, rejected.detail, _id_of(event)) from None
        with self._lock:
            if self._closed:
                raise PublishError(
                    "event {event_id} was not published: the publisher is closed", event_id=record.event_id
                )
            self._make_room(record.event_id)
            self._sent.append(_Sent(record.topic, record.event_id, self._send(record)))

    def flush(self) -> None:
        """Wait until Kafka has acknowledged everything published so far.

        Raises DeliveryError for what it did not.
        """
        with self._lock:
            while self._sent:
                self._settle_oldest()

    def close(self) -> None:
        """Flush and disconnect. Raises as `flush` does."""
        try:
            self.flush()
        finally:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._closed = True
            self._disconnect()

    def _connect(self) -> KafkaProducer:
        try:
            producer = KafkaProducer(**self._options)
        except KafkaError as error:
            raise unreachable(self._options, error) from error
        self._forget_exit()  # registered behind the producer, which gives its events a second when the process exits
        self._forget_exit = at_exit(self._on_exit)
        return producer

    def _on_exit(self) -> None:
        """What an application published and did not wait for is delivered before the process is gone."""
        try:
            self.close()
        except PublishError as error:
            log.error("%s", error)  # noqa: TRY400 - one clear line

    def _on_fork(self) -> None:
        """In the child, where the threads of the producer are not. Its connections are its parent's: they stay as they
        are, and so does the producer, which would end them with itself."""
        if self._producer is not None:
            self._producer._closed = True  # noqa: SLF001 - it closes itself when the process exits
            _INHERITED.append(self._producer)
        self._forget_exit()
        self._begin()

    def _disconnect(self) -> None:
        self._forget_exit()
        self._forget_exit = _nothing
        producer, self._producer = self._producer, None
        if producer is not None:
            drop(producer)

    def _send(self, record: EventRecord) -> FutureRecordMetadata:
        try:
            self._producer = self._producer or self._connect()
            return self._producer.send(record.topic, key=record.key, value=record.value)
        except MessageSizeTooLargeError:
            detail = too_large(record, self._largest)
            raise InvalidEventError(Reason.RECORD_TOO_LARGE, detail, record.event_id) from None
        except KafkaError as error:
            raise DeliveryError([record.event_id], self._reason(error, record.topic)) from error
        except PublishError as error:
            raise DeliveryError([record.event_id], error) from error

    def _make_room(self, in_hand: str) -> None:
        while self._sent and (self._sent[0].future.is_done or len(self._sent) >= _MAX_UNACKNOWLEDGED):
            self._settle_oldest(in_hand)

    def _settle_oldest(self, *in_hand: str) -> None:
        oldest = self._sent.popleft()
        try:
            oldest.future.get(timeout=LOST_AFTER * self._options["delivery_timeout_ms"] / 1_000)
        except KafkaError as error:
            self._give_up(oldest, error, in_hand)
        self._acknowledged += self._without_gap

    def _give_up(self, failed: _Sent, error: KafkaError, in_hand: tuple[str, ...]) -> NoReturn:
        """After a refusal an idempotent producer sends nothing more; the next event gets a new one."""
        self._without_gap = False
        self._disconnect()
        lost = [failed, *(sent for sent in self._sent if not sent.future.succeeded())]
        self._sent.clear()
        event_ids = [*(sent.event_id for sent in lost), *in_hand]
        raise DeliveryError(event_ids, self._reason(error, failed.topic)) from error

    def _reason(self, error: KafkaError, topic: str) -> str:
        """Why Kafka did not take an event: the client says of most reasons only that time has passed."""
        if not isinstance(error, KafkaTimeoutError):
            return summary(error)
        try:
            with contextlib.closing(
                KafkaAdminClient(**self._client | {"bootstrap_timeout_ms": _DIAGNOSIS_TIMEOUT_MS})
            ) as admin:
                known = topic in admin.list_topics()
        except KafkaError as unanswered:
            return unreachable(self._client, unanswered).message
        if not known:
            return message("Kafka knows no topic {topic}; create the topics with: gapwatch init", topic=topic)
        return message("Kafka answers, and did not take it in time: {error}", error=summary(error))


def _nothing() -> None:
    """In the place of what is to be called once something is there."""


def _after_fork() -> None:
    for publisher in list(_PUBLISHERS):
        publisher._on_fork()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)


def _type_of(event: object) -> EventType:
    if type(event) not in TYPE_NAMES:
        raise TypeError("event_type is needed for a mapping or JSON bytes")
    return TYPE_NAMES[type(event)]


def _encoded(event: AnyEvent | Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEventError(Reason.NOT_JSON, f"cannot be written as JSON: {error}", _id_of(event)) from None


def _id_of(event: AnyEvent | Mapping[str, Any] | bytes) -> str:
    known = event.get("event_id") if isinstance(event, Mapping) else getattr(event, "event_id", None)
    return known if isinstance(known, str) else ""
