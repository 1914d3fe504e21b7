"""How old an event may be: older ones would be removed from the store, and be in no aggregate."""

from datetime import UTC, datetime, timedelta

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import AnyEvent


def oldest_kept(now: datetime | None = None) -> datetime:
    """The first instant whose events are kept and counted, a midnight UTC.

    Two days after the first that the retention spares, because days of any time zone are derived whole and events are
    removed from midnight UTC on.
    """
    today = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=settings().retention_days - 2)


def is_kept(event: AnyEvent, oldest: datetime) -> bool:
    """Whether the event is not older than `oldest`, a midnight UTC."""
    # Mostly the year alone tells, and comparing instants of different offsets is dear.
    return event.event_time.year > oldest.year or event.event_time >= oldest


def check_age(event: AnyEvent, oldest: datetime) -> AnyEvent:
    """The same event. Raises Rejected when it is older than `oldest`."""
    if not is_kept(event, oldest):
        raise Rejected(Reason.OLDER_THAN_RETENTION, f"$.event_time lies before {oldest:%Y-%m-%d}, the oldest day kept")
    return event
