"""Instants as numbers: exact, whatever the offset."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gapwatch.pipeline.events.instants import from_milliseconds, milliseconds

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
IN_MILLISECONDS = 1_793_527_200_000


@pytest.mark.parametrize("year", [2004, 2026, 2038])
def test_each_millisecond_is_itself(year: int) -> None:
    """By way of a float, a quarter of those of 2004 are one less."""
    hour = HOUR.replace(year=year)
    first = int(hour.timestamp()) * 1_000
    counted = [milliseconds(hour + timedelta(milliseconds=count)) for count in range(2_000)]
    assert counted == list(range(first, first + 2_000))


def test_what_is_less_than_a_millisecond_is_cut() -> None:
    assert milliseconds(HOUR + timedelta(microseconds=1_999)) == IN_MILLISECONDS + 1


def test_the_offset_does_not_matter() -> None:
    assert milliseconds(HOUR.astimezone(timezone(timedelta(hours=8)))) == IN_MILLISECONDS


def test_there_and_back() -> None:
    assert from_milliseconds(IN_MILLISECONDS + 7) == HOUR + timedelta(milliseconds=7)
