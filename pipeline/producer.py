"""The end of a producer of kafka-python."""

import contextlib

from kafka import KafkaProducer
from kafka.errors import KafkaError


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
