"""The pipeline for its operators: does it keep up, how late is it, is anything silent or refused."""

from typing import Any

from gapwatch.dashboards.frame import PIPELINE, PLACE, page
from gapwatch.dashboards.minutes import Minutes
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import named
from gapwatch.dashboards.words import CHANNELS, EVENT_TYPES, Locale, Words

_DELAY = "dateDiff('millisecond', published_at, stored_at) / 1000"
_REPORTED = "$__timeFilter(at)"
_OF_EVENTS = "endsWith(topics.topic, '.events')"
# The last minute that workers reported on; without one lately nobody knows the lag.
_LATEST = "minute = (SELECT max(minute) FROM worker_minute WHERE minute >= now() - toIntervalMinute(5))"


def operations(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For operators. Reads what workers report of themselves, and of events a sample by the time they happened.

    Not by the time they were stored: no key or index finds those among late events and corrections.
    """
    panels = Panels(locale)
    sample = f"$__timeFilter(event_time) AND {PLACE} AND {Minutes(time_zone).sample()}"
    sampled = Words(
        " 按事件发生时间；本期超过十万条时，均匀抽取约十万条。",
        " By the time they happened; of more than 100,000 a sample of about so many, drawn evenly.",
    )(locale)

    def say(zh: str, en: str) -> str:
        return Words(zh, en)(locale)

    return page(
        PIPELINE,
        locale,
        Words("跟得上吗，晚多少，有没有哪里沉默。", "Does it keep up, how late is it, is anything silent."),
        [
            panels.number(
                say("最后一次写入", "Last write"),
                say(
                    "距 worker 最近一次报告有事件入库的秒数。",
                    "Seconds since a worker last reported that it stored events.",
                ),
                f"""
SELECT if(count() = 0, nan, toFloat64(dateDiff('second', max(at), now()))) AS "{say("距今", "ago")}"
FROM worker_reports
WHERE stored > 0""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("入库事件", "Events stored"),
                say(
                    "本期入库的事件数，按 worker 报告；报告保留四周。",
                    "Events stored in this range, by the workers' reports, which are kept for four weeks.",
                ),
                f"""SELECT sum(stored) AS "{say("事件", "events")}" FROM worker_reports WHERE {_REPORTED}""",
                decimals=0,
            ),
            panels.number(
                say("发布到入库", "Published to stored"),
                say("从 Kafka 时间戳到入库：中位数和 99%。", "From the Kafka timestamp to the row: median and 99 %.")
                + sampled,
                f"""
SELECT quantile(0.5)({_DELAY}) AS "{say("中位数", "median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {sample}""",
                unit="s",
            ),
            panels.number(
                say("最后一次检测", "Last evaluation"),
                say("距最近一次信号检测的秒数。", "Seconds since the signals were last evaluated."),
                f"""SELECT dateDiff('second', max(minute), now()) AS "{say("距今", "ago")}" FROM signal_evaluations""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("模型版本", "Model versions"),
                say(
                    "本期事件由几个模型版本读过；多于一个时可用 reprocess 统一。",
                    "How many model versions read the events of this range; reprocess makes them one.",
                )
                + sampled,
                f"""SELECT uniqExact(model_version) AS "{say("版本", "versions")}" FROM events WHERE {sample}""",
                decimals=0,
            ),
            panels.number(
                say("评分与文字相反", "Rating against text"),
                say("星级评分与文字情绪相反的反馈百分比。", "Feedback whose rating contradicts its words.") + sampled,
                f"""
SELECT 100 * countIf(rating_conflict) / greatest(countIf(rating IS NOT NULL), 1) AS "{say("占比", "share")}"
FROM events
WHERE {sample}""",
                unit="percent",
            ),
            panels.number(
                say("运行中的 worker", "Workers at work"),
                say("最近一分钟有报告的 worker 进程。", "Worker processes that reported in the last minute."),
                f"""SELECT uniqExact(worker) AS "{say("进程", "processes")}" FROM worker_reports WHERE at >= now() - toIntervalMinute(1)""",
                decimals=0,
                thresholds=((None, "red"), (1, "green")),
            ),
            panels.number(
                say("积压", "Lag"),
                say("尚未提交的记录数，所有主题合计。", "Records not yet committed, over all topics."),
                f"""SELECT if(count() = 0, nan, toFloat64(sum(lag))) AS "{say("条", "records")}" FROM worker_minute WHERE {_LATEST}""",
                decimals=0,
            ),
            panels.number(
                say("赶上还需", "To catch up"),
                say(
                    "积压最久的主题，按最近一分钟的速度。告警界限：10 分钟。",
                    "Of the topic furthest behind, at the pace of its last minute. The alert's limit: ten minutes.",
                ),
                f"""SELECT if(count() = 0, nan, 60 * max(minutes_behind)) AS "{say("积压 / 速度", "lag / pace")}" FROM worker_minute WHERE {_LATEST}""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (60, "yellow"), (600, "red")),
            ),
            panels.number(
                say("死信", "Dead letters"),
                say(
                    "本期无法处理而进入死信主题的记录，和占读取记录的百分比。",
                    "Records of this range that could not be processed, and their share of the records read.",
                ),
                f"""
SELECT sum(topics.dead_letters) AS "{say("条", "letters")}",
    concat(toString(round(100 * sum(topics.dead_letters) / greatest(sum(topics.records), 1), 2)), ' %') AS "{say("占比", "share")}"
FROM worker_reports
ARRAY JOIN topics
WHERE {_REPORTED} AND {_OF_EVENTS}""",
                decimals=0,
            ),
            panels.number(
                say("写入耗时", "Flush latency"),
                say(
                    "一次写入 ClickHouse 平均用时，和报告中最慢的平均值。",
                    "Mean time of one insert into ClickHouse, and the mean of the slowest report.",
                ),
                f"""
SELECT sum(flush_seconds) / greatest(sum(flushes), 1) AS "{say("平均", "mean")}", max(flush_seconds / greatest(flushes, 1)) AS "{say("最慢", "slowest")}"
FROM worker_reports
WHERE {_REPORTED}""",
                unit="s",
            ),
            panels.number(
                say("事件时间延迟", "Event-time delay"),
                say(
                    "从每次写入中最新事件的发生时间到入库，平均值。补录旧数据时很大，是正常的。",
                    "From the time of each flush's latest event to its being stored, mean. Large during a back-fill, rightly.",
                ),
                f"""SELECT sum(delay_seconds) / greatest(sum(flushes), 1) AS "{say("平均", "mean")}" FROM worker_reports WHERE {_REPORTED}""",
                unit="s",
            ),
            panels.lines(
                say("每分钟处理的记录", "Records processed a minute"),
                say(
                    "按事件类型；重复的也计入，死信不计。",
                    "By event type, duplicates included and dead letters not.",
                ),
                f"""
SELECT $__timeInterval(at) AS time, {named("replaceOne(topics.topic, '.events', '')", EVENT_TYPES, locale)} AS kind,
    sum(topics.records - topics.dead_letters) / greatest(dateDiff('minute', $__fromTime, $__toTime) / 150, 1) AS value
FROM worker_reports
ARRAY JOIN topics
WHERE {_REPORTED} AND {_OF_EVENTS}
GROUP BY time, topics.topic
ORDER BY time, kind""",
                bars=True,
            ),
            panels.lines(
                say("发布到入库的时间", "Time from published to stored"),
                say("秒；积压或存储变慢时上升。", "Seconds; rises with a backlog or a slow store.") + sampled,
                f"""
SELECT $__timeInterval(event_time) AS time, quantile(0.5)({_DELAY}) AS "{say("中位数", "median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {sample}
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.lines(
                say("积压", "Lag"),
                say("尚未提交的记录，按主题。", "Records not yet committed, by topic."),
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
                say("死信", "Dead letters"),
                say(
                    "无法处理的记录，按来源主题。", "Records that could not be processed, by the topic they came from."
                ),
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
                say("写入耗时", "Flush latency"),
                say(
                    "一次写入 ClickHouse 平均用时，和最慢的报告。",
                    "Mean time of one insert into ClickHouse, and of the slowest report.",
                ),
                f"""
SELECT $__timeInterval(at) AS time, sum(flush_seconds) / sum(flushes) AS "{say("平均", "mean")}",
    max(flush_seconds / flushes) AS "{say("最慢", "slowest")}"
FROM worker_reports
WHERE {_REPORTED} AND flushes > 0
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.lines(
                say("事件时间延迟", "Event-time delay"),
                say(
                    "从每次写入中最新事件的发生时间到入库，平均值。",
                    "From the time of each flush's latest event to its being stored, mean.",
                ),
                f"""
SELECT $__timeInterval(at) AS time, sum(delay_seconds) / sum(flushes) AS "{say("平均", "mean")}"
FROM worker_reports
WHERE {_REPORTED} AND flushes > 0
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.rows(
                say("渠道最后一次发声", "Each channel's last voice"),
                say(
                    "比平常间隔沉默得久的渠道，可能是上游断了。",
                    "A channel silent for much longer than usual may have lost its connection.",
                ),
                f"""
SELECT {named("channel", CHANNELS, locale)} AS "{say("渠道", "Channel")}", max(minute) AS "{say("最后一条", "Last voice")}",
    dateDiff('minute', max(minute), now()) AS "{say("分钟前", "Minutes ago")}",
    round(dateDiff('minute', min(minute), max(minute)) / greatest(sum(primary_events) - 1, 1), 1) AS "{say("平常间隔(分钟)", "Usual pause (minutes)")}",
    sum(primary_events) AS "{say("声音数", "Voices")}"
FROM gap_minute
WHERE minute >= now() - toIntervalDay(14)
GROUP BY channel
ORDER BY max(minute)""",
                span=12,
            ),
            panels.rows(
                say("分区", "Partitions"),
                say(
                    "每个分区占本期事件的百分比，和其中的最大偏移量。",
                    "Each partition's share of the events of this range, and their greatest offset.",
                )
                + sampled,
                f"""
SELECT source_topic AS "{say("主题", "Topic")}", source_partition AS "{say("分区", "Partition")}",
    100 * count() / sum(count()) OVER () AS "{say("占比", "Share")}", max(source_offset) AS "{say("最大偏移量", "Greatest offset")}", max(stored_at) AS "{say("最后写入", "Last write")}"
FROM events
WHERE {sample}
GROUP BY source_topic, source_partition
ORDER BY source_topic, source_partition""",
                units={say("占比", "Share"): "percent"},
                span=12,
            ),
            panels.rows(
                "Worker",
                say(
                    "本期报告过的 worker 进程；等待：ClickHouse 或 Kafka 不回答已有多久。",
                    "Worker processes that reported in this range; waiting: for how long ClickHouse or Kafka has not answered.",
                ),
                f"""
SELECT worker AS "{say("进程", "Process")}", max(at) AS "{say("最后报告", "Last report")}",
    argMax(arraySum(topics.partitions), at) AS "{say("分区数", "Partitions")}",
    round(sum(arraySum(topics.records)) / sum(seconds), 1) AS "{say("每秒读取", "Records a second")}",
    sum(stored) AS "{say("入库事件", "Events stored")}", argMax(arraySum(topics.lag), at) AS "{say("积压", "Lag")}",
    max(waiting_seconds) AS "{say("等待(秒)", "Waiting (s)")}"
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
