"""The pipeline for its operators: does it keep up, how late is it, is anything silent."""

from typing import Any

from dashboards.frame import PIPELINE, PLACE, page
from dashboards.panels import Panels
from dashboards.query import named
from dashboards.words import CHANNELS, EVENT_TYPES, Locale, Words

_STORED = "$__timeFilter(stored_at)"
_DELAY = "dateDiff('millisecond', published_at, stored_at) / 1000"


def operations(locale: Locale) -> dict[str, Any]:
    """For operators. Reads when events were published and stored; a worker's own metrics are at its /metrics."""
    panels = Panels(locale)

    def say(zh: str, en: str) -> str:
        return Words(zh, en)(locale)

    return page(
        PIPELINE,
        locale,
        Words("跟得上吗,晚多少,有没有哪里沉默。", "Does it keep up, how late is it, is anything silent."),
        [
            panels.number(
                say("最后一次写入", "Last write"),
                say("距最近一条事件入库的秒数。", "Seconds since the latest event was stored."),
                f"""SELECT dateDiff('second', max(stored_at), now()) AS "{say("秒前", "seconds ago")}" FROM events""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("入库事件", "Events stored"),
                say("本期入库的事件数。", "Events stored in this range."),
                f"""SELECT count() AS "{say("事件", "events")}" FROM events WHERE {_STORED} AND {PLACE}""",
                decimals=0,
            ),
            panels.number(
                say("发布到入库", "Published to stored"),
                say("从 Kafka 时间戳到入库:中位数和 99%。", "From the Kafka timestamp to the row: median and 99 %."),
                f"""
SELECT quantile(0.5)({_DELAY}) AS "{say("中位数", "median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {_STORED} AND {PLACE}""",
                unit="s",
            ),
            panels.number(
                say("最后一次检测", "Last evaluation"),
                say("距最近一次信号检测的秒数。", "Seconds since the signals were last evaluated."),
                f"""SELECT dateDiff('second', max(minute), now()) AS "{say("秒前", "seconds ago")}" FROM signal_evaluations""",
                unit="s",
                decimals=0,
                thresholds=((None, "green"), (300, "yellow"), (900, "red")),
            ),
            panels.number(
                say("模型版本", "Model versions"),
                say(
                    "本期事件由几个模型版本读过;多于一个时可用 reprocess 统一。",
                    "How many model versions read the events of this range; reprocess makes them one.",
                ),
                f"""SELECT uniqExact(model_version) AS "{say("版本", "versions")}" FROM events WHERE {_STORED} AND {PLACE}""",
                decimals=0,
            ),
            panels.number(
                say("评分与文字相反", "Rating against text"),
                say("星级评分与文字情绪相反的反馈百分比。", "Feedback whose rating contradicts its words."),
                f"""
SELECT 100 * countIf(rating_conflict) / greatest(countIf(rating IS NOT NULL), 1) AS "{say("占比", "share")}"
FROM events
WHERE {_STORED} AND {PLACE}""",
                unit="percent",
            ),
            panels.lines(
                say("每分钟入库事件", "Events stored a minute"),
                say("按事件类型。", "By event type."),
                f"""
SELECT $__timeInterval(stored_at) AS time, {named("event_type", EVENT_TYPES, locale)} AS kind,
    count() / greatest(dateDiff('minute', $__fromTime, $__toTime) / 150, 1) AS value
FROM events
WHERE {_STORED} AND {PLACE}
GROUP BY time, kind
ORDER BY time, kind""",
                bars=True,
            ),
            panels.lines(
                say("发布到入库的时间", "Time from published to stored"),
                say("秒;积压或存储变慢时上升。", "Seconds; rises with a backlog or a slow store."),
                f"""
SELECT $__timeInterval(stored_at) AS time, quantile(0.5)({_DELAY}) AS "{say("中位数", "median")}", quantile(0.99)({_DELAY}) AS "99 %"
FROM events
WHERE {_STORED} AND {PLACE}
GROUP BY time
ORDER BY time""",
                unit="s",
            ),
            panels.rows(
                say("渠道最后一次发声", "Each channel's last voice"),
                say(
                    "比平常间隔沉默得久的渠道,可能是上游断了。",
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
                    "每个分区本期入库的事件和最大偏移量。",
                    "Events stored by partition in this range, and the greatest offset.",
                ),
                f"""
SELECT source_topic AS "{say("主题", "Topic")}", source_partition AS "{say("分区", "Partition")}",
    count() AS "{say("事件", "Events")}", max(source_offset) AS "{say("最大偏移量", "Greatest offset")}", max(stored_at) AS "{say("最后写入", "Last write")}"
FROM events
WHERE {_STORED} AND {PLACE}
GROUP BY source_topic, source_partition
ORDER BY source_topic, source_partition""",
                span=12,
            ),
        ],
        since="now-6h",
    )
