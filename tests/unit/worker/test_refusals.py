"""A few refused rows are dead letters; many stop the worker."""

import pytest

from gapwatch.pipeline.errors import StoreError
from gapwatch.pipeline.worker.refusals import LEAST_REFUSED, ROWS_LOOKED_AT, Refusals


def _flush(refusals: Refusals, stored: int, refused: int) -> None:
    refusals.stored(stored)
    for _ in range(refused):
        refusals.refused()
    refusals.judge()


def test_a_single_bad_record_alone_in_its_flush_stops_nobody() -> None:
    _flush(Refusals(), 0, 1)


@pytest.mark.parametrize("stored", [1, 30, 100_000])
def test_a_few_bad_records_in_a_row_stop_nobody(stored: int) -> None:
    refusals = Refusals()
    for _ in range(20):
        _flush(refusals, stored, 1)


def test_a_flush_of_refused_rows_stops() -> None:
    with pytest.raises(StoreError, match=rf"refuses {LEAST_REFUSED} of the last {LEAST_REFUSED} rows"):
        _flush(Refusals(), 0, LEAST_REFUSED)


def test_flushes_of_one_row_stop_too() -> None:
    refusals = Refusals()
    for _ in range(LEAST_REFUSED - 1):
        _flush(refusals, 0, 1)
    with pytest.raises(StoreError):
        _flush(refusals, 0, 1)


def test_bad_records_at_the_beginning_of_a_flush_are_judged_with_the_rest() -> None:
    refusals = Refusals()
    for _ in range(ROWS_LOOKED_AT // 2 - 1):
        refusals.refused()
    _flush(refusals, ROWS_LOOKED_AT, 0)


def test_a_large_flush_is_not_tried_to_its_end() -> None:
    refusals = Refusals()
    refusals.stored(1_000)
    for _ in range(ROWS_LOOKED_AT // 2):
        refusals.refused()
    with pytest.raises(StoreError):
        refusals.refused()


def test_a_fault_that_begins_in_mid_stream_is_seen() -> None:
    refusals = Refusals()
    _flush(refusals, 1_000, 0)
    for _ in range(ROWS_LOOKED_AT // 2):
        _flush(refusals, 0, 1)
    with pytest.raises(StoreError):
        _flush(refusals, 0, 1)
