"""Unpacking beside aiokafka's own, on the same bytes: whatever the log and the limits, both go the same way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException
from hypothesis import given
from hypothesis import strategies as st
from support.broker_log import ABORT, COMMIT, GZIP, LZ4, SNAPPY, TP, ZSTD, Fetch, LogBatch, whole

from gapwatch.agents.transport.unpacking import take
from gapwatch.pipeline.kafka.records import Record

MARKERS = st.sampled_from([ABORT, COMMIT])


@dataclass
class Step:
    """What one call gave and left behind."""

    records: list[tuple[Any, ...]]
    position: int
    more: bool
    error: type[Exception] | None = None
    timestamp_type: int | None = None


def by_aiokafka(result: FetchResult, limit: int) -> tuple[list[tuple[Any, ...]], int | None]:
    found = result.getall(limit)
    records = [tuple(Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)) for r in found]
    return records, found[-1].timestamp_type if found else None


def by_ours(result: FetchResult, limit: int) -> tuple[list[tuple[Any, ...]], int | None]:
    taken = take(result, limit)
    assert all(type(record) is Record for record in taken.records)
    if taken.records:
        assert taken.next_offset is not None
        assert taken.next_offset > taken.records[-1].offset
    return [tuple(record) for record in taken.records], taken.timestamp_type if taken.records else None


def steps(read: Any, result: FetchResult, actions: Sequence[int | str]) -> list[Step]:
    """Each action is a limit to read with, or something that happens between two reads."""
    state = result._assignment.state_value(TP)
    made = []
    for action in actions:
        if not result.has_more():
            break
        match action:
            case int():
                try:
                    records, kind = read(result, action)
                    made.append(Step(records, state.position, result.has_more(), timestamp_type=kind))
                except Exception as error:  # noqa: BLE001 - with checksums unchecked, whatever a codec raises
                    made.append(Step([], state.position, result.has_more(), type(error)))
            case "seek":
                state.seek(state.position + 1)
            case "pause":
                state.pause()
            case "resume":
                state.resume()
            case "unassign" if result._assignment.active:
                result._assignment._unassign()
    return made


async def both(fetch: Fetch, actions: Sequence[int | str]) -> list[Step]:
    """The steps of our unpacking, which are those of aiokafka's."""
    theirs = steps(by_aiokafka, fetch.result(), actions)
    ours = steps(by_ours, fetch.result(), actions)
    if any(batch.magic < 2 for batch in fetch.log):
        theirs = [replace(step, timestamp_type=None) for step in theirs]
        ours = [replace(step, timestamp_type=None) for step in ours]
    assert ours == theirs
    return ours


def offsets(made: list[Step]) -> list[int]:
    return [record[2] for step in made for record in step.records]


def deltas(length: int, least: int = 0) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, length - 1), unique=True, min_size=least, max_size=length).map(sorted)


def current(length: int) -> st.SearchStrategy[LogBatch]:
    records = st.builds(
        LogBatch,
        base=st.just(0),
        deltas=deltas(length),
        length=st.just(length),
        codec=st.sampled_from([0, GZIP, SNAPPY, LZ4, ZSTD]),
        producer=st.integers(-1, 2),
        append_time=st.booleans(),
        corrupt=st.sampled_from([False] * 15 + [True]),
    )
    marker = st.builds(whole, base=st.just(0), length=st.just(1), producer=st.integers(0, 2), marker=MARKERS)
    return st.one_of(records, records, marker)


def legacy(length: int) -> st.SearchStrategy[LogBatch]:
    return st.builds(
        LogBatch,
        base=st.just(0),
        deltas=deltas(length, least=1),
        length=st.just(length),
        magic=st.sampled_from([0, 1]),
        codec=st.sampled_from([0, GZIP]),
    )


@st.composite
def fetches(draw: st.DrawFn) -> Fetch:
    log: list[LogBatch] = []
    end = 0
    # Old formats apart: aiokafka does not read an old batch followed by one of the current format.
    batches = st.integers(1, 9).flatmap(draw(st.sampled_from([current, current, legacy])))
    for batch in draw(st.lists(batches, min_size=1, max_size=6)):
        placed = replace(batch, base=end + draw(st.sampled_from([0, 0, 0, 4])))
        log.append(placed)
        end = placed.end
    return Fetch(
        log,
        draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, end)), max_size=3)),
        draw(st.integers(0, log[0].end)),
        draw(st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED])),
        draw(st.booleans()),
    )


LIMITS = st.integers(1, 12)
BETWEEN = st.sampled_from(["seek", "pause", "resume", "unassign"])


@given(fetches(), st.lists(LIMITS | LIMITS | LIMITS | BETWEEN, max_size=6))
async def test_every_log_is_read_as_aiokafka_reads_it(fetch: Fetch, actions: list[int | str]) -> None:
    await both(fetch, [*actions, *[3] * 20])


@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
@pytest.mark.parametrize("limit", [1, 7, 10, 19, 20, 21, 100])
async def test_a_limit_inside_a_batch_loses_and_repeats_nothing(codec: int, limit: int) -> None:
    log = [whole(0, 10, codec=codec), whole(10, 10, codec=codec), whole(20, 3, codec=codec)]
    made = await both(Fetch(log), [limit] * 30)
    assert offsets(made) == list(range(23))
    assert max(len(step.records) for step in made) == min(limit, 23)


@given(fetches(), st.lists(LIMITS, max_size=6), st.data())
async def test_header_names_that_are_not_utf_8_are_read_as_kafkas_own_client_reads_them(
    fetch: Fetch, limits: list[int], data: st.DataObject
) -> None:
    sound = replace(fetch, log=[replace(batch, corrupt=False) for batch in fetch.log])
    named = [replace(batch, unreadable=data.draw(st.booleans())) for batch in sound.log]
    read, expected = (
        steps(by_ours, made.result(), [*limits, *[3] * 20]) for made in (replace(sound, log=named), sound)
    )
    unreadable = [range(batch.base, batch.end) for batch in named if batch.unreadable]
    for step in expected:
        step.records = [
            _renamed(record) if any(record[2] in r for r in unreadable) else record for record in step.records
        ]
    assert read == expected


def _renamed(record: tuple[Any, ...]) -> tuple[Any, ...]:
    *others, headers = record
    return (*others, tuple(("\ufffd" + name, told) for name, told in headers))


@pytest.mark.parametrize(("magic", "codec"), [(0, 0), (0, GZIP), (1, 0), (1, GZIP), (1, LZ4)])
async def test_old_formats(magic: int, codec: int) -> None:
    log = [whole(0, 5, magic=magic, codec=codec), whole(5, 5, magic=magic, codec=codec)]
    start = 2 if codec else 0  # what is not compressed is fetched from the very message
    assert offsets(await both(Fetch(log, offset=start), [3] * 5)) == list(range(start, 10))


async def test_records_of_aborted_transactions_are_skipped_when_committed_ones_are_read() -> None:
    log = [
        whole(0, 4, producer=1),
        whole(4, 2, producer=2),
        whole(6, 1, producer=1, marker=ABORT),
        whole(7, 2, producer=1),
        whole(9, 1, producer=2, marker=COMMIT),
        whole(10, 1, producer=1, marker=COMMIT),
    ]
    aborted = [(1, 0)]
    committed = await both(Fetch(log, aborted, isolation=READ_COMMITTED), [3] * 5)
    assert offsets(committed) == [4, 5, 7, 8]
    assert committed[-1].position == 11, "behind the last marker"
    assert offsets(await both(Fetch(log, aborted), [3] * 5)) == [0, 1, 2, 3, 4, 5, 7, 8]


async def test_where_to_go_on_is_behind_what_is_no_record() -> None:
    log = [whole(0, 4, producer=1), whole(4, 1, producer=1, marker=COMMIT), LogBatch(5, (0, 1), 10)]
    result = Fetch(log).result()
    assert [(len(taken.records), taken.next_offset) for taken in (take(result, 4), take(result, 4))] == [
        (4, 4),
        (2, 15),
    ]
    marker = take(Fetch([whole(0, 1, producer=1, marker=ABORT)]).result(), 4)
    assert (marker.records, marker.next_offset) == ([], 1)


async def test_what_compaction_took_is_not_fetched_again() -> None:
    log = [LogBatch(0, (1, 2), 10), LogBatch(10, (), 5), LogBatch(20, (0, 3), 6)]
    made = await both(Fetch(log), [2, 2, 2])
    assert offsets(made) == [1, 2, 20, 23]
    assert made[-1].position == 26


async def test_offsets_before_the_one_asked_for_are_skipped_whatever_the_limit() -> None:
    made = await both(Fetch([whole(0, 20)], offset=13), [2] * 8)
    assert offsets(made) == list(range(13, 20))


async def test_a_batch_that_fails_its_checksum_is_an_error_and_moves_no_position() -> None:
    log = [whole(0, 5), replace(whole(5, 5), corrupt=True), whole(10, 5)]
    first, failed, dropped = await both(Fetch(log), [5, 5, 5])
    assert (len(first.records), first.position) == (5, 5)
    assert (failed.error, failed.position) == (CorruptRecordException, 5)
    assert (dropped.records, dropped.position, dropped.more) == ([], 5, False), "it is fetched again from there"


async def test_records_before_the_corrupt_batch_come_again_when_they_were_not_handed_out() -> None:
    log = [whole(0, 5), replace(whole(5, 5), corrupt=True)]
    failed, dropped = await both(Fetch(log), [10, 10])
    assert (failed.error, failed.position) == (CorruptRecordException, 0)
    assert (dropped.records, dropped.more) == ([], False)


@pytest.mark.parametrize("event", ["seek", "pause", "unassign"])
async def test_what_happens_between_two_reads_ends_the_result(event: str) -> None:
    first, second = await both(Fetch([whole(0, 10)]), [4, event, 4])
    assert len(first.records) == 4
    assert (second.records, second.more) == ([], False)


async def test_the_type_of_timestamp_is_that_of_the_last_record() -> None:
    log = [whole(0, 5), whole(5, 5, append_time=True)]
    assert [step.timestamp_type for step in (await both(Fetch(log), [3, 4, 2]))] == [0, 1, 1]
