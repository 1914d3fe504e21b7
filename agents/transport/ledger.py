"""Which batches of a partition agents hold, and up to which offset everything before is acknowledged."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Protocol

from faust.types import TP


class Batch(Protocol):
    """A run of records of one partition. `next_offset` follows its last record, whatever gaps lie inside."""

    tp: TP
    next_offset: int
    size: int
    count: int
    acked: bool


class Ledger:
    """Counts batches, not offsets, so that gaps between or inside them (compaction, transaction markers) do not matter.

    Batches of a partition are entered in the order they are handed out. A batch that was forgotten (partition revoked,
    position moved) no longer counts, even if its acknowledgement comes later.
    """

    def __init__(self) -> None:
        self._held: dict[TP, deque[Batch]] = {}
        self._safe: dict[TP, int] = {}
        self._records_held: Counter[TP] = Counter()
        self.bytes_held = 0

    def enter(self, batch: Batch) -> None:
        """A batch is about to be handed to an agent."""
        self._held.setdefault(batch.tp, deque()).append(batch)
        self.bytes_held += batch.size
        self._records_held[batch.tp] += batch.count

    def pass_over(self, tp: TP, next_offset: int) -> None:
        """What follows, up to `next_offset`, is no record: the last batch reaches over it."""
        if held := self._held.get(tp):
            held[-1].next_offset = next_offset
        else:
            self._safe[tp] = next_offset

    def settle(self, tp: TP) -> None:
        """Move the safe offset of a partition past every leading batch that is acknowledged."""
        held = self._held.get(tp)
        while held and held[0].acked:
            batch = held.popleft()
            self._safe[tp] = batch.next_offset
            self.bytes_held -= batch.size
            self._records_held[tp] -= batch.count

    def safe_offset(self, tp: TP) -> int | None:
        """The offset that may be committed, or None if nothing was acknowledged since the partition was forgotten."""
        return self._safe.get(tp)

    def safe_offsets(self) -> Mapping[TP, int]:
        return self._safe

    def records_held(self, tp: TP) -> int:
        """Records of the partition in batches that are not yet behind the safe offset."""
        return self._records_held[tp]

    def held(self) -> list[Batch]:
        return [batch for held in self._held.values() for batch in held]

    def holds(self, batch: Batch) -> bool:
        """Whether acknowledging this batch still moves anything."""
        return any(batch is other for other in self._held.get(batch.tp, ()))

    def forget(self, partitions: Iterable[TP]) -> None:
        """The partitions are no longer ours, or will be read again from another offset."""
        for tp in partitions:
            self.bytes_held -= sum(batch.size for batch in self._held.pop(tp, ()))
            self._safe.pop(tp, None)
            self._records_held.pop(tp, None)

    def forget_all(self) -> None:
        self._held.clear()
        self._safe.clear()
        self._records_held.clear()
        self.bytes_held = 0
