"""Checking a whole file: what is wrong by line, and what the events would be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.publishing.advice import advice
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.publishing.rejects import Rejects
from gapwatch.schemas.events import AnyEvent, Chat, EventType

SAMPLES = 5


@dataclass
class Checked:
    """What a file holds: `rows` of it and the `events` that they make, and the first events as they would be published.

    `earliest` and `latest` are the times of events at the edges, `conversations` how many there are.
    """

    rows: int = 0
    events: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    samples: list[bytes] = field(default_factory=list)
    _conversations: set[int] = field(default_factory=set)

    @property
    def conversations(self) -> int:
        return len(self._conversations)

    def add(self, event: AnyEvent, value: bytes) -> None:
        self.events += 1
        self.earliest = min(self.earliest or event.event_time, event.event_time)
        self.latest = max(self.latest or event.event_time, event.event_time)
        if len(self.samples) < SAMPLES:
            self.samples.append(value)
        if isinstance(event, Chat):
            self._conversations.add(hash(event.conversation_id))


def check_rows(event_type: EventType, rows: Iterable[Row], rejects: Rejects) -> Checked:
    """Check every row against the contract."""
    now = datetime.now(UTC)
    checked = Checked()
    for row in rows:
        checked.rows += row.rows
        if row.skipped:
            rejects.skip(row)
            continue
        try:
            checked.add(_event(event_type, row, now), row.value)
        except Rejected as rejected:
            rejects.add(row, rejected.reason, advice(event_type, row, rejected))
    return checked


def _event(event_type: EventType, row: Row, now: datetime) -> AnyEvent:
    if row.fault:
        raise row.fault
    return decode(event_type, row.value, now)
