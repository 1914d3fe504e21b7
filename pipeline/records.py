"""A Kafka record as the pipeline passes it on, whichever client read it."""

from collections.abc import Sequence
from typing import NamedTuple

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

    @property
    def published(self) -> int:
        """When it was first published, in milliseconds since 1970: replaying a record does not make it a later one."""
        if not self.headers:
            return self.timestamp
        told = dict(self.headers).get(SOURCE_TIMESTAMP_HEADER) or b""
        # Nothing was published after it was replayed.
        return min(int(told), self.timestamp) if told.isdigit() and len(told) < 20 else self.timestamp
