"""How long a producer of kafka-python is waited for, and its end."""

import contextlib

from kafka import KafkaProducer
from kafka.errors import KafkaError

DELIVERY_SECONDS = 120
"""How long Kafka has to acknowledge a record of which somebody waits for the publication."""

LOST_AFTER = 1.5
"""After so many times what it had, a record is lost: while its broker was killed the client was seen to lose a batch,
which neither arrived nor expired, and was waited for until the process was stopped."""


def drop(producer: KafkaProducer, seconds: float = 10.0) -> None:
    """End a producer and its thread; what is not acknowledged in `seconds` is given up. Raises nothing.

    `KafkaProducer.close` flushes first, and where that fails it raises and leaves the thread at work.
    """
    try:
        producer.close(timeout=seconds)
    except KafkaError:
        producer._sender.force_close()  # noqa: SLF001 - there is no other way
        with contextlib.suppress(KafkaError):
            producer.close(timeout=seconds)
