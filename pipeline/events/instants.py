"""Instants as Kafka and ClickHouse count them: whole milliseconds since 1970."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, cut. Exact: by way of a float, those of 2004 and of 2038 are now and then one less."""
    return (instant - EPOCH) // _MILLISECOND


def from_milliseconds(count: int) -> datetime:
    """The instant, in UTC."""
    return EPOCH + count * _MILLISECOND
