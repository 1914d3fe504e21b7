"""What the transport takes from what was fetched, and what it leaves for the next call."""

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.consumer.fetcher import FetchError
from aiokafka.errors import TopicAuthorizationFailedError
from faust.types import TP
from support.broker_log import Fetch, whole

from gapwatch.agents.transport.driver import BatchMessage, Consumer
from gapwatch.agents.transport.fetching import ConsumerThread, Jump
from gapwatch.agents.transport.ledger import Ledger
from gapwatch.agents.transport.unpacking import Taken

FIRST, SECOND = TP("t", 0), TP("t", 1)


def thread() -> ConsumerThread:
    made = object.__new__(ConsumerThread)
    made.moves = Counter()
    made._expected, made._jumps = {}, {}
    made._turn = 1  # the next turn begins with the first of two
    return made


def consumer(records: dict[TP, Any], positions: dict[TP, int] | None = None) -> Any:
    subscriptions = SimpleNamespace(reassignment_in_progress=False)
    fetcher = SimpleNamespace(_records=records, _subscriptions=subscriptions, _wait_consume_future="consumed", told=[])
    fetcher._notify = fetcher.told.append
    at = positions or {}
    assignment = SimpleNamespace(
        tps=set(at),
        state_value=lambda tp: SimpleNamespace(has_valid_position=at[tp] >= 0, position=at[tp]),
    )
    subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    return SimpleNamespace(_fetcher=fetcher, _subscription=subscription)


def result(tp: TP, count: int) -> Any:
    return Fetch([whole(0, count)], tp=tp).result()


async def test_each_partition_has_a_limit_of_its_own() -> None:
    reader = consumer({FIRST: result(FIRST, 10), SECOND: result(SECOND, 3)})
    drained = await thread()._drain(reader, {FIRST, SECOND}, 4)
    assert {tp: len(fetched.taken.records) for tp, fetched in drained.items()} == {FIRST: 4, SECOND: 3}


async def test_a_partition_is_fetched_again_when_all_of_it_was_taken() -> None:
    reader = consumer({FIRST: result(FIRST, 10), SECOND: result(SECOND, 3)})
    await thread()._drain(reader, {FIRST, SECOND}, 4)
    assert list(reader._fetcher._records) == [FIRST]
    assert reader._fetcher.told == ["consumed"]


async def test_partitions_without_room_are_left_alone() -> None:
    reader = consumer({FIRST: result(FIRST, 10), SECOND: result(SECOND, 3)})
    assert list(await thread()._drain(reader, {SECOND}, 4)) == [SECOND]
    assert (await thread()._drain(reader, {FIRST}, 4))[FIRST].taken.records[0].offset == 0


async def test_an_error_waits_until_what_was_taken_before_it_is_delivered() -> None:
    error = FetchError(error=TopicAuthorizationFailedError("t"), backoff=0)
    reader = consumer({FIRST: result(FIRST, 3), SECOND: error})
    reading = thread()
    assert list(await reading._drain(reader, {FIRST, SECOND}, 4)) == [FIRST]
    with pytest.raises(TopicAuthorizationFailedError):
        await reading._drain(reader, {FIRST, SECOND}, 4)
    assert await reading._drain(reader, {FIRST, SECOND}, 4) == {}


async def test_silence_is_noticed_only_while_records_are_waited_for() -> None:
    reading = thread()
    reading._last_answer_at = time.monotonic() - 60

    def after(answers: dict[TP, float], waiting: set[TP]) -> float:
        asked = SimpleNamespace(
            assignment=lambda: frozenset(answers),
            last_poll_timestamp=lambda tp: (time.time() - answers[tp]) * 1000,
        )
        reading._last_answer_at = max(reading._last_answer_at, reading._last_answer(cast("Any", asked), waiting))
        return round(reading.silent_seconds)

    assert after({FIRST: 40, SECOND: 30}, {FIRST, SECOND}) == 30, "one broker that answers is enough"
    assert after({FIRST: 20, SECOND: 0}, {FIRST}) == 20, "a partition without room is not fetched"
    assert after({FIRST: 20}, set()) == 0


async def test_a_worker_without_partitions_is_not_said_to_wait_for_kafka() -> None:
    reading = object.__new__(Consumer)
    reading._thread = cast("Any", SimpleNamespace(silent_seconds=60.0, assignment=lambda: {FIRST}))
    reading.flow_active = True
    assert reading.silent_seconds == 60.0
    reading.flow_active = False
    assert reading.silent_seconds == 0.0, "partitions change hands"
    reading.flow_active = True
    reading._thread.assignment = set  # type: ignore[method-assign,assignment]
    assert reading.silent_seconds == 0.0


async def test_the_size_of_a_batch_is_that_of_its_keys_and_values() -> None:
    records = (await thread()._drain(consumer({FIRST: result(FIRST, 20)}), {FIRST}, 100))[FIRST].taken.records
    batch = BatchMessage(FIRST, Taken(records, 0, 20), Ledger(), None)
    assert batch.size == sum(len(record.key or b"") + len(record.value or b"") for record in records)
    assert any(record.key is None for record in records)
    assert any(record.value is None for record in records)
    assert (batch.offset, batch.next_offset, batch.count) == (0, 20, 20)


async def test_a_position_that_nobody_moved_is_noticed_once() -> None:
    reading = thread()

    async def at(position: int) -> dict[TP, Jump]:
        await reading._drain(consumer({}, {FIRST: position}), {FIRST}, 4)
        return reading.take_jumps()

    assert await at(100) == {FIRST: Jump(None, 100)}, "where a group begins"
    assert await at(-1) == {}, "it is being looked for"
    assert await at(150) == {FIRST: Jump(100, 150)}
    assert reading.moves[FIRST] == 0, "what was read before is still to be delivered"
    assert await at(150) == {}
    assert await at(0) == {FIRST: Jump(150, 0)}
    assert reading.moves[FIRST] == 1
    assert [jump.anew for jump in (Jump(None, 0), Jump(100, 150), Jump(150, 0))] == [False, False, True]
