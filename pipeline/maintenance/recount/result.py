"""What a recount found."""

from msgspec import Struct

EXAMPLES = 20
"""Minutes and records that a result names of each kind; the counts are complete."""


class Discrepancies(Struct, frozen=True):
    """How many of one kind, and the first of them by name."""

    count: int = 0
    examples: tuple[str, ...] = ()


class DiscrepancyCounter:
    """Counts discrepancies of one kind as they are found."""

    def __init__(self) -> None:
        self._count = 0
        self._examples: list[str] = []

    def add(self, name: str) -> None:
        self._count += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(name)

    def result(self) -> Discrepancies:
        return Discrepancies(self._count, tuple(self._examples))


class Correction(Struct, frozen=True):
    """A record that says something else than the record of its event before it: the event, the fields that differ, and
    both records by their names.
    """

    event_type: str
    channel: str
    customer_id: str
    event_id: str
    fields: tuple[str, ...]
    before: str
    after: str


class TopicCount(Struct, frozen=True):
    """What became of the records of one topic.

    Of the records of one event one is `stored`. A duplicate says the same as the one before it, a correction something
    else. `expired` ones are older than the retention and no longer stored.
    """

    topic: str
    published: int
    stored: int
    duplicates: int
    corrections: int
    dead_lettered: int
    expired: int = 0

    @property
    def missing(self) -> int:
        """0 when everything published is accounted for."""
        accounted = self.stored + self.duplicates + self.corrections + self.dead_lettered + self.expired
        return self.published - accounted


class RecountResult(Struct, frozen=True):
    """What a recount found.

    `lost` are published events that are not stored, `stale` stored events of which a later version was published,
    `doubled` events that stand more than once, `unknown` stored events that no topic holds, `unaccounted` records that
    are neither an event nor a dead letter; each is named by its record. `too_old` are dead letters because the store
    keeps nothing of their age, `corrections` all corrections, where they were asked for. `aggregates` are the differing
    periods by view, `lag` the records by topic that the workers had not processed when the recount began, and `left`
    those that left the topic before a worker read them, in the last four weeks.
    """

    topics: tuple[TopicCount, ...]
    lost: Discrepancies
    stale: Discrepancies
    doubled: Discrepancies
    unknown: Discrepancies
    unaccounted: Discrepancies
    too_old: Discrepancies
    corrections: tuple[Correction, ...]
    aggregates: dict[str, Discrepancies]
    lag: dict[str, int]
    left: dict[str, int]

    @property
    def final(self) -> bool:
        """Whether the workers had processed everything."""
        return not any(self.lag.values())

    @property
    def differs(self) -> bool:
        """Whether anything is not as the topics say."""
        kinds = (self.lost, self.stale, self.doubled, self.unknown, self.unaccounted, *self.aggregates.values())
        gone = bool(self.left)
        return gone or any(kind.count for kind in kinds) or any(topic.missing for topic in self.topics)

    @property
    def exact(self) -> bool:
        """Whether everything was processed and nothing differs."""
        return self.final and not self.differs
