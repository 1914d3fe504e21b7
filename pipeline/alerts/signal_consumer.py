"""From the topic `signals` to the courier: offsets are committed when everything before them is delivered."""

import threading
import time
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from gapwatch.pipeline.alerts.courier import Courier
from gapwatch.pipeline.errors import StackError, StoreUnavailable
from gapwatch.pipeline.kafka.consumer import Consumer
from gapwatch.pipeline.kafka.topics import SIGNALS_TOPIC
from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.signals import publication

log = logger("gapwatch.alerts")

_POLL_MS = 1_000
# A member that died is noticed after ten seconds, as among the workers that store events; Kafka's own 45 would keep its
# alerts waiting for nothing. Heartbeats have a thread of their own, so a target that takes long does not miss them.
_SESSION_MS, _HEARTBEAT_MS = 10_000, 3_000
_ASSIGNMENT_SECONDS = 30


class SignalConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """One of any number in the group: each series is delivered by one of them at a time."""

    def __init__(self, courier: Courier, group: str) -> None:
        self._courier = courier
        self._committed: dict[int, int] = {}
        try:
            self._consumer = Consumer(
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=_SESSION_MS,
                heartbeat_interval_ms=_HEARTBEAT_MS,
            )
        except KafkaError as error:
            raise StackError(
                "cannot reach Kafka for the topic {topic}: {error}", topic=SIGNALS_TOPIC, error=error
            ) from error
        self._consumer.subscribe([SIGNALS_TOPIC], listener=self)

    def run(self, stopping: threading.Event) -> None:
        """Deliver until stopped."""
        while not stopping.is_set():
            self._step()

    def catch_up(self, stopping: threading.Event) -> int:
        """Try everything that the topic holds now once; returns how many changes are not delivered.

        Raises StackError when others of the group hold all partitions.
        """
        give_up = time.monotonic() + _ASSIGNMENT_SECONDS
        while not stopping.is_set() and not self._at_end():
            self._step()
            if not self._consumer.assignment() and time.monotonic() > give_up:
                raise StackError(
                    "Kafka assigned no partition of {topic}: other processes deliver the alerts",
                    topic=SIGNALS_TOPIC,
                )
        self._deliver()
        return self._courier.undelivered

    def close(self) -> None:
        self._consumer.close(autocommit=False)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._commit()
        gone = {tp.partition for tp in revoked}
        self._courier.drop(gone)
        self._committed = {partition: at for partition, at in self._committed.items() if partition not in gone}

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing to prepare."""

    def _step(self) -> None:
        for records in self._consumer.poll(timeout_ms=_POLL_MS).values():
            for record in records:
                self._take(record)
        self._deliver()

    def _take(self, record: ConsumerRecord) -> None:
        try:
            self._courier.take(record.partition, record.offset, publication.decode(record.value or b""))
        except msgspec.DecodeError as error:
            log.warning("not a signal", partition=record.partition, offset=record.offset, error=str(error))
            self._courier.skip(record.partition, record.offset)

    def _deliver(self) -> None:
        try:
            self._courier.work()
        except StoreUnavailable as error:
            log.warning("ClickHouse does not answer; alerts wait", error=str(error))
        self._commit()

    def _commit(self) -> None:
        moved = {part: at for part, at in self._courier.offsets().items() if self._committed.get(part) != at}
        if not moved:
            return
        try:
            self._consumer.commit(
                {TopicPartition(SIGNALS_TOPIC, part): OffsetAndMetadata(at, "", -1) for part, at in moved.items()}
            )
        except KafkaError as error:
            log.warning("offsets not committed; what is noted as sent is not sent again", error=str(error))
            return
        self._committed |= moved

    def _at_end(self) -> bool:
        assigned: Collection[Any] = self._consumer.assignment()
        if not assigned:
            return False
        ends = self._consumer.end_offsets(list(assigned))
        return all(self._consumer.position(tp) >= end for tp, end in ends.items())
