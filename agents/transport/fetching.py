"""The thread that talks to Kafka for the batch transport: fetches from each partition in turn, and commits."""

# ruff: noqa: SLF001 - a driver's subclass works on the driver's insides, as the driver does on aiokafka's

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as stock
from faust.types import TP

import gapwatch.agents.transport.bootstrap  # noqa: F401 - its client is the one that consumers make
from gapwatch.agents.transport.topic_ids import topic_ids
from gapwatch.agents.transport.unpacking import Taken, take

DEFAULT_BATCH_RECORDS = 2_000
"""Of one partition, where `broker_max_poll_records` is not set."""

# A broker has one fetch of ours at a time, which names the partitions that had nothing left. Records that come to the
# others wait until it is answered: in quiet times, as long as this. Faust's driver says 1.5 s. But each answer costs a
# worker a millisecond, whatever it holds: at 50 ms that was a fiftieth of a core without any event.
FETCH_WAIT_MILLISECONDS = 100
# A broker that has less waits so long. One that answers each record at once is asked a hundred times a second, which at
# 600 events a second took a quarter of a core in the broker and another in the worker.
FETCH_LEAST_BYTES = 64 * 1024
# How often it is looked whether a topic is still the same and whether one that was missing is there.
TOPICS_SECONDS = 5.0
_ID_LENGTH = len(str(uuid.UUID(int=0)))


class Fetched(NamedTuple):
    """Records of a partition, and how often its position had been moved when they were read."""

    taken: Taken
    moves: int


class Jump(NamedTuple):
    """A position nobody asked for: past records that are gone, back in a new log, or where a group begins (None)."""

    expected: int | None
    found: int

    @property
    def anew(self) -> bool:
        """The log is another, or was cut: what is known of offsets is of no use."""
        return self.expected is not None and self.found <= self.expected


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """Fetches from each partition in turn, so that none waits for another's backlog.

    Reading records moves a partition's position, and so does a seek. `moves` counts the seeks (and new assignments) in
    the one thread where both happen, so that records are known to be from before or after any of them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.moves: Counter[TP] = Counter()
        self._turn = 0
        # Where each partition is read next, as far as we moved it. aiokafka moves it too, when that is not in the log.
        self._expected: dict[TP, int] = {}
        self._jumps: dict[TP, Jump] = {}
        self._topic_ids: dict[str, str] = {}
        self._looked = time.monotonic()
        self._looking: asyncio.Task[None] | None = None
        self._last_answer_at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """How long no broker has answered, while records are waited for."""
        return time.monotonic() - self._last_answer_at

    def _create_worker_consumer(self, transport: "stock.Transport") -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS
        consumer._fetch_min_bytes = FETCH_LEAST_BYTES
        # Faust says so only of a consumer whose own offsets are kept in transactions.
        consumer._isolation_level = "read_committed"
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
            self._look_at_topics(consumer)
            fetched = await self._drain(consumer, active_partitions, max_records)
            if not fetched and active_partitions:
                await self._wait_for_data(consumer._fetcher, timeout or 0)
                fetched = await self._drain(consumer, active_partitions, max_records)
            # Nothing is fetched for partitions that have no room, or of which there is something left.
            last = time.monotonic() if fetched else self._last_answer(consumer, active_partitions)
            self._last_answer_at = max(self._last_answer_at, last)
            return fetched

    @staticmethod
    def _last_answer(consumer: aiokafka.AIOKafkaConsumer, waiting: set[TP]) -> float:
        answers = [consumer.last_poll_timestamp(tp) or 0 for tp in waiting & consumer.assignment()]
        age = time.time() - max(answers) / 1000 if answers else 0.0
        return time.monotonic() - max(0.0, age)

    async def _drain(
        self, consumer: aiokafka.AIOKafkaConsumer, partitions: set[TP], max_records: int | None
    ) -> dict[TP, Fetched]:
        """What has arrived, up to `max_records` of each partition. As `Fetcher.fetched_records`, with another limit."""
        fetcher = consumer._fetcher
        if fetcher._subscriptions.reassignment_in_progress:
            await fetcher._subscriptions.wait_for_assignment()
        fetched: dict[TP, Fetched] = {}
        limit = max_records or DEFAULT_BATCH_RECORDS
        self._notice_jumps(consumer)
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
            if taken.next_offset is not None:
                self._expected[tp] = taken.next_offset
                fetched[tp] = Fetched(taken, self.moves[tp])
        return fetched

    # Positions that move by themselves.

    def take_jumps(self) -> dict[TP, Jump]:
        """What has jumped since this was called last."""
        jumps, self._jumps = self._jumps, {}
        return jumps

    def _notice_jumps(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        assignment = consumer._subscription.subscription.assignment
        for tp in assignment.tps if assignment else ():
            state = assignment.state_value(tp)
            if state.has_valid_position and state.position != self._expected.get(tp):
                self._jump(tp, Jump(self._expected.get(tp), state.position))

    def _jump(self, tp: TP, jump: Jump) -> None:
        self._expected[tp] = jump.found
        self._jumps[tp] = jump
        if jump.anew:
            self.moves[tp] += 1

    def _look_at_topics(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        if time.monotonic() - self._looked > TOPICS_SECONDS and (self._looking is None or self._looking.done()):
            self._looked = time.monotonic()
            self._looking = asyncio.create_task(self._notice_new_topics(consumer))

    async def _notice_new_topics(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        client, subscription = consumer._client, consumer._subscription.subscription
        found = await topic_ids(client, subscription.topics) or {}
        if any(client.cluster.partitions_for_topic(topic) is None for topic in found):
            client.force_metadata_update()  # which makes us join the group again
        for topic, topic_id in found.items():
            if self._topic_ids.setdefault(topic, topic_id) != topic_id:
                await self._begin_anew(consumer, subscription.assignment, topic, topic_id)

    async def _begin_anew(
        self, consumer: aiokafka.AIOKafkaConsumer, assignment: Any, topic: str, topic_id: str
    ) -> None:
        partitions = [tp for tp in assignment.tps if tp.topic == topic]
        try:
            begins = await consumer.beginning_offsets(partitions)
        except KafkaError:
            return  # the topic may still be on its way; it is looked for again
        if assignment.active:  # else whoever has the partition next sees by the offsets that they are another topic's
            self.log.warning("Topic %s was deleted and made anew: it is read from its beginning", topic)
            self._topic_ids[topic] = topic_id
            for tp, begin in begins.items():
                self.seek(tp, begin)
                self._jump(tp, Jump(begin, begin))

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

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit as the member of the group that we are now, or not at all; False if not.

        aiokafka commits as whatever it is when its request is made, be it the second attempt: as a member of the next
        generation, in which others may have the partitions and be further, or, when the group does not know it any
        more, as nobody, which Kafka takes from anyone while a group is empty. Both move the offsets of a group back.
        """
        generation: int = self._ensure_consumer()._coordinator.generation
        committed: bool = await self.call_thread(self._commit_as_of, generation, self.moves.copy(), offsets)
        return committed

    async def _commit_as_of(self, generation: int, moves: Counter[TP], offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator
        # With the id of the topic that was read, so that they are not taken for offsets of one that is made later.
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, self._topic_ids.get(tp.topic, ""))
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        if any(self.moves[tp] != moves[tp] or tp in self._jumps for tp in wanted):
            return False  # what may be committed is to be worked out anew
        self.tp_last_committed_at.update(dict.fromkeys(wanted, time.monotonic()))
        while coordinator.generation == generation > 0:  # below, we are in no group
            try:
                # Makes its request before anything else can run in this thread.
                await coordinator._do_commit_offsets(None, wanted)
            except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError):
                return False
            except UnknownTopicOrPartitionError:
                # Kafka has taken the others. No reason to wait: the topic is gone, or what follows commits it too.
                return False
            except KafkaError as error:
                if not error.retriable:
                    self.log.exception("Committing failed")
                    await self.crash(error)
                    return False
                await asyncio.sleep(consumer._retry_backoff_ms / 1000)
            else:
                return True
            await coordinator.ensure_coordinator_known()
        return False

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]  # nor does aiokafka always know it
        """Up to where the partition could be read when it was last fetched: its end, or an open transaction's begin.

        None as long as it was not fetched, or is not ours.
        """
        subscription = self._ensure_consumer()._subscription.subscription
        # Asked from another thread: it may be revoked meanwhile, for which aiokafka has an assertion.
        state = subscription.assignment.state_value(tp) if subscription and subscription.assignment else None
        return (state.highwater if state.lso is None else state.lso) if state else None

    def seek(self, partition: TP, offset: int) -> None:
        super().seek(partition, offset)
        self.moves[partition] += 1
        self._expected[partition] = offset

    async def seek_in_thread(self, partition: TP, offset: int) -> None:
        # The stock driver calls seek from the thread of the app, which aiokafka does not expect.
        self.seek(partition, offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return cast("Mapping[TP, int]", await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> Mapping[TP, int | None]:
        consumer = self._ensure_consumer()
        partitions = consumer.assignment()
        self._topic_ids = await topic_ids(consumer._client, {tp.topic for tp in partitions}) or {}
        committed = await consumer._coordinator.fetch_committed_offsets(partitions)
        old = {tp for tp, found in committed.items() if self._is_of_another_topic(tp, found.metadata)}
        begins = await consumer.beginning_offsets(old) if old else {}
        self._expected.clear()
        self._jumps.clear()
        offsets: dict[TP, int | None] = {}
        for tp in partitions & consumer.assignment():
            offsets[tp] = committed[tp].offset if tp in committed and tp not in old else None
            if tp in old:
                self.log.warning("Offsets of %s are of a topic that was deleted: it is read from its beginning", tp)
                self.seek(tp, begins[tp])
            elif (offset := offsets[tp]) is not None:
                self.seek(tp, offset)
        return offsets

    def _is_of_another_topic(self, tp: TP, topic_id: str) -> bool:
        # Other tools commit without an id, or with words of their own.
        return len(topic_id) == _ID_LENGTH and self._topic_ids.get(tp.topic, topic_id) != topic_id

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        self.moves.update(partitions.keys())
        self._expected.update(partitions)
        await super()._seek_wait(consumer, partitions)

    async def on_thread_stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            # aiokafka's own, where a fetch had failed a moment ago. What it would do next is this.
            await self._ensure_consumer()._client.close()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._last_answer_at = time.monotonic()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.moves.update(revoked)
        await super().on_partitions_revoked(revoked)
