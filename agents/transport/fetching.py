"""The thread that talks to Kafka for the batch transport: fetches from each partition in turn, and commits."""

# ruff: noqa: SLF001 - a driver's subclass works on the driver's insides, as the driver does on aiokafka's

import asyncio
import time
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
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as stock
from faust.types import TP

import gapwatch.agents.transport.bootstrap  # noqa: F401 - its client is the one that consumers make
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

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit as the member of the group that we are now, or not at all; False if not.

        aiokafka commits as whatever it is when its request is made, be it the second attempt: as a member of the next
        generation, in which others may have the partitions and be further, or, when the group does not know it any
        more, as nobody, which Kafka takes from anyone while a group is empty. Both move the offsets of a group back.
        """
        generation: int = self._ensure_consumer()._coordinator.generation
        committed: bool = await self.call_thread(self._commit_as_of, generation, offsets)
        return committed

    async def _commit_as_of(self, generation: int, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        self.tp_last_committed_at.update(dict.fromkeys(wanted, time.monotonic()))
        while coordinator.generation == generation > 0:  # below, we are in no group
            try:
                # Makes its request before anything else can run in this thread.
                await coordinator._do_commit_offsets(None, wanted)
            except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError):
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

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._last_answer_at = time.monotonic()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.moves.update(revoked)
        await super().on_partitions_revoked(revoked)
