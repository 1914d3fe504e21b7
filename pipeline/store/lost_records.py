"""Records that left their topic before a worker read them, noted so that no restart forgets them."""

from clickhouse_driver import Client

from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.store.connection import ClickHouse

_INSERT = "INSERT INTO lost_records (consumer_group, topic, partition, first_offset, next_offset) VALUES"
_NOTED = """
SELECT topic, partition, first_offset, max(next_offset) FROM lost_records
WHERE consumer_group = %(group)s GROUP BY topic, partition, first_offset
"""


class LostRecords:
    """What a consumer group has lost in the last four weeks. Methods raise what `clickhouse` raises."""

    def __init__(self, clickhouse: ClickHouse | Client, group: str) -> None:
        self._clickhouse = clickhouse
        self._group = group

    def note(self, lost: Lost) -> None:
        """Keep it. Noting it again changes nothing."""
        self._clickhouse.execute(_INSERT, [(self._group, *lost)])

    def noted(self) -> list[Lost]:
        """What was kept, in no order; ranges may overlap."""
        return [Lost(*row) for row in self._clickhouse.execute(_NOTED, {"group": self._group})]
