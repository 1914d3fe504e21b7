"""Alert rules about the pipeline itself: something has stopped, is late, or cannot be read.

A rule whose cause another rule already tells of says nothing: without workers there are no events, no aggregates and no
lag to be known, and that is one message, not four.
"""

from typing import Any, Literal, NamedTuple

from gapwatch.dashboards.frame import PIPELINE
from gapwatch.dashboards.rule import LINK_ROOT, RUNBOOK, SOURCE, conditions
from gapwatch.dashboards.words import Locale, Words

GROUP = "gapwatch-pipeline"
PLATFORM = "platform"
"""Who owns the pipeline."""
MINUTES_BEHIND = 10
"""Limit of the lag, in minutes that it takes to work it off."""

_LONG_AGO = 2880  # minutes: two days of silence are as long as any
_RECENTLY = "now() - toIntervalMinute(5)"
_NO_WORKER = f"(SELECT count() = 0 FROM worker_reports WHERE at >= {_RECENTLY})"
_MINUTES = Words(
    '已有 {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} 分钟',
    'For {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} minutes',
)


class _Rule(NamedTuple):
    """`sql` returns the number that must not rise above `limit`; `panel` is the operators' page's that shows it."""

    uid: str
    panel: int
    limit: int
    severity: Literal["warning", "critical"]
    title: Words
    said: Words
    what_to_do: Words
    sql: str
    on_error: Literal["Alerting", "KeepLast"] = "KeepLast"


_RULES = (
    _Rule(
        "gapwatch-no-workers",
        7,
        5,
        "critical",
        Words("没有 worker 在运行", "No worker is at work"),
        Words(f"{_MINUTES.zh}没有 worker 报告", f"{_MINUTES.en} no worker has reported"),
        Words(
            "· gapwatch status：Kafka 和 ClickHouse 是否应答。\n· 启动 gapwatch worker，看它的日志；积压会自动补上，不丢数据。",
            "- gapwatch status: do Kafka and ClickHouse answer?\n"
            "- Start gapwatch worker and read its log; what waits is made up for, nothing is lost.",
        ),
        f"""
SELECT 'workers' AS stream, toFloat64(if(count() = 0, {_LONG_AGO}, dateDiff('minute', max(at), now64(3)))) AS value
FROM worker_reports
WHERE at >= now() - toIntervalMinute({_LONG_AGO})""",
        "Alerting",
    ),
    _Rule(
        "gapwatch-no-events",
        1,
        60,
        "critical",
        Words("没有新的客户声音", "No events arrive"),
        Words(f"{_MINUTES.zh}没有事件入库", f"{_MINUTES.en} nothing was stored"),
        Words(
            "· gapwatch status：没有积压，是上游不再发布；有积压，看 worker 的日志。\n· 查看每个渠道最后一次发声。",
            "- gapwatch status: without lag nobody publishes; with lag, read the worker's log.\n"
            "- See each channel's last voice.",
        ),
        f"""
SELECT 'events' AS stream,
    toFloat64(multiIf({_NO_WORKER}, 0, count() = 0, {_LONG_AGO}, dateDiff('minute', max(stored_at), now()))) AS value
FROM event_versions
WHERE event_time >= now() - toIntervalMinute({_LONG_AGO})""",
    ),
    _Rule(
        "gapwatch-no-rollups",
        1,
        15,
        "critical",
        Words("汇总落后于客户声音", "Aggregates lag behind events"),
        Words(
            '汇总落后 {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} 分钟',
            'Aggregates are {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} minutes behind',
        ),
        Words(
            "· gapwatch status：看主题 gapwatch.dirty-minutes 的积压。\n· gapwatch recount 列出差异，--repair 重新汇总。",
            "- gapwatch status: lag of the topic gapwatch.dirty-minutes.\n"
            "- gapwatch recount names the differences, --repair derives them again.",
        ),
        f"""
SELECT 'rollups' AS stream,
    toFloat64(if({_NO_WORKER} OR newest <= rolled, 0, dateDiff('minute', rolled, newest))) AS value
FROM (
    SELECT toStartOfMinute(max(event_time)) AS newest
    FROM event_versions
    WHERE event_time >= now() - toIntervalMinute({_LONG_AGO}) AND event_time <= now()
        AND stored_at <= {_RECENTLY} AND is_deleted = 0
) AS stored
CROSS JOIN (
    SELECT greatest(max(minute), now() - toIntervalMinute({_LONG_AGO})) AS rolled
    FROM gap_minute
    WHERE minute >= now() - toIntervalMinute({_LONG_AGO})
) AS derived""",
    ),
    _Rule(
        "gapwatch-no-evaluation",
        4,
        15,
        "critical",
        Words("差距检测停了", "Signals are not evaluated"),
        Words(f"{_MINUTES.zh}没有检测", f"{_MINUTES.en} nothing was evaluated"),
        Words(
            "· 没有检测就没有告警：重新启动 gapwatch signals run，看它的日志。",
            "- Without evaluation there are no alerts: start gapwatch signals run again and read its log.",
        ),
        f"""
SELECT 'signals' AS stream, toFloat64(if(count() = 0, {_LONG_AGO}, dateDiff('minute', max(minute), now()))) AS value
FROM signal_evaluations
WHERE minute >= now() - toIntervalMinute({_LONG_AGO})""",
    ),
    _Rule(
        "gapwatch-lag",
        9,
        MINUTES_BEHIND,
        "warning",
        Words("处理跟不上", "Workers do not keep up"),
        Words(
            '按现在的速度，积压还要 {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} 分钟才能处理完',
            'At the present pace the lag takes {{ with .Values.A }}{{ printf "%.0f" .Value }}{{ end }} minutes',
        ),
        Words(
            "· 补录旧数据时是正常的，等它过去。\n· 否则多开 worker（gapwatch worker --processes N，最多到分区数），看写入耗时是否上升。\n"
            "· 期间新开的差距信号暂不通知，赶上后仍未恢复的会补发。",
            "- During a back-fill this is right and passes.\n"
            "- Else run more workers (gapwatch worker --processes N, up to the partitions) and see whether flushes got slow.\n"
            "- Signals that open meanwhile are told when the lag is gone, if they still stand.",
        ),
        f"""
SELECT 'lag' AS stream, toFloat64(max(least_behind)) AS value
FROM (
    SELECT min(minutes_behind) AS least_behind
    FROM worker_minute
    WHERE minute >= {_RECENTLY} AND minute < toStartOfMinute(now())
    GROUP BY topic
)""",
    ),
    _Rule(
        "gapwatch-dead-letters",
        10,
        1,
        "warning",
        Words("死信增多", "Dead letters rise"),
        Words(
            '最近 15 分钟有 {{ with .Values.A }}{{ printf "%.1f" .Value }}{{ end }} % 的记录无法处理，是过去七天的三倍以上',
            '{{ with .Values.A }}{{ printf "%.1f" .Value }}{{ end }} % of the records of 15 minutes could not be '
            "processed, more than three times as many as in the last seven days",
        ),
        Words(
            "· gapwatch dead-letters list 按原因列出；多半是某个上游改了格式。\n· 修好后 gapwatch dead-letters replay 重新处理。",
            "- gapwatch dead-letters list tells the reasons; mostly a sender has changed its format.\n"
            "- When it is mended: gapwatch dead-letters replay.",
        ),
        """
SELECT 'dead letters' AS stream, toFloat64(if(letters >= 10 AND share > 3 * usual, 100 * share, 0)) AS value
FROM (
    SELECT sumIf(dead_letters, recent) AS letters, letters / greatest(sumIf(records, recent), 1) AS share,
        sumIf(dead_letters, NOT recent) / greatest(sumIf(records, NOT recent), 1) AS usual
    FROM (
        SELECT *, minute >= now() - toIntervalMinute(15) AS recent
        FROM worker_minute
        WHERE minute >= now() - toIntervalDay(7) AND endsWith(topic, '.events')
    )
)""",
    ),
)


def rules(locale: Locale, docs_url: str) -> list[dict[str, Any]]:
    """The rules in the file form. `docs_url` stands before the path of the runbook."""
    return [_written(rule, locale, docs_url) for rule in _RULES]


def told_until() -> str:
    """SQL of the instant up to which signals may be told of: now, unless workers are behind.

    While one topic lags behind another, shares are of a mixture that nobody published. What opens then waits until the
    workers have caught up; what opened before goes on. Without reports nothing is known and nothing held back.
    """
    return f"""
    SELECT if(max(minute) < {_RECENTLY}, now(),
        greatest(maxIf(minute, behind <= {MINUTES_BEHIND}) + toIntervalMinute(1), now() - toIntervalDay(1)))
    FROM (
        SELECT minute, max(minutes_behind) AS behind
        FROM worker_minute
        WHERE minute >= now() - toIntervalDay(1)
        GROUP BY minute
    )"""


def _written(rule: _Rule, locale: Locale, docs_url: str) -> dict[str, Any]:
    title = rule.title(locale)
    level = {"critical": Words("严重", "Critical"), "warning": Words("警告", "Warning")}[rule.severity](locale)
    limit = Words(
        f"（界限 {rule.limit}）。空着表示 ClickHouse 没有回答。\n",
        f" (limit {rule.limit}). Blank: ClickHouse does not answer.\n",
    )
    return {
        "uid": rule.uid,
        "title": title,
        "condition": "B",
        "data": conditions(rule.sql, above=rule.limit),
        "dashboardUid": PIPELINE,
        "panelId": rule.panel,
        "noDataState": "Alerting",
        # ClickHouse away fails every query: one of the rules tells of it.
        "execErrState": rule.on_error,
        "for": "5m",
        "annotations": {
            "summary": Words(f"【{level}】{title}", f"[{level}] {title}")(locale),
            "description": rule.said(locale) + limit(locale) + rule.what_to_do(locale),
            "link": f"{LINK_ROOT}/d/{PIPELINE}",
            "runbook_url": f"{docs_url}{RUNBOOK}#it-is-about-the-pipeline",
        },
        "labels": {"source": SOURCE, "severity": rule.severity, "gap": "none", "owner": PLATFORM},
        "isPaused": False,
    }
