"""Dead letters: records that could not be processed, kept with the reason, replayed when the cause is gone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from pipeline.decode import Rejected
from pipeline.records import Record
from schemas.events import dead_letter_topic_of

_PREFIX = "gapwatch."


class DeadLetter(NamedTuple):
    """What a worker sends to the dead-letter topic: the record's own key and value, and why it is there."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @classmethod
    def of(cls, record: Record, rejected: Rejected, failed_at: datetime | None = None) -> "DeadLetter":
        """The dead letter of `record`, given up at `failed_at` (now unless given)."""
        told = {
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            "source-topic": record.topic,
            "source-partition": record.partition,
            "source-offset": record.offset,
            "source-timestamp": record.timestamp,
            "failed-at": (failed_at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
            "worker-version": _version(),
            "replays": replays_of(record.headers),
        }
        headers = [(_PREFIX + name, str(value).encode()) for name, value in told.items()]
        return cls(dead_letter_topic_of(record.topic), record.key, record.value, [*foreign(record.headers), *headers])


@cache
def _version() -> str:
    return version("gapwatch")


def foreign(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers that the publisher set."""
    return [(name, value) for name, value in headers if not name.startswith(_PREFIX)]


def replays_of(headers: Sequence[tuple[str, bytes]]) -> int:
    """How many times a record was replayed; 0 where the header is absent or no number."""
    counted = dict(headers).get(_PREFIX + "replays", b"")
    return int(counted) if counted.isdigit() else 0
