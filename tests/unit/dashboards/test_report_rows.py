"""What a worker's report says of its metrics."""

from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS
from gapwatch.pipeline.worker import metrics, reports

TOPICS = (*EVENT_TOPICS, DIRTY_MINUTES_TOPIC)


def test_counts_are_those_since_the_last_report_and_gauges_as_they_are() -> None:
    before = reports.read()
    metrics.RECORDS.labels("feedback.events").inc(7)
    metrics.RECORDS.labels("gapwatch.dirty-minutes").inc(2)
    metrics.DEAD_LETTERS.labels("feedback.events.dead-letter").inc(3)
    metrics.EVENTS.inc(4)
    metrics.STAGE_SECONDS.labels("store").observe(0.25)
    metrics.STAGE_SECONDS.labels("derive").observe(0.5)
    metrics.EVENT_DELAY.observe(30)
    metrics.DERIVED_MINUTES.inc(5)
    metrics.LAG.labels("feedback.events").set(11)
    metrics.ASSIGNED.labels("feedback.events").set(2)
    metrics.WAITING_SECONDS.labels("store").set(6)
    topics, partitions, lag, records, letters, *numbers = reports.row(before, reports.read())
    assert topics == TOPICS
    assert dict(zip(topics, records, strict=True)) == {
        **dict.fromkeys(TOPICS, 0),
        "feedback.events": 7,
        DIRTY_MINUTES_TOPIC: 2,
    }
    assert (partitions[0], lag[0], letters[0]) == (2, 11, 3)
    assert numbers == [4, 1, 0.25, 30.0, 5, 0.5, 6.0]


def test_nothing_done_is_reported_as_such() -> None:
    now = reports.read()
    *_, records, letters, stored, flushes, _, _, _, _, _ = reports.row(now, now)
    assert (sum(records), sum(letters), stored, flushes) == (0, 0, 0, 0)
