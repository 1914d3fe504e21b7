"""Faust apps whose agent notes what it is given, over either transport."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import faust
from faust.types import TP
from kafka import KafkaAdminClient
from support.waiting import eventually_async

from gapwatch.agents.transport import driver as transport
from gapwatch.agents.transport.driver import BatchSchema

Seen = dict[int, list[tuple[Any, ...]]]


def a_record(offset: int, key: bytes | None, value: bytes | None, headers: Any, ms: int) -> tuple[Any, ...]:
    return offset, key, value, sorted(dict(headers or ()).items()), ms


class Worker:
    """A Faust app with one agent that notes what it is given; `hold` keeps it from acknowledging."""

    def __init__(
        self, kafka: str, topic: str, group: str, scheme: str = transport.SCHEME, *, also: str = "", **conf: Any
    ) -> None:
        self.topic = topic
        self.batched = scheme == transport.SCHEME
        self.topics: list[str] = []
        self.seen: Seen = defaultdict(list)
        self.unacknowledged: list[Any] = []
        self.hold = False
        self.batches: list[tuple[int, int, int]] = []
        self.app = faust.App(
            group,
            broker=[f"{scheme}://{host}" for host in kafka.split(",")],
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            table_standby_replicas=0,
            consumer_auto_offset_reset="earliest",
            broker_commit_interval=0.1,
            broker_session_timeout=10.0,
            broker_heartbeat_interval=1.0,
            stream_wait_empty=self.batched,
            **conf,
        )
        self.app._create_directories = lambda: None  # type: ignore[method-assign]  # there are no tables
        schema = (
            {"schema": BatchSchema()}
            if self.batched
            else {"value_serializer": "raw", "key_type": bytes, "value_type": bytes}
        )
        note = self.note_batch if self.batched else self.note_record

        @self.app.agent(self.app.topic(topic, *([also] if also else []), **schema))
        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                note(event)
                if self.hold:
                    self.unacknowledged.append(event)
                else:
                    event.ack()

    def note_batch(self, event: Any) -> None:
        message = event.message
        self.batches.append((message.partition, message.offset, message.next_offset))
        self.topics.append(message.topic)
        for record in event.value:
            self.seen[record.partition].append(
                a_record(record.offset, record.key, record.value, record.headers, record.timestamp)
            )

    def note_record(self, event: Any) -> None:
        message = event.message
        self.seen[message.partition].append(
            a_record(
                message.offset,
                message.key,
                message.value,
                event.headers,
                round(message.timestamp * 1000),
            )
        )

    def continuing(self, other: "Worker") -> "Worker":
        self.seen = other.seen
        return self

    @property
    def count(self) -> int:
        return sum(map(len, self.seen.values()))

    @property
    def consumer(self) -> transport.Consumer:
        return cast("transport.Consumer", self.app.consumer)

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually_async(condition, told=self._state)

    def _state(self) -> str:
        seen = {
            partition: (len(records), records[0][0], records[-1][0])
            for partition, records in self.seen.items()
            if records
        }
        return (
            f"{self.app.conf.broker[0]}: of each partition the count, first and last offset seen {seen}, "
            f"committed {dict(self.app.monitor.tp_committed_offsets)}"
        )

    def committed_all(self) -> bool:
        offsets = self.app.monitor.tp_committed_offsets
        return all(offsets.get(TP(self.topic, partition), 0) > seen[-1][0] for partition, seen in self.seen.items())

    def release(self) -> None:
        self.hold = False
        while self.unacknowledged:
            self.unacknowledged.pop(0).ack()


@contextlib.asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    await worker.app.start()
    try:
        yield worker
    finally:
        await worker.app.stop()


def coordinator(worker: Worker) -> Any:
    """aiokafka's, which knows the worker as a member of its group."""
    return worker.consumer._thread._ensure_consumer()._coordinator


def committed(kafka: str, group: str) -> dict[int, int]:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        offsets = admin.list_group_offsets(group)
    finally:
        admin.close()
    return {tp.partition: found.offset for tp, found in offsets[group].items()}
