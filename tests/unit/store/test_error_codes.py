"""What the store does without a server: versions, columns, verdicts on errors, rendering of migrations."""

import re
import struct
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_driver import errors as driver

from gapwatch.pipeline.errors import (
    GapwatchError,
    RowsRefused,
    SettingsError,
    StoreError,
    StoreOutOfMemory,
    StoreUnavailable,
)
from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import Evidence, Reading
from gapwatch.pipeline.store import connect
from gapwatch.pipeline.store.aggregates import _chunks, day_of
from gapwatch.pipeline.store.error_codes import CODES, store_error
from gapwatch.pipeline.store.migrations import Migration, migrations
from gapwatch.schemas.events import Complaint, Feedback

_SERVER = "db:9000"


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


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_verdict_and_says_why(code: int) -> None:
    verdict, why = CODES[code]
    error = store_error(driver.ServerException("DB::Exception: words\nstack trace", code), _SERVER, inserting=True)
    kinds = {
        "retry": StoreUnavailable,
        "retry with less": StoreOutOfMemory,
        "refuse": RowsRefused,
        "stop": StoreError,
    }
    assert type(error) is kinds[verdict]
    assert (type(error) is StoreOutOfMemory) == (code == 241)
    assert why in str(error)
    assert _SERVER in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (driver.NetworkError("refused"), StoreUnavailable),
        (driver.SocketTimeoutError("timed out"), StoreUnavailable),
        (ConnectionResetError("reset"), StoreUnavailable),
        (EOFError("Unexpected EOF while reading bytes"), StoreUnavailable),
        (driver.PartiallyConsumedQueryError(), StoreUnavailable),
        (driver.ServerException("who knows", 100_000), StoreError),
        (RuntimeError("a fault of ours"), StoreError),
        (struct.error("required argument is not an integer"), StoreError),
        (TypeError("unexpected keyword argument"), StoreError),
        (ValueError("Expected 2 columns, got 3"), StoreError),
    ],
)
@pytest.mark.parametrize("inserting", [True, False])
def test_errors_without_a_known_code(error: Exception, kind: type[GapwatchError], inserting: bool) -> None:
    assert type(store_error(error, _SERVER, inserting=inserting)) is kind


@pytest.mark.parametrize("code", [code for code, (verdict, _) in CODES.items() if verdict == "refuse"])
def test_a_query_has_no_rows_that_could_be_refused(code: int) -> None:
    assert type(store_error(driver.ServerException("words", code), _SERVER)) is StoreError


@pytest.mark.parametrize("inserting", [True, False])
def test_what_a_customer_wrote_is_not_in_the_message(inserting: bool) -> None:
    for error in (driver.ServerException("Cannot parse 我的电话", 6), ValueError("Cannot parse 我的电话")):
        assert "电话" not in str(store_error(error, _SERVER, inserting=inserting))


@pytest.mark.parametrize(
    "url", ["", "localhost:9000", "http://h:8123/gapwatch", "clickhouse://h:9000", "clickhouse://h:x/d"]
)
def test_a_url_that_is_none_is_told_with_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="GAPWATCH_CLICKHOUSE"):
        connect(url)


def test_what_the_url_says_wins() -> None:
    client = connect("clickhouse://u:p%40ss@h:9440/d?secure=true&send_receive_timeout=7")
    assert client.connection.secure_socket
    assert client.connection.send_receive_timeout == 7
    assert client.connection.password == "p@ss"  # noqa: S105


def test_migrations_are_applied_in_the_order_of_their_numbers() -> None:
    numbers = [migration.name[:4] for migration in migrations()]
    assert numbers == sorted(set(numbers))


def test_every_statement_can_be_repeated() -> None:
    for migration in migrations():
        for statement in migration.statements(None, 400, "gapwatch"):
            first, *lines = statement.splitlines()
            changed = lines if first.startswith("ALTER") else [first]
            assert all(re.search("IF NOT EXISTS|OR REPLACE|IF EXISTS", line) for line in changed), statement


def test_on_one_server_nothing_of_a_cluster_is_left() -> None:
    text = "\n".join(
        statement for migration in migrations() for statement in migration.statements(None, 123, "gapwatch")
    )
    assert not [word for word in ("{", "ON CLUSTER", "Replicated", "Distributed", "_local") if word in text]
    assert "toIntervalDay(123)" in text


def test_on_a_cluster_every_table_is_replicated_and_spread() -> None:
    migration = Migration(
        "0001_x.sql",
        """-- a comment with a semicolon;
CREATE TABLE IF NOT EXISTS t{local} {on_cluster} (a String) ENGINE = {replicated}MergeTree ORDER BY a
SETTINGS {deduplication_window} = 10;
-- distributed: t by halfMD5(a)
CREATE OR REPLACE VIEW v {on_cluster} AS SELECT a FROM t;
""",
    )
    table, spread, view = migration.statements("company", 400, "gapwatch")
    assert "t_local ON CLUSTER `company` (a String) ENGINE = ReplicatedMergeTree" in table
    assert "SETTINGS replicated_deduplication_window = 10" in table
    assert spread == (
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER `company` AS t_local\n"
        "ENGINE = Distributed('company', 'gapwatch', t_local, intHash64(halfMD5(a)))"
    )
    assert "VIEW v ON CLUSTER `company` AS SELECT a FROM t" in view


def test_on_a_cluster_every_mergetree_has_its_distributed_table() -> None:
    for migration in migrations():
        statements = list(migration.statements("company", 400, "gapwatch"))
        replicated = [statement for statement in statements if "MergeTree" in statement]
        assert all("ENGINE = Replicated" in statement for statement in replicated)
        assert len(replicated) == sum("ENGINE = Distributed" in statement for statement in statements)


def test_days_are_those_of_the_time_zone_set() -> None:
    evening = int(datetime(2026, 11, 1, 16, 0, tzinfo=UTC).timestamp())  # midnight in Shanghai
    assert day_of(evening) == day_of(evening - 1) + 1
    assert day_of(evening) == (datetime(2026, 11, 2, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_periods_are_chunked_by_what_they_read() -> None:
    sizes = {1: 6, 2: 4, 3: 50, 4: 1, 6: 9}
    assert list(_chunks([1, 2, 3, 4, 5, 6], sizes, 10)) == [[1, 2], [3], [4, 5, 6]]
    assert list(_chunks([], sizes, 10)) == []


def test_a_server_that_is_down_is_told_in_one_line() -> None:
    script = (
        "from gapwatch.pipeline.store import ClickHouse\n"
        "try:\n    ClickHouse('clickhouse://u:secret@127.0.0.1:1/d').execute('SELECT 1')\n"
        "except Exception as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) == 1
    assert "secret" not in told.stdout
