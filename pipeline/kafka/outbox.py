"""Messages that must be with Kafka before something else may happen: dead letters, dirty minutes."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError

from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.producer import LOST_AFTER, drop
from gapwatch.pipeline.kafka.topics import MAX_DEAD_LETTER_BYTES

# Kafka is asked again by the caller; waiting longer than this here would only hide that it does not answer.
_DELIVERY_SECONDS = 20
_FLUSH_SECONDS = LOST_AFTER * _DELIVERY_SECONDS


class Message(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> list[tuple[str, bytes]]: ...


class PlainMessage(NamedTuple):
    """A message without headers."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []  # noqa: RUF012 - never changed; NamedTuple has no default factory


class Outbox:
    """Sends messages and waits for their acknowledgement. For one thread."""

    def __init__(self) -> None:
        self._producer: KafkaProducer | None = None

    def deliver(self, messages: Sequence[Message]) -> None:
        """Return when all replicas in sync have the messages.

        Raises KafkaError when they may not; then some can have arrived, and all are to be delivered again.
        """
        if not messages:
            return
        try:
            producer = self._connected()
            pending = [self._send(producer, message) for message in messages]
            producer.flush(timeout=_FLUSH_SECONDS)
            for future in pending:
                future.get(timeout=0)
        except KafkaError:
            self.close()  # what it still holds would arrive beside the next attempt's
            raise

    def close(self) -> None:
        """Drop what is not acknowledged."""
        producer, self._producer = self._producer, None
        if producer is not None:
            drop(producer, 0)

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                **client_options(),
                acks="all",
                compression_type="lz4",
                delivery_timeout_ms=_DELIVERY_SECONDS * 1_000,
                request_timeout_ms=_DELIVERY_SECONDS * 1_000 // 2,
                max_block_ms=_DELIVERY_SECONDS * 1_000,
                linger_ms=5,
                batch_size=256 * 1024,
                max_request_size=MAX_DEAD_LETTER_BYTES,
            )
        return self._producer

    @staticmethod
    def _send(producer: KafkaProducer, message: Message) -> Any:
        # The client refuses a record with neither key nor value, though the log has such records.
        value = b"" if message.key is None and message.value is None else message.value
        return producer.send(message.topic, value, key=message.key, headers=message.headers)
