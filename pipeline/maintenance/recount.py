"""An exact recount: do the tables hold what the topics hold, and do the aggregates say what the events say?

Nothing is taken from the way the aggregates are derived: which version of an event stands is worked out anew from all
its versions, and every measure of minutes and hours is counted from these; days must be the sum of their hours. Memory
is bounded: ids are compared by hash, slice by slice, on the server, and events are counted some hours at a time.
"""

from datetime import datetime

from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS, lag
from gapwatch.pipeline.maintenance.recount_aggregates import compare_aggregates, minutes_between
from gapwatch.pipeline.maintenance.recount_result import Recount
from gapwatch.pipeline.maintenance.recount_topics import compare_topics
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store.aggregates import Aggregates
from gapwatch.pipeline.store.connection import connected


def recount(url: str, start: datetime | None = None, end: datetime | None = None, *, repair: bool = False) -> Recount:
    """Compare the topics with the stored events, and the aggregates from `start` to `end` with the stored events.

    The topics are compared whole. The range, all that is stored unless given, is widened to whole days of the time zone
    set. With `repair` the range is derived again first.
    Raises StoreError or kafka.errors.KafkaError.
    """
    behind = lag(settings().group, [*EVENT_TOPICS, DIRTY_MINUTES_TOPIC])
    with connected(url) as client:
        if repair:
            Aggregates(url).derive(minutes_between(client, start, end))
        topics = compare_topics(client)
        aggregates = compare_aggregates(client, start, end)
    return Recount(
        topics=topics.counts,
        lost=topics.lost,
        stale=topics.stale,
        doubled=topics.doubled,
        unknown=topics.unknown,
        unaccounted=topics.unaccounted,
        aggregates=aggregates,
        lag=behind,
    )
