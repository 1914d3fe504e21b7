"""A Faust transport that hands agents lists of records.

Stock Faust passes each record through nine calls and a queue; here one message carries a list of consecutive records of
one partition, so that the cost is per batch. It is Faust's own aiokafka driver underneath: groups, rebalancing,
authentication and seeking are its code. What is replaced is what handles single records: the unpacking, the fetch loop,
the flow control and the bookkeeping of offsets.

    import gapwatch.agents.transport.driver                                 # registers the scheme
    app = faust.App("name", broker="batches://host:9092")
    topic = app.topic("name", schema=BatchSchema())

    @app.agent(topic)
    async def agent(stream):
        async for records in stream: ...                    # a list of Record; acknowledged when done with
        async for event in stream.noack().events(): ...     # or: event.value, and event.ack() when it is stored

What an agent may rely on:

- A record is a plain tuple with names: topic, partition, offset, timestamp, key, value and headers, as they are in the
  log. What aiokafka verifies is verified: checksums, control records, where a compacted log goes on.
- Records of a partition come in the order of the log, each once per assignment; batches hold up to
  `broker_max_poll_records` records (2,000 if unset) of one partition, and are never empty.
- Only an acknowledged batch behind which nothing is missing moves the committed offset, also after the first batch of a
  new group, also when the log has gaps. What ends a log without being a record, as the marker of a transaction, is
  committed too, so that the lag of a group with nothing to do is zero. A failed commit is tried again.
- Records in memory are bounded whatever the lag: a partition is not read further while the records of `HELD_BATCHES`
  full batches, or `HELD_BYTES` over all, are unacknowledged. Membership of the group is kept meanwhile.
- Records that left the log before they were read are told to an app that `HearsOfLoss`, and passed over. A topic that
  was deleted and made again is read from its first record.
- When partitions are revoked or the app stops, batches that an agent already took are waited for (`FINISH_SECONDS`)
  and committed; the others are dropped and read again by the next owner. `event.message.is_current()` is False from
  then on.

With `processing_guarantee="exactly_once"` Faust keeps offsets in transactions of its own: not supported here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

from aiokafka.errors import ConsumerStoppedError
from faust import Schema
from faust.exceptions import ImproperlyConfigured
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, AppT, ConsumerMessage, Message
from faust.types.tuples import ack_lock
from mode import ServiceT

from gapwatch.agents.transport.fetching import DEFAULT_BATCH_RECORDS, ConsumerThread
from gapwatch.agents.transport.ledger import Ledger
from gapwatch.agents.transport.unpacking import Taken
from gapwatch.pipeline.kafka.lost import Lost
from gapwatch.pipeline.kafka.records import Record

SCHEME = "batches"
# Enough for one batch with the agent, one waiting for it, and two on their way, so that a reader never waits for Kafka.
# Full ones: live records come in batches of a few, and four of these were out before the first could be stored.
HELD_BATCHES = 4
HELD_BYTES = 64 * 1024 * 1024
# Half of the shortest session timeout in use (10 s): a member that takes longer to give up its partitions holds up the
# whole group, and what it did not finish is done again by the next owner.
FINISH_SECONDS = 5.0
# While a partition waits for room, look again soon; the fetch of the others must not keep it waiting.
ROOM_POLL_SECONDS = 0.05


@runtime_checkable
class HearsOfLoss(Protocol):
    """An app that is told of records that left the log before they were read."""

    async def on_lost(self, lost: Lost) -> None:
        """Fetching goes on when this returns. What it raises ends the consumer, and the next one finds the same."""


class BatchSchema(Schema[Any, Any]):
    """Values are the lists of records as they come; there is no key of a batch."""

    def loads_key(self, app: AppT, message: Message, **options: Any) -> None:
        return None

    def loads_value(self, app: AppT, message: Message, **options: Any) -> list[Record]:
        return cast("list[Record]", message.value)


class BatchMessage(ConsumerMessage):
    """Consecutive records of one partition. `offset` is the first one's, `next_offset` where the next batch begins."""

    _acked = False

    def __init__(self, tp: TP, taken: Taken, ledger: Ledger, generation_id: int | None) -> None:
        self.ledger = ledger
        records = taken.records
        first, last = records[0], records[-1]
        super().__init__(
            tp.topic,
            tp.partition,
            first.offset,
            last.timestamp / 1000.0,
            cast("Any", taken.timestamp_type),
            None,
            None,
            cast("Any", records),
            None,
            tp=tp,
            generation_id=generation_id,
        )
        self.next_offset = cast("int", taken.next_offset)
        self.count = len(records)
        self.size = sum(_lengths(records, _KEY)) + sum(_lengths(records, _VALUE))

    # Faust acknowledges in three places (Message.ack, Consumer.ack, the compiled stream iterator), and all of them set
    # this attribute while they hold `ack_lock`.
    @property
    def acked(self) -> bool:
        return self._acked

    @acked.setter
    def acked(self, value: bool) -> None:
        self._acked = value
        if value:
            self.ledger.settle(self.tp)

    def is_current(self) -> bool:
        """False once the partition was revoked or moved: the batch will be delivered again, here or elsewhere."""
        return self.ledger.holds(self)


_KEY, _VALUE = itemgetter(Record._fields.index("key")), itemgetter(Record._fields.index("value"))


def _lengths(records: list[Record], part: Callable[[Record], bytes | None]) -> Iterator[int]:
    # No line of Python runs for each record here.
    return map(len, filter(None, map(part, records)))


class Consumer(stock.Consumer):
    """Delivers batches and keeps the offsets of batches."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.ledger = Ledger()
        # Held while the position of a partition is moved or a batch is entered, so that one follows the other.
        self._position = asyncio.Lock()
        self._finish_deadline: float | None = None
        self._commit_began: float | None = None
        super().__init__(*args, **kwargs)
        if self.in_transaction:
            raise ImproperlyConfigured(f"{SCHEME}:// does not support processing_guarantee='exactly_once'")

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_restart(self) -> None:
        self.ledger.forget_all()
        await super().on_restart()

    # Fetching.

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=1.0):
                    await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except (ConsumerStoppedError, asyncio.CancelledError):
            if self.transport.app.should_stop:
                self.log.info("Consumer stopped fetching")
                return
            raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, BatchMessage]]:  # noqa: ASYNC109
        fetched, _ = await self._wait_next_records(timeout)
        await self._follow_jumps()
        for tp, (taken, moves) in (fetched or {}).items():
            async with self._position:
                message = await self._admitted(tp, taken, moves)
            if message is not None:
                yield tp, message

    async def _follow_jumps(self) -> None:
        jumps = self._thread.take_jumps()
        # Before anything else runs, or an offset of the old log would be committed for the new one.
        self._begin_anew([tp for tp, jump in jumps.items() if jump.anew])
        for tp, jump in jumps.items():
            if jump.expected is not None and not jump.anew and isinstance(self.app, HearsOfLoss):
                await self.app.on_lost(Lost(tp.topic, tp.partition, jump.expected, jump.found))
            # Also where a group begins is committed, or it would not be known what leaves the log while nobody reads.
            if not jump.anew and tp in self.assignment():
                self.ledger.pass_over(tp, jump.found)

    async def _admitted(self, tp: TP, taken: Taken, moves: int) -> BatchMessage | None:
        if self._thread.moves[tp] != moves:
            return None  # read before the position was moved: what is to be delivered will be read from there
        if not taken.records:
            self.ledger.pass_over(tp, cast("int", taken.next_offset))
            return None
        if not self.flow_active or self.should_stop or tp in self._paused_partitions:
            if tp in self.assignment():
                await self._seek(tp, taken.records[0].offset)
            return None
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        message = BatchMessage(tp, taken, self.ledger, self.app.consumer_generation_id)
        self.ledger.enter(message)
        return message

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        active = active_partitions or set()
        room = {tp for tp in active if self._has_room(tp)}
        if len(room) < len(active):
            timeout = min(timeout, ROOM_POLL_SECONDS)
        records = await super()._getmany(room, timeout)
        if not room:
            await self.sleep(timeout)
        return records

    @cached_property
    def _held_records(self) -> int:
        """Of one partition at the most. Kept, because it is asked for often and Faust is slow to look a setting up."""
        return HELD_BATCHES * (self.app.conf.broker_max_poll_records or DEFAULT_BATCH_RECORDS)

    def _has_room(self, tp: TP) -> bool:
        return self.ledger.records_held(tp) < self._held_records and self.ledger.bytes_held < HELD_BYTES

    @property
    def silent_seconds(self) -> float:
        """How long no broker has answered, while records are waited for: Kafka is away, or cannot be reached."""
        # Without partitions, and while they change hands, nothing is fetched.
        return self._thread.silent_seconds if self.flow_active and self.assignment() else 0.0

    # Moving the position.

    async def _seek(self, partition: TP, offset: int) -> None:
        await self._thread.call_thread(self._thread.seek_in_thread, partition, offset)

    async def seek(self, partition: TP, offset: int) -> None:
        """Deliver from `offset` on, and commit from there on, also backwards; batches that are out count no more."""
        async with self._position:
            await super().seek(partition, offset)
            self._begin_anew({partition})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        async with self._position:
            await super().seek_wait(partitions)
            self._begin_anew(partitions)

    async def perform_seek(self) -> None:
        async with self._position:
            self._begin_anew(self.assignment())
            await super().perform_seek()

    def _begin_anew(self, partitions: Collection[TP]) -> None:
        self.ledger.forget(partitions)
        self._committed_offset.update(dict.fromkeys(partitions))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)
        self.ledger.forget(revoked)

    # Acknowledging and committing.

    def done_up_to(self, tp: TP) -> int | None:
        """The offset up to which all is acknowledged or was committed before; of a new group, the first that is held.

        None if nothing is known yet.
        """
        known = (self.ledger.safe_offset(tp), self._committed_offset[tp], self._first_held(tp))
        return next((offset for offset in known if offset is not None), None)

    def _first_held(self, tp: TP) -> int | None:
        return next((cast("BatchMessage", batch).offset for batch in self.ledger.held() if batch.tp == tp), None)

    def ack(self, message: Message) -> bool:
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            self._n_acked += 1
            return True

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        offsets = {tp: self.ledger.safe_offset(tp) for tp in tps}
        return {tp: offset for tp, offset in offsets.items() if offset is not None and self._is_news(tp, offset)}

    def _is_news(self, tp: TP, offset: int) -> bool:
        committed = self._committed_offset[tp]
        return committed is None or offset > committed

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        # The compiled stream iterator also notes acknowledgements here, where nothing reads them.
        self._acked.clear()
        self._acked_index.clear()
        return (tp for tp in self.ledger.safe_offsets() if topics is None or tp in topics or tp.topic in topics)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        done = self._still_done(offsets)
        if not done:
            return False
        self._commit_began = time.monotonic()
        try:
            if not await self._commit(done):
                return False
        finally:
            self._commit_began = None
        committed = self._still_done(done)
        self._committed_offset.update(committed)
        self.app.monitor.on_tp_commit(committed)
        return True

    def _still_done(self, offsets: Mapping[TP, int]) -> dict[TP, int]:
        """Without the partitions that were revoked or moved since."""
        assigned, safe = self.assignment(), self.ledger.safe_offsets()
        return {tp: offset for tp, offset in offsets.items() if tp in assigned and safe.get(tp, -1) >= offset}

    @property
    def committing_seconds(self) -> float:
        """How long the commit that is being made has taken: the coordinator of the group is away or hangs."""
        return time.monotonic() - self._commit_began if self._commit_began is not None else 0.0

    async def wait_empty(self) -> None:
        """Wait for the batches that agents took, `FINISH_SECONDS` at the most, and commit what is done."""
        if self._finish_deadline is None or not self.app.should_stop:
            self._finish_deadline = self.loop.time() + FINISH_SECONDS
        while self._taken() and self.loop.time() < self._finish_deadline:  # noqa: ASYNC110 - as good as an event here
            await asyncio.sleep(0.01)
        if taken := self._taken():
            self.log.warning("%d batches unfinished after %.0f s; they will be read again", taken, FINISH_SECONDS)
        await self.commit_and_end_transactions()

    def _taken(self) -> int:
        return sum(1 for batch in self.ledger.held() if cast("BatchMessage", batch).tracked and not batch.acked)


class Transport(stock.Transport):
    """Faust's aiokafka driver with consumers that deliver batches; the producer is the stock one."""

    Consumer: ClassVar[type[Consumer]] = Consumer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
