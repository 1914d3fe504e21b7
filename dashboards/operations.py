"""The pipeline for its operators: does it keep up, how late is it, is anything silent or refused."""

from typing import Any

from gapwatch.dashboards.minute_selection import MinuteSelection
from gapwatch.dashboards.page import PIPELINE, PLACE_FILTER, page
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import named
from gapwatch.pipeline.words.catalogue import Locale, Speaker
from gapwatch.pipeline.words.names import CHANNELS, EVENT_TYPES

_DELAY = "dateDiff('millisecond', published_at, stored_at) / 1000"
_REPORTED = "$__timeFilter(at)"
_OF_EVENTS = "endsWith(topics.topic, '.events')"
# The last minute that workers reported on; without one lately nobody knows the lag.
_LATEST = "minute = (SELECT max(minute) FROM worker_minute WHERE minute >= now() - toIntervalMinute(5))"


def operations(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For operators. Reads what workers report of themselves, and of events a sample by the time they happened.

    Not by the time they were stored: no key or index finds those among late events and corrections.
    """
    say = Speaker(locale)
    panels = Panels(say)
    sample = f"$__timeFilter(event_time) AND {PLACE_FILTER} AND {MinuteSelection(time_zone).sample()}"
    sampled = " " + say("By the time they happened; of more than 100,000 a sample of about so many, drawn evenly.")

    return page(
        PIPELINE,
        say,
        say("Does it keep up, how late is it, is anything silent."),
        [
            panels.number(
                say("Last write"),
                say("Seconds since a worker last reported that it stored events."),
                f"""
SELECT if(count() = 0, nan, toFloat64(dateDiff('second', max(at), now()))) AS "{say("Ago")}"
FROM worker_reports
WHERE stored > 0""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("Events stored"),
                say("Events stored in this range, by the workers' reports, which are kept for four weeks."),
                f"""SELECT sum(stored) AS "{say("Events")}" FROM worker_reports WHERE {_REPORTED}""",
                decimals=0,
            ),
            panels.number(
                say("Published to stored"),
                say("From the Kafka timestamp to the row: median and 99 %.") + sampled,
                f"""
SELECT quantile(0.5)({_DELAY}) AS "{say("Median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {sample}""",
                unit="s",
            ),
            panels.number(
                say("Last evaluation"),
                say("Seconds since the signals were last evaluated."),
                f"""SELECT dateDiff('second', max(minute), now()) AS "{say("Ago")}" FROM signal_evaluations""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("Model versions"),
                say("How many model versions read the events of this range; reprocess makes them one.") + sampled,
                f"""SELECT uniqExact(model_version) AS "{say("Versions")}" FROM events WHERE {sample}""",
                decimals=0,
            ),
            panels.number(
                say("Rating against text"),
                say("Feedback whose rating contradicts its words.") + sampled,
                f"""
SELECT 100 * countIf(rating_conflict) / greatest(countIf(rating IS NOT NULL), 1) AS "{say("Share")}"
FROM events
WHERE {sample}""",
                unit="percent",
            ),
            panels.number(
                say("Workers at work"),
                say("Worker processes that reported in the last minute."),
                f"""SELECT uniqExact(worker) AS "{say("Processes")}" FROM worker_reports WHERE at >= now() - toIntervalMinute(1)""",
                decimals=0,
                thresholds=((None, "red"), (1, "green")),
            ),
            panels.number(
                say("Lag"),
                say("Records not yet committed, over all topics."),
                f"""SELECT if(count() = 0, nan, toFloat64(sum(lag))) AS "{say("Records")}" FROM worker_minute WHERE {_LATEST}""",
                decimals=0,
            ),
            panels.number(
                say("To catch up"),
                say("Of the topic furthest behind, at the pace of its last minute. The alert's limit: ten minutes."),
                f"""SELECT if(count() = 0, nan, 60 * max(minutes_behind)) AS "{say("Lag / pace")}" FROM worker_minute WHERE {_LATEST}""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (60, "yellow"), (600, "red")),
            ),
            panels.number(
                say("Dead letters"),
                say("Records of this range that could not be processed, and their share of the records read."),
                f"""
SELECT sum(topics.dead_letters) AS "{say("Records")}",
    concat(toString(round(100 * sum(topics.dead_letters) / greatest(sum(topics.records), 1), 2)), ' %') AS "{say("Share")}"
FROM worker_reports
ARRAY JOIN topics
WHERE {_REPORTED} AND {_OF_EVENTS}""",
                decimals=0,
            ),
            panels.number(
                say("Flush latency"),
                say("Mean time of one insert into ClickHouse, and the mean of the slowest report."),
                f"""
SELECT sum(flush_seconds) / greatest(sum(flushes), 1) AS "{say("Mean")}", max(flush_seconds / greatest(flushes, 1)) AS "{say("Slowest")}"
FROM worker_reports
WHERE {_REPORTED}""",
                unit="s",
            ),
            panels.number(
                say("Event-time delay"),
                say(
                    "From the time of each flush's latest event to its being stored, mean. Large during a back-fill, rightly."
                ),
                f"""SELECT sum(delay_seconds) / greatest(sum(flushes), 1) AS "{say("Mean")}" FROM worker_reports WHERE {_REPORTED}""",
                unit="s",
            ),
            panels.lines(
                say("Records processed a minute"),
                say("By event type, duplicates included and dead letters not."),
                f"""
SELECT $__timeInterval(at) AS time, {named("replaceOne(topics.topic, '.events', '')", EVENT_TYPES, say)} AS kind,
    sum(topics.records - topics.dead_letters) / greatest(dateDiff('minute', $__fromTime, $__toTime) / 150, 1) AS value
FROM worker_reports
ARRAY JOIN topics
WHERE {_REPORTED} AND {_OF_EVENTS}
GROUP BY time, topics.topic
ORDER BY time, kind""",
                bars=True,
            ),
            panels.lines(
                say("Time from published to stored"),
                say("Seconds; rises with a backlog or a slow store.") + sampled,
                f"""
SELECT $__timeInterval(event_time) AS time, quantile(0.5)({_DELAY}) AS "{say("Median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {sample}
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.lines(
                say("Lag"),
                say("Records not yet committed, by topic."),
                f"""
SELECT time, topic, sum(of_worker) AS value
FROM (
    SELECT $__timeInterval(at) AS time, worker, topics.topic AS topic, avg(topics.lag) AS of_worker
    FROM worker_reports
    ARRAY JOIN topics
    WHERE {_REPORTED}
    GROUP BY time, worker, topic
)
GROUP BY time, topic
ORDER BY time, topic""",
            ),
            panels.lines(
                say("Dead letters"),
                say("Records that could not be processed, by the topic they came from."),
                f"""
SELECT $__timeInterval(at) AS time, topics.topic AS topic, sum(topics.dead_letters) AS value
FROM worker_reports
ARRAY JOIN topics
WHERE {_REPORTED} AND {_OF_EVENTS}
GROUP BY time, topic
ORDER BY time, topic""",
                bars=True,
            ),
            panels.lines(
                say("Flush latency"),
                say("Mean time of one insert into ClickHouse, and of the slowest report."),
                f"""
SELECT $__timeInterval(at) AS time, sum(flush_seconds) / sum(flushes) AS "{say("Mean")}",
    max(flush_seconds / flushes) AS "{say("Slowest")}"
FROM worker_reports
WHERE {_REPORTED} AND flushes > 0
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.lines(
                say("Event-time delay"),
                say("From the time of each flush's latest event to its being stored, mean."),
                f"""
SELECT $__timeInterval(at) AS time, sum(delay_seconds) / sum(flushes) AS "{say("Mean")}"
FROM worker_reports
WHERE {_REPORTED} AND flushes > 0
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.rows(
                say("Each channel's last voice"),
                say("A channel silent for much longer than usual may have lost its connection."),
                f"""
SELECT {named("channel", CHANNELS, say)} AS "{say("Channel")}", max(minute) AS "{say("Last voice")}",
    dateDiff('minute', max(minute), now()) AS "{say("Minutes ago")}",
    round(dateDiff('minute', min(minute), max(minute)) / greatest(sum(primary_events) - 1, 1), 1) AS "{say("Usual pause (minutes)")}",
    sum(primary_events) AS "{say("Voices")}"
FROM gap_minute
WHERE minute >= now() - toIntervalDay(14)
GROUP BY channel
ORDER BY max(minute)""",
                span=12,
            ),
            panels.rows(
                say("Partitions"),
                say("Each partition's share of the events of this range, and their greatest offset.") + sampled,
                f"""
SELECT source_topic AS "{say("Topic")}", source_partition AS "{say("Partition")}",
    100 * count() / sum(count()) OVER () AS "{say("Share")}", max(source_offset) AS "{say("Greatest offset")}", max(stored_at) AS "{say("Last write")}"
FROM events
WHERE {sample}
GROUP BY source_topic, source_partition
ORDER BY source_topic, source_partition""",
                units={say("Share"): "percent"},
                span=12,
            ),
            panels.rows(
                "Worker",
                say(
                    "Worker processes that reported in this range; waiting: for how long ClickHouse or Kafka has not answered."
                ),
                f"""
SELECT worker AS "{say("Process")}", max(at) AS "{say("Last report")}",
    argMax(arraySum(topics.partitions), at) AS "{say("Number of partitions")}",
    round(sum(arraySum(topics.records)) / sum(seconds), 1) AS "{say("Records a second")}",
    sum(stored) AS "{say("Events stored")}", argMax(arraySum(topics.lag), at) AS "{say("Lag")}",
    max(waiting_seconds) AS "{say("Waiting (s)")}"
FROM worker_reports
WHERE {_REPORTED}
GROUP BY worker
ORDER BY max(at) DESC
LIMIT 200""",
                height=5,
            ),
        ],
        since="now-6h",
    )
