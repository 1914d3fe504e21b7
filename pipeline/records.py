"""A Kafka record as the pipeline passes it on, whichever client read it."""

from collections.abc import Sequence
from typing import NamedTuple


class Record(NamedTuple):
    """One record; `timestamp` is Kafka's, in milliseconds since 1970. Records of one partition compare by offset."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
