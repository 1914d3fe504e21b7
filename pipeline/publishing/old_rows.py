"""Rows of a file that the store does not keep, because they are too old."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from gapwatch.pipeline.events.decode import EARLIEST
from gapwatch.pipeline.events.retention import oldest_kept
from gapwatch.pipeline.publishing.doubtful_ids import Found
from gapwatch.pipeline.publishing.files.shape import Row


class OldRows:
    """The rows of a file whose events are older than `oldest`, the first day that is kept."""

    def __init__(self) -> None:
        self.oldest = oldest_kept()
        self.found = Found()

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, looked at as they pass."""
        for row in rows:
            if EARLIEST <= _time_of(row) < self.oldest:
                self.found.add(row.line)
            yield row


class _Timed(msgspec.Struct):
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]


_DECODER = msgspec.json.Decoder(_Timed)
_NO_TIME = datetime.max.replace(tzinfo=UTC)


def _time_of(row: Row) -> datetime:
    """When the customer spoke; the end of time where the row does not tell: it is rejected, but not for its age."""
    try:
        return _DECODER.decode(row.value).event_time
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NO_TIME
