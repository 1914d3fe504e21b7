"""A Kafka record as the pipeline passes it on, whichever client read it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

SOURCE_TIMESTAMP_HEADER = "gapwatch.source-timestamp"
"""On dead letters and replayed records: the timestamp of the record they were first."""


class Record(NamedTuple):
    """One record; `timestamp` is Kafka's, in milliseconds since 1970. Records of one partition compare by offset."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    @classmethod
    def of(cls, found: Any) -> Self:
        """What kafka-python found. A null header is an empty one."""
        headers = tuple((name, value or b"") for name, value in found.headers)
        return cls(found.topic, found.partition, found.offset, found.timestamp, found.key, found.value, headers)

    @property
    def published(self) -> int:
        """When it was first published, in milliseconds since 1970: replaying a record does not make it a later one."""
        if not self.headers:
            return self.timestamp
        # Nothing was published after it was replayed.
        return min(number_of(self.headers, SOURCE_TIMESTAMP_HEADER, self.timestamp), self.timestamp)


def number_of(headers: Sequence[tuple[str, bytes]], name: str, default: int) -> int:
    """The number that a header tells, or `default` if it is not there or tells none."""
    told = dict(headers).get(name) or b""
    return int(told) if told.isdigit() and len(told) < 20 else default
