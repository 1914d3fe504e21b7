"""A Faust transport that hands agents lists of records.

Stock Faust passes each record through nine calls and a queue; here one message carries a list of consecutive records of
one partition, so that the cost is per batch. It is Faust's own aiokafka driver underneath: groups, rebalancing,
authentication and seeking are its code. What is replaced is what handles single records: the unpacking, the fetch loop,
the flow control and the bookkeeping of offsets.

    import agents.transport                                 # registers the scheme
    app = faust.App("name", broker="batches://host:9092")
    topic = app.topic("name", schema=BatchSchema())

    @app.agent(topic)
    async def agent(stream):
        async for records in stream: ...                    # list[pipeline.records.Record]; acknowledged when done with
        async for event in stream.noack().events(): ...     # or: event.value, and event.ack() when it is stored

What an agent may rely on:

- A record is a plain tuple with names: topic, partition, offset, timestamp, key, value and headers, as they are in the
  log. What aiokafka verifies is verified: checksums, control records, where a compacted log goes on.
- Records of a partition come in the order of the log, each once per assignment; batches hold up to
  `broker_max_poll_records` records (2,000 if unset) of one partition, and are never empty.
- Only an acknowledged batch behind which nothing is missing moves the committed offset, also after the first batch of a
  new group, also when the log has gaps. A failed commit is tried again.
- Records in memory are bounded whatever the lag: a partition is not read further while the records of `HELD_BATCHES`
  full batches, or `HELD_BYTES` over all, are unacknowledged. Membership of the group is kept meanwhile.
- When partitions are revoked or the app stops, batches that an agent already took are waited for (`FINISH_SECONDS`)
  and committed; the others are dropped and read again by the next owner. `event.message.is_current()` is False from
  then on.

With `processing_guarantee="exactly_once"` Faust keeps offsets in transactions of its own: not supported here.
"""

# ruff: noqa: SLF001 - a driver's subclass works on the driver's insides, as the driver does on aiokafka's

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import cached_property
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import ConsumerStoppedError
from faust import Schema
from faust.exceptions import ImproperlyConfigured
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, AppT, ConsumerMessage, Message
from faust.types.tuples import ack_lock
from mode import ServiceT

from agents.ledger import Ledger
from agents.unpacking import Taken, take
from pipeline.records import Record

SCHEME = "batches"
DEFAULT_BATCH_RECORDS = 2_000
# Enough for one batch with the agent, one waiting for it, and two on their way, so that a reader never waits for Kafka.
# Full ones: live records come in batches of a few, and four of these were out before the first could be stored.
HELD_BATCHES = 4
HELD_BYTES = 64 * 1024 * 1024
# Half of the shortest session timeout in use (10 s): a member that takes longer to give up its partitions holds up the
# whole group, and what it did not finish is done again by the next owner.
FINISH_SECONDS = 5.0
# A broker has one fetch of ours at a time, which names the partitions that had nothing left. Records that come to the
# others wait until it is answered: in quiet times, as long as this. Faust's driver says 1.5 s.
FETCH_WAIT_MILLISECONDS = 50
# A broker that has less waits so long. One that answers each record at once is asked a hundred times a second, which at
# 600 events a second took a quarter of a core in the broker and another in the worker.
FETCH_LEAST_BYTES = 64 * 1024
# While a partition waits for room, look again soon; the fetch of the others must not keep it waiting.
ROOM_POLL_SECONDS = 0.05


class BatchSchema(Schema[Any, Any]):
    """Values are the lists of records as they come; there is no key of a batch."""

    def loads_key(self, app: AppT, message: Message, **options: Any) -> None:
        return None

    def loads_value(self, app: AppT, message: Message, **options: Any) -> list[Record]:
        return cast("list[Record]", message.value)


class BatchMessage(ConsumerMessage):
    """Consecutive records of one partition. `offset` is the first one's, `next_offset` follows the last."""

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
        self.next_offset = last.offset + 1
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


class Fetched(NamedTuple):
    """Records of a partition, and how often its position had been moved when they were read."""

    taken: Taken
    moves: int


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """Fetches from each partition in turn, so that none waits for another's backlog.

    Reading records moves a partition's position, and so does a seek. `moves` counts the seeks (and new assignments) in
    the one thread where both happen, so that records are known to be from before or after any of them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.moves: Counter[TP] = Counter()
        self._turn = 0

    def _create_worker_consumer(self, transport: "stock.Transport") -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS
        consumer._fetch_min_bytes = FETCH_LEAST_BYTES
        return consumer

    async def _fetch_records(  # type: ignore[override]  # only our consumer sees the result
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Mapping[TP, Fetched]:
        if not self.consumer.flow_active:
            return {}
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        # Entering the context is what counts as polling (max.poll.interval), even when there is no room for records.
        with consumer._fetcher._subscriptions.fetch_context():
            fetched = await self._drain(consumer, active_partitions, max_records)
            if not fetched and active_partitions:
                await self._wait_for_data(consumer._fetcher, timeout or 0)
                fetched = await self._drain(consumer, active_partitions, max_records)
            return fetched

    async def _drain(
        self, consumer: aiokafka.AIOKafkaConsumer, partitions: set[TP], max_records: int | None
    ) -> dict[TP, Fetched]:
        """What has arrived, up to `max_records` of each partition. As `Fetcher.fetched_records`, with another limit."""
        fetcher = consumer._fetcher
        if fetcher._subscriptions.reassignment_in_progress:
            await fetcher._subscriptions.wait_for_assignment()
        fetched: dict[TP, Fetched] = {}
        limit = max_records or DEFAULT_BATCH_RECORDS
        # Most partitions of a round have nothing, and asking each of them cost more than the records of the others.
        for tp in self._in_turn(partitions & fetcher._records.keys()):
            result = fetcher._records[tp]
            if isinstance(result, FetchError):
                if fetched:
                    break  # what was taken is delivered; the error is raised by the next call
                self._remove(fetcher, tp)
                result.check_raise()
            # Between the position moved by reading and the count noted, nothing else runs in this thread.
            taken = take(result, limit)
            if not result.has_more():
                self._remove(fetcher, tp)
            if taken.records:
                fetched[tp] = Fetched(taken, self.moves[tp])
        return fetched

    @staticmethod
    def _remove(fetcher: Any, tp: TP) -> None:
        """The next records of the partition may be fetched."""
        del fetcher._records[tp]
        fetcher._notify(fetcher._wait_consume_future)

    def _in_turn(self, partitions: set[TP]) -> list[TP]:
        ordered = sorted(partitions)
        self._turn += 1
        first = self._turn % max(1, len(ordered))
        return ordered[first:] + ordered[:first]

    @staticmethod
    async def _wait_for_data(fetcher: Any, seconds: float) -> None:
        arrival = fetcher._create_fetch_waiter()
        await asyncio.wait([arrival], timeout=seconds)
        if arrival.done():
            arrival.result()  # raises what the fetch failed with
        else:
            arrival.cancel()

    def seek(self, partition: TP, offset: int) -> None:
        super().seek(partition, offset)
        self.moves[partition] += 1

    async def seek_in_thread(self, partition: TP, offset: int) -> None:
        # The stock driver calls seek from the thread of the app, which aiokafka does not expect.
        self.seek(partition, offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return cast("Mapping[TP, int]", await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        offsets = {tp: await consumer.committed(tp) for tp in consumer.assignment()}
        for tp, offset in offsets.items():
            if offset and tp in consumer.assignment():
                self.seek(tp, offset)
        return offsets

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        self.moves.update(partitions.keys())
        await super()._seek_wait(consumer, partitions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.moves.update(revoked)
        await super().on_partitions_revoked(revoked)


class Consumer(stock.Consumer):
    """Delivers batches and keeps the offsets of batches."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.ledger = Ledger()
        # Held while the position of a partition is moved or a batch is entered, so that one follows the other.
        self._position = asyncio.Lock()
        self._finish_deadline: float | None = None
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
        for tp, (taken, moves) in (fetched or {}).items():
            async with self._position:
                message = await self._admitted(tp, taken, moves)
            if message is not None:
                yield tp, message

    async def _admitted(self, tp: TP, taken: Taken, moves: int) -> BatchMessage | None:
        if self._thread.moves[tp] != moves:
            return None  # read before the position was moved: what is to be delivered will be read from there
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
            self.ledger.forget(self.assignment())
            await super().perform_seek()

    def _begin_anew(self, partitions: Iterable[TP]) -> None:
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
        assigned = self.assignment()
        ours = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not ours or not await self._commit(ours):
            return False
        self._committed_offset.update(ours)
        self.app.monitor.on_tp_commit(ours)
        return True

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
