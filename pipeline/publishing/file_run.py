"""Publishing a whole file, row by row."""

from collections import deque
from collections.abc import Iterable

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.advice import advice
from gapwatch.pipeline.publishing.bookmark import Bookmark
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.publishing.publisher import InvalidEventError, Publisher
from gapwatch.pipeline.publishing.rejects import Rejects
from gapwatch.schemas.events import EventType

_ROWS_PER_SAVE = 1_000


def publish_rows(
    event_type: EventType, rows: Iterable[Row], publisher: Publisher, rejects: Rejects, bookmark: Bookmark | None = None
) -> int:
    """Publish the rows after the bookmark; returns how many Kafka acknowledged.

    The bookmark never passes a row that is not acknowledged, however the run ends.
    """
    run = _Run(publisher, bookmark)
    published_before = bookmark.line if bookmark else 0
    try:
        for row in rows:
            if row.line <= published_before:
                continue
            run.passed(row.line, published=_publish_row(event_type, row, publisher, rejects))
        publisher.flush()
    finally:
        run.save()
    return run.acknowledged


def _publish_row(event_type: EventType, row: Row, publisher: Publisher, rejects: Rejects) -> bool:
    if row.skipped:
        rejects.skip(row)
        return False
    try:
        if row.fault:
            raise row.fault
        publisher.publish(row.value, event_type)
    except (InvalidEventError, Rejected) as invalid:
        rejects.add(row, invalid.reason, advice(event_type, row, invalid))
        return False
    return True


class _Run:
    """The line up to which every row is acknowledged or rejected."""

    def __init__(self, publisher: Publisher, bookmark: Bookmark | None) -> None:
        self.acknowledged = 0
        self._publisher = publisher
        self._acknowledged_before = publisher.acknowledged
        self._bookmark = bookmark
        self._waiting: deque[int] = deque()
        self._last = bookmark.line if bookmark else 0
        self._since_save = 0

    def passed(self, line: int, *, published: bool) -> None:
        self._last = line
        if published:
            self._waiting.append(line)
        self._since_save += 1
        if self._since_save == _ROWS_PER_SAVE:
            self.save()

    def save(self) -> None:
        self._since_save = 0
        acknowledged = self._publisher.acknowledged - self._acknowledged_before
        for _ in range(acknowledged - self.acknowledged):
            self._waiting.popleft()
        self.acknowledged = acknowledged
        if self._bookmark:
            self._bookmark.save(self._waiting[0] - 1 if self._waiting else self._last)
