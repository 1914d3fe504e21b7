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
class _Letter:
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
        self._letters: list[_Letter] = []
        self._next: dict[int, int] = {}

    def take(self, partition: int, offset: int, signal: Signal) -> None:
        """Be responsible for a change from now on."""
        self._next[partition] = offset + 1
        if not signal.part_of:
            targets = for_severity(self._targets, signal.severity)
            self._letters.append(_Letter(partition, offset, signal, targets))

    def skip(self, partition: int, offset: int) -> None:
        """Nothing is to be done for this record."""
        self._next[partition] = offset + 1

    def drop(self, partitions: Collection[int]) -> None:
        """Forget what another worker now is responsible for."""
        self._letters = [letter for letter in self._letters if letter.partition not in partitions]
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in partitions}

    def offsets(self) -> dict[int, int]:
        """Per partition the offset before which everything is delivered."""
        offsets = dict(self._next)
        for letter in self._letters:
            offsets[letter.partition] = min(offsets[letter.partition], letter.offset)
        return offsets

    @property
    def undelivered(self) -> int:
        return len(self._letters)

    def work(self) -> None:
        """Try what is due. Raises StoreError; then nothing is lost, and `work` may be called again."""
        for letter, target in self._due():
            self._try(letter, target)
        self._letters = [letter for letter in self._letters if letter.waiting]

    def _due(self) -> Iterator[tuple[_Letter, Target]]:
        """In order, but a series whose last change has not reached a target waits there."""
        held: set[tuple[str, str]] = set()
        attempts = 0
        for letter in self._letters:
            for target in list(letter.waiting):
                line = (letter.signal.series.key, target.name)
                if line in held or attempts >= _ATTEMPTS_AT_ONCE:
                    continue
                if letter.due.get(target.name, self._clock()) <= self._clock():
                    attempts += 1
                    yield letter, target
                if target in letter.waiting:
                    held.add(line)

    def _try(self, letter: _Letter, target: Target) -> None:
        signal, name = letter.signal, target.name
        if name in letter.taken:
            self._deliveries.note(signal, name, "sent", letter.attempts[name])
        elif name not in self._deliveries.done(signal):
            if self._clock() - signal.minute > self._max_age:
                log.error("too old to be sent", target=name, measure=signal.series.measure, state=signal.state)
                self._deliveries.note(signal, name, "expired", letter.attempts[name])
            elif not self._send(letter, target):
                return
        letter.waiting.remove(target)

    def _send(self, letter: _Letter, target: Target) -> bool:
        message, name = self._message(letter.signal), target.name
        letter.attempts[name] += 1
        if target.send(message):
            letter.taken.add(name)
            self._deliveries.note(letter.signal, name, "sent", letter.attempts[name])
            log.info("sent", target=name, measure=letter.signal.series.measure, state=letter.signal.state)
            return True
        pause = min(FIRST_PAUSE * 2 ** min(letter.attempts[name] - 1, 10), LONGEST_PAUSE)
        letter.due[name] = self._clock() + pause
        log.warning("not sent", target=name, attempt=letter.attempts[name], again_in_seconds=pause.total_seconds())
        self._deliveries.note(letter.signal, name, "failed", letter.attempts[name])
        return False

    def _message(self, signal: Signal) -> Message:
        quotes = self._deliveries.quotes(signal) if signal.state != "recovered" else []
        return self._writer.write(signal, quotes)
