"""Records on their way to Kafka: told as delivered when all replicas in sync have them, or as not, in bounded time."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError

from gapwatch.pipeline.errors import GapwatchError, summary
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.producer import drop
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.publishing.event_record import EventRecord, largest_record

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

log = logger("gapwatch.gateway")

# Who publishes over HTTP waits for the answer: 20 ms less for one event are worth more than a better ratio.
_LINGER_MS = 2
_BATCH_BYTES = 256 * 1024
_CONNECT_SECONDS = 5
_DELIVERY_SECONDS = 10
# Of everything, waiting for the thread and a new connection included.
_ANSWER_SECONDS = _CONNECT_SECONDS + _DELIVERY_SECONDS
# After a failure so long nobody tries to connect: who comes meanwhile is told at once.
_PAUSE_SECONDS = 2.0


class NotDelivered(Exception):  # noqa: N818 - it may succeed later
    """Kafka did not acknowledge all records in time. Some can have arrived; all are to be sent again."""


class Delivery:
    """Sends to Kafka. To be awaited in one event loop, and closed at the end.

    A producer that failed once is replaced: an idempotent one sends nothing more, and what it still holds must not
    arrive after what its sender publishes next.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "delivery")
        self._producer: KafkaProducer | None = None
        self._failed_at: float | None = None
        self.largest = 0

    async def send(self, records: Sequence[EventRecord]) -> None:
        """Return when all are acknowledged. Raises NotDelivered."""
        pending = _Pending(len(records), asyncio.get_running_loop())
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._in_thread(self._hand_over, records, pending)
                await pending.done
        except NotDelivered:
            raise  # nobody tried; the pause after the last attempt must end
        except (KafkaError, GapwatchError, TimeoutError) as error:
            self._failed_at = time.monotonic()
            await self._in_thread(lambda: self._replace(pending.producer))  # known once the thread is free
            raise NotDelivered(_told(error)) from error
        self._failed_at = None

    async def ready(self) -> bool:
        """Whether Kafka takes records: it took the last ones, or can be connected to."""
        if self._producer is not None and self._failed_at is None:
            return True
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._in_thread(self._connected)
        except (KafkaError, GapwatchError, TimeoutError, NotDelivered):
            return False
        self._failed_at = None
        return True

    async def close(self) -> None:
        """Disconnect. What is not acknowledged is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._in_thread(drop, producer, 0)
        self._thread.shutdown()

    async def _in_thread(self, function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _hand_over(self, records: Sequence[EventRecord], pending: "_Pending") -> None:
        pending.producer = producer = self._connected()
        for record in records:
            future = producer.send(record.topic, key=record.key, value=record.value)
            future.add_callback(pending.succeeded)
            future.add_errback(pending.failed)

    def _connected(self) -> KafkaProducer:
        if self._producer is not None:
            return self._producer
        if self._failed_at is not None and time.monotonic() - self._failed_at < _PAUSE_SECONDS:
            raise NotDelivered("Kafka did not answer a moment ago")
        client = client_options() | {"bootstrap_timeout_ms": _CONNECT_SECONDS * 1_000}
        try:
            self.largest = largest_record(client)
            self._producer = KafkaProducer(
                **client,
                acks="all",
                allow_auto_create_topics=False,
                batch_size=min(_BATCH_BYTES, self.largest),
                compression_type="lz4",
                delivery_timeout_ms=_DELIVERY_SECONDS * 1_000,
                request_timeout_ms=_DELIVERY_SECONDS * 1_000 // 2,
                enable_idempotence=True,
                linger_ms=_LINGER_MS,
                max_block_ms=_CONNECT_SECONDS * 1_000,
                max_request_size=self.largest,
            )
        except (KafkaError, GapwatchError):
            self._failed_at = time.monotonic()
            raise
        return self._producer

    def _replace(self, failed: KafkaProducer | None) -> None:
        """Drop a producer; another that has taken its place meanwhile stays."""
        if failed is None:
            return
        if self._producer is failed:
            self._producer = None
            log.warning("Kafka did not take records; connecting anew")
        drop(failed, 0)


class _Pending:
    """Counts acknowledgements in the producer's thread, and tells the event loop once."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self.producer: KafkaProducer | None = None
        self._loop = loop
        self._left = count
        self._lock = threading.Lock()

    def succeeded(self, _: object) -> None:
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._loop.call_soon_threadsafe(self._tell, None)

    def failed(self, error: BaseException) -> None:
        self._loop.call_soon_threadsafe(self._tell, error)

    def _tell(self, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


def _told(error: BaseException) -> str:
    return "Kafka did not answer in time" if isinstance(error, TimeoutError) else summary(error)
