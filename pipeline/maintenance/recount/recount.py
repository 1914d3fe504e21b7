"""Both comparisons of a recount: the topics with the events stored, these with the aggregates."""

from datetime import datetime

from gapwatch.pipeline.kafka.lost import count
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS, progress
from gapwatch.pipeline.maintenance.recount.aggregates import compare_aggregates
from gapwatch.pipeline.maintenance.recount.result import RecountResult
from gapwatch.pipeline.maintenance.recount.topics import compare_topics
from gapwatch.pipeline.maintenance.stored_range import minutes_between
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.aggregates import Aggregates
from gapwatch.pipeline.store.connection import connected
from gapwatch.pipeline.store.lost_records import LostRecords


def recount(
    url: str,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    repair: bool = False,
    list_corrections: bool = False,
) -> RecountResult:
    """Compare the topics with the stored events, and the aggregates from `start` to `end` with the stored events.

    The topics are compared whole. The range, all that is stored unless given, is widened to whole days of the time zone
    set. With `repair` the range is derived again first; with `list_corrections` every correction is read again.
    Raises StoreError or kafka.errors.KafkaError.
    """
    group = settings().group
    reached = progress(group, [*EVENT_TOPICS, DIRTY_MINUTES_TOPIC])
    with connected(url) as client:
        lost = [*reached.lost, *LostRecords(client, group).noted()]
        if repair:
            Aggregates(url).derive(minutes_between(client, start, end))
        topics = compare_topics(client, list_all=list_corrections)
        aggregates = compare_aggregates(client, start, end)
    return RecountResult(
        topics=topics.counts,
        lost=topics.lost,
        stale=topics.stale,
        doubled=topics.doubled,
        unknown=topics.unknown,
        unaccounted=topics.unaccounted,
        too_old=topics.too_old,
        corrections=topics.corrections,
        aggregates=aggregates,
        lag=reached.lag,
        left=count(lost),
    )
