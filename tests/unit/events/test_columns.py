"""Versions, and the columns that events become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import Evidence, Reading
from gapwatch.schemas.events import Complaint, Feedback


def _record(timestamp: int, partition: int = 0, offset: int = 0) -> Record:
    return Record("feedback.events", partition, offset, timestamp, None, None)


def _reading(text: str = "慢") -> Reading:
    return Reading(
        text=text,
        sentiment="negative",
        sentiment_score=-0.5,
        gaps=("fulfillment",),
        primary_gap="fulfillment",
        dimension="reliability",
        stage="in_sale",
        severity=0.5,
        evidence=(Evidence("fulfillment", text, 0, 1),),
    )


def _feedback(event_id: str, when: str = "2026-11-01T08:00:59.999+08:00") -> Feedback:
    return Feedback(
        event_id=event_id, event_time=datetime.fromisoformat(when), channel="app", customer_id="c", text="慢"
    )


def test_a_version_orders_by_time_then_type_then_partition_then_offset() -> None:
    versions = [
        version_of("chat", _record(1, 9, 9)),
        version_of("feedback", _record(2, 0, 5)),
        version_of("feedback", _record(2, 0, 6)),
        version_of("feedback", _record(2, 1, 0)),
        version_of("complaint", _record(2, 0, 0)),
        version_of("feedback", _record(3, 0, 0)),
    ]
    assert versions == sorted(set(versions))
    assert max(versions) < 1 << 128


def test_the_largest_parts_of_a_version_do_not_run_into_each_other() -> None:
    record = _record((1 << 47) - 1, (1 << 24) - 1, (1 << 48) - 1)
    version = version_of("chat", record)
    assert (version >> 80, version >> 48 & 0xFFFFFF, version & 0xFFFFFFFFFFFF) == (
        record.timestamp,
        record.partition,
        record.offset,
    )


def test_a_record_without_a_timestamp_has_the_least_version() -> None:
    assert version_of("feedback", _record(-1)) == 0


def test_a_timestamp_beyond_all_clocks_is_the_greatest_there_is() -> None:
    assert version_of("feedback", _record(1 << 62)) >> 80 == (1 << 48) - 1


def test_a_replayed_record_is_as_old_as_it_was() -> None:
    wrong, corrected = _record(1000, 0, 1), _record(2000, 0, 2)
    replayed = _record(9000, 0, 3)._replace(headers=[("gapwatch.source-timestamp", b"1000")])
    assert version_of("feedback", wrong) < version_of("feedback", replayed) < version_of("feedback", corrected)


@pytest.mark.parametrize("told", [b"9001", b"", b"-1", b"soon", b"9" * 30, "٣".encode(), None])
def test_what_cannot_be_the_first_time_of_a_record_is_not_believed(told: Any) -> None:
    record = _record(9000, 0, 3)
    assert record._replace(headers=[("gapwatch.source-timestamp", told)]).published == record.published == 9000


def test_columns_hold_only_what_the_event_type_has() -> None:
    columns = EventColumns("m1")
    columns.append(mask_event(_feedback("a")), _reading(), 1)
    complaint = Complaint(
        event_id="b", event_time=datetime(2026, 11, 1, tzinfo=UTC), channel="app", customer_id="c", text="慢"
    )
    columns.append(mask_event(complaint), _reading(), 2)
    named = {event_type: dict(zip(names, values, strict=True)) for event_type, names, values in columns.columns()}
    assert named["feedback"]["rating"] == [None]
    assert "promised_at" not in named["feedback"]
    assert named["complaint"]["promised_at"] == [None]
    assert named["complaint"]["model_version"] == ["m1"]
    assert named["feedback"]["evidence"] == [[("fulfillment", "慢", 0, 1)]]


def test_times_are_cut_to_milliseconds_and_minutes_in_utc() -> None:
    columns = EventColumns("m1")
    columns.append(mask_event(_feedback("a", "2026-11-01T08:00:59.999999+08:00")), _reading(), 1)
    ((_, names, values),) = columns.columns()
    midnight = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    assert dict(zip(names, values, strict=True))["event_time"] == [midnight * 1000 + 59_999]


def test_columns_of_several_batches_join() -> None:
    first, second = EventColumns("m1"), EventColumns("m1")
    first.append(mask_event(_feedback("a")), _reading(), 1)
    second.append(mask_event(_feedback("b")), _reading(), 2)
    first.extend(second)
    assert len(first) == 2
    ((_, _, values),) = first.columns()
    assert values[0] == ["a", "b"]
