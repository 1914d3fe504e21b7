"""Days, and periods derived together."""

from datetime import UTC, datetime

from gapwatch.pipeline.store.aggregates import _chunks, day_of


def test_days_are_those_of_the_time_zone_set() -> None:
    evening = int(datetime(2026, 11, 1, 16, 0, tzinfo=UTC).timestamp())  # midnight in Shanghai
    assert day_of(evening) == day_of(evening - 1) + 1
    assert day_of(evening) == (datetime(2026, 11, 2, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_periods_are_chunked_by_what_they_read() -> None:
    sizes = {1: 6, 2: 4, 3: 50, 4: 1, 6: 9}
    assert list(_chunks([1, 2, 3, 4, 5, 6], sizes, 10)) == [[1, 2], [3], [4, 5, 6]]
    assert list(_chunks([], sizes, 10)) == []
