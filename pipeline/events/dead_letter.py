"""Dead letters: records that could not be processed, with the reason. What they look like, made and read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.kafka.bounded_batch import Unread
from gapwatch.pipeline.kafka.records import Record, number_of
from gapwatch.pipeline.kafka.topics import MAX_RECORD_BYTES
from gapwatch.schemas.events import dead_letter_topic_of

# Of what the publisher wrote, before compression: with room for our headers, and for lz4, which adds half a percent to
# what it cannot make smaller. Publishers compress too, so that larger records than this pass through an event topic.
_LARGEST_BYTES = MAX_RECORD_BYTES + 512 * 1024
_LENGTHS = 10  # at the most, of a header's name and value
_PREFIX = "gapwatch."
REPLAYS_HEADER = _PREFIX + "replays"


class DeadLetter(NamedTuple):
    """What a worker sends to the dead-letter topic: the record's own key and value, and why it is there.

    Of a record too large to lie in that topic it tells why and where the record is, and how large.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @classmethod
    def of(cls, record: Record, rejected: Rejected, failed_at: datetime | None = None) -> "DeadLetter":
        """The dead letter of `record`, given up at `failed_at` (now unless given)."""
        headers = foreign(record.headers)
        size = (
            len(record.key or b"")
            + len(record.value or b"")
            + sum(_LENGTHS + len(n.encode()) + len(v) for n, v in headers)
        )
        unread = Unread.of(record.headers)
        fits = not unread and size <= _LARGEST_BYTES
        told = {
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            "source-topic": record.topic,
            "source-partition": record.partition,
            "source-offset": record.offset,
            "source-timestamp": record.published,
            "failed-at": (failed_at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
            "worker-version": _version(),
            "replays": _number(record.headers, "replays", 0),
            "left-out": unread.size if unread else 0 if fits else size,
        }
        ours = [(_PREFIX + name, str(value).encode()) for name, value in told.items()]
        topic = dead_letter_topic_of(record.topic)
        if unread:
            return cls(topic, record.key, None, ours)
        return cls(topic, record.key, record.value, [*headers, *ours]) if fits else cls(topic, None, None, ours)

    @property
    def source(self) -> tuple[str, bytes, bytes]:
        """Which record it is of."""
        told = dict(self.headers)
        return self.topic, told[_PREFIX + "source-partition"], told[_PREFIX + "source-offset"]


class StoredDeadLetter(NamedTuple):
    """A dead letter as it lies in its topic. What its headers do not tell is empty, or -1."""

    record: Record
    reason: str
    detail: str
    source_topic: str
    source_partition: int
    source_offset: int
    source_timestamp: int
    failed_at: str
    worker_version: str
    replays: int
    left_out: int

    @classmethod
    def of(cls, record: Record) -> "StoredDeadLetter":
        """Read the headers of a record of a dead-letter topic, whoever wrote it; never raises."""
        headers = record.headers
        return cls(
            record=record,
            reason=_text(headers, "reason"),
            detail=_text(headers, "detail"),
            source_topic=_text(headers, "source-topic"),
            source_partition=_number(headers, "source-partition", -1),
            source_offset=_number(headers, "source-offset", -1),
            source_timestamp=_number(headers, "source-timestamp", -1),
            failed_at=_text(headers, "failed-at"),
            worker_version=_text(headers, "worker-version"),
            replays=_number(headers, "replays", 0),
            left_out=_number(headers, "left-out", 0),
        )

    @property
    def name(self) -> str:
        """TYPE/PARTITION/OFFSET: how the commands call it."""
        return f"{self.record.topic.partition('.')[0]}/{self.record.partition}/{self.record.offset}"

    @property
    def mark(self) -> bytes:
        """What remembers that it was replayed: its place and, for topics may be made anew, its time."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}@{self.record.timestamp}".encode()


def foreign(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers that the publisher set."""
    # A header may be null in Kafka, which its producers in Python refuse.
    return [(name, value or b"") for name, value in headers if not name.startswith(_PREFIX)]


@cache
def _version() -> str:
    return version("gapwatch")


def _text(headers: Sequence[tuple[str, bytes]], name: str) -> str:
    told = dict(headers).get(_PREFIX + name) or b""
    return told.decode("utf-8", "replace")


def _number(headers: Sequence[tuple[str, bytes]], name: str, default: int) -> int:
    return number_of(headers, _PREFIX + name, default)
