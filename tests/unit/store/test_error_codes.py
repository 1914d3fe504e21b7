"""What an error of the driver or of ClickHouse means."""

import struct

import pytest
from clickhouse_driver import errors as driver

from gapwatch.pipeline.errors import (
    GapwatchError,
    RowsRefused,
    StoreError,
    StoreOutOfMemory,
    StoreUnavailable,
)
from gapwatch.pipeline.store.error_codes import CODES, store_error

_SERVER = "db:9000"


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
