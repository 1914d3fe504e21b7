from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.dead_letter import DeadLetter, StoredDeadLetter
from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.kafka.records import Record
from gapwatch.schemas.dead_letters import HEADERS, MEANING

RECORD = Record("chat.events", 3, 17, 1_700_000_000_000, b"k1", b"\xff", [("trace", b"t"), ("gapwatch.replays", b"2")])
REJECTED = Rejected(Reason.NOT_UTF8, "byte 0 is not UTF-8")
FAILED_AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def stored(letter: DeadLetter) -> Record:
    return Record(letter.topic, 0, 5, 1_700_000_001_000, letter.key, letter.value, letter.headers)


def test_a_dead_letter_keeps_the_record_and_tells_why() -> None:
    letter = DeadLetter.of(RECORD, REJECTED, FAILED_AT)
    assert (letter.topic, letter.key, letter.value) == ("chat.events.dead-letter", b"k1", b"\xff")
    headers = dict(letter.headers)
    assert headers.pop("gapwatch.worker-version")
    assert headers == {
        "trace": b"t",
        "gapwatch.reason": b"not_utf8",
        "gapwatch.detail": b"byte 0 is not UTF-8",
        "gapwatch.source-topic": b"chat.events",
        "gapwatch.source-partition": b"3",
        "gapwatch.source-offset": b"17",
        "gapwatch.source-timestamp": b"1700000000000",
        "gapwatch.failed-at": b"2026-11-22T10:00:00.000+00:00",
        "gapwatch.replays": b"2",
        "gapwatch.left-out": b"0",
    }


def test_of_a_record_that_is_too_large_the_letter_tells_where_it_is() -> None:
    large = RECORD._replace(value=bytes(30 * 1024**2))
    letter = DeadLetter.of(large, REJECTED, FAILED_AT)
    assert (letter.key, letter.value) == (None, None)
    assert [name for name, _ in letter.headers if not name.startswith("gapwatch.")] == []
    read = StoredDeadLetter.of(stored(letter))
    assert (read.source_topic, read.source_partition, read.source_offset) == ("chat.events", 3, 17)
    assert read.left_out == len(b"k1") + 30 * 1024**2 + len(b"trace" + b"t") + 10


def test_a_null_header_becomes_an_empty_one_which_producers_take() -> None:
    headers: list[Any] = [("trace", None)]
    assert DeadLetter.of(RECORD._replace(headers=headers), REJECTED).headers[0] == ("trace", b"")


def test_every_header_is_part_of_the_contract() -> None:
    told = {name for name, _ in DeadLetter.of(RECORD, REJECTED).headers}
    assert told - {"trace"} == set(HEADERS)


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANING) == set(Reason)


def test_what_was_told_is_read_back() -> None:
    letter = StoredDeadLetter.of(stored(DeadLetter.of(RECORD, REJECTED, FAILED_AT)))
    assert letter.name == "chat/0/5"
    assert (letter.reason, letter.detail) == ("not_utf8", "byte 0 is not UTF-8")
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == ("chat.events", 3, 17)
    assert (letter.source_timestamp, letter.replays) == (1_700_000_000_000, 2)


def test_the_time_of_giving_up_is_the_present_unless_given() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert datetime.fromisoformat(StoredDeadLetter.of(stored(DeadLetter.of(RECORD, REJECTED))).failed_at) >= before


@given(st.lists(st.tuples(st.sampled_from(sorted(HEADERS)) | st.text(max_size=5), st.binary(max_size=24))))
def test_headers_of_strangers_are_read_as_far_as_they_go(headers: list[tuple[str, bytes]]) -> None:
    letter = StoredDeadLetter.of(RECORD._replace(headers=headers))
    assert letter.replays >= 0
    assert letter.source_offset >= -1
    DeadLetter.of(RECORD._replace(headers=headers), REJECTED)
