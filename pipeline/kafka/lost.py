"""Records that left their topic before a worker read them: by offsets, for the records themselves are gone."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Lost(NamedTuple):
    """Offsets of a partition that nobody read: from the first up to, not including, the next."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int


def count(lost: Iterable[Lost]) -> dict[str, int]:
    """How many offsets of each topic are lost. What is named twice counts once."""
    counts: Counter[str] = Counter()
    reached: dict[tuple[str, int], int] = {}
    for topic, partition, first, following in sorted(lost):
        begin = max(first, reached.get((topic, partition), 0))
        counts[topic] += max(0, following - begin)
        reached[topic, partition] = max(begin, following)
    return dict(+counts)
