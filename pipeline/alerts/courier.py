"""Delivering alerts: every change to every target of its severity, tried until it is taken or too old."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gapwatch.pipeline.alerts.deliveries import Deliveries
from gapwatch.pipeline.alerts.message import Message, Writer
from gapwatch.pipeline.alerts.targets import Target, for_severity
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.signals.verdict import Signal

log = logger("gapwatch.alerts")

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
"""Pause after a failure, doubled each time. Robots of DingTalk and WeCom take 20 messages a minute."""

_ATTEMPTS_AT_ONCE = 20  # of ten seconds at most each, well within the five minutes that Kafka waits for the next poll


@dataclass
class _Pending:
    partition: int
    offset: int
    signal: Signal
    waiting: list[Target]
    taken: set[str] = field(default_factory=set)  # by the target, but not noted in the store yet
    attempts: Counter[str] = field(default_factory=Counter)
    due: dict[str, datetime] = field(default_factory=dict)


class Courier:
    """Holds what is not delivered yet. For one thread; the clock is given.

    What is taken by a target and noted in the store is never sent again. When the process dies between the two, or
    Kafka gives the partition to another worker just then, the alert may arrive twice; none is lost.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        writer: Writer,
        targets: Sequence[Target],
        *,
        max_age: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._deliveries = deliveries
        self._writer = writer
        self._targets = targets
        self._max_age = max_age
        self._clock = clock
        self._pending: list[_Pending] = []
        self._next: dict[int, int] = {}

    def take(self, partition: int, offset: int, signal: Signal) -> None:
        """Be responsible for a change from now on."""
        self._next[partition] = offset + 1
        if not signal.part_of:
            targets = for_severity(self._targets, signal.severity)
            self._pending.append(_Pending(partition, offset, signal, targets))

    def skip(self, partition: int, offset: int) -> None:
        """Nothing is to be done for this record."""
        self._next[partition] = offset + 1

    def drop(self, partitions: Collection[int]) -> None:
        """Forget what another worker now is responsible for."""
        self._pending = [pending for pending in self._pending if pending.partition not in partitions]
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in partitions}

    def offsets(self) -> dict[int, int]:
        """Per partition the offset before which everything is delivered."""
        offsets = dict(self._next)
        for pending in self._pending:
            offsets[pending.partition] = min(offsets[pending.partition], pending.offset)
        return offsets

    @property
    def undelivered(self) -> int:
        return len(self._pending)

    def work(self) -> None:
        """Try what is due. Raises StoreError; then nothing is lost, and `work` may be called again."""
        for pending, target in self._due():
            self._try(pending, target)
        self._pending = [pending for pending in self._pending if pending.waiting]

    def _due(self) -> Iterator[tuple[_Pending, Target]]:
        """In order, but a series whose last change has not reached a target waits there."""
        held: set[tuple[str, str]] = set()
        attempts = 0
        for pending in self._pending:
            for target in list(pending.waiting):
                line = (pending.signal.series.key, target.name)
                if line in held or attempts >= _ATTEMPTS_AT_ONCE:
                    continue
                if pending.due.get(target.name, self._clock()) <= self._clock():
                    attempts += 1
                    yield pending, target
                if target in pending.waiting:
                    held.add(line)

    def _try(self, pending: _Pending, target: Target) -> None:
        signal, name = pending.signal, target.name
        if name in pending.taken:
            self._deliveries.note(signal, name, "sent", pending.attempts[name])
        elif name not in self._deliveries.done(signal):
            if self._clock() - signal.minute > self._max_age:
                log.error("too old to be sent", target=name, measure=signal.series.measure, state=signal.state)
                self._deliveries.note(signal, name, "expired", pending.attempts[name])
            elif not self._send(pending, target):
                return
        pending.waiting.remove(target)

    def _send(self, pending: _Pending, target: Target) -> bool:
        message, name = self._message(pending.signal), target.name
        pending.attempts[name] += 1
        if target.send(message):
            pending.taken.add(name)
            self._deliveries.note(pending.signal, name, "sent", pending.attempts[name])
            log.info("sent", target=name, measure=pending.signal.series.measure, state=pending.signal.state)
            return True
        pause = min(FIRST_PAUSE * 2 ** min(pending.attempts[name] - 1, 10), LONGEST_PAUSE)
        pending.due[name] = self._clock() + pause
        log.warning("not sent", target=name, attempt=pending.attempts[name], again_in_seconds=pause.total_seconds())
        self._deliveries.note(pending.signal, name, "failed", pending.attempts[name])
        return False

    def _message(self, signal: Signal) -> Message:
        quotes = self._deliveries.quotes(signal) if signal.state != "recovered" else []
        return self._writer.write(signal, quotes)
