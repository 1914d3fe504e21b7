"""Alert rules about the pipeline itself: something has stopped, is late, or cannot be read.

A rule whose cause another rule already tells of says nothing: without workers there are no events, no aggregates and no
lag to be known, and that is one message, not four.
"""

from typing import Any, Literal, NamedTuple

from gapwatch.dashboards.alert_rule import LINK_ROOT, RUNBOOK, WhenUnknown, alert_rule, bullets, value
from gapwatch.dashboards.page import PIPELINE
from gapwatch.pipeline.words.catalogue import Speaker, gettext_noop
from gapwatch.pipeline.words.names import SEVERITIES

GROUP = "gapwatch-pipeline"
PLATFORM = "platform"
"""Who owns the pipeline."""
MINUTES_BEHIND = 10
"""Limit of the lag, in minutes that it takes to work it off."""

_LONG_AGO = 2880  # minutes: two days of silence are as long as any
_RECENTLY = "now() - toIntervalMinute(5)"
_NO_WORKER = f"(SELECT count() = 0 FROM worker_reports WHERE at >= {_RECENTLY})"
_WAITING = "(SELECT max(waiting_seconds) > 120 FROM worker_reports WHERE at >= now() - toIntervalMinute(1))"


class _Rule(NamedTuple):
    """`sql` returns the number that must not rise above `limit`; `panel` is the operators' page's that shows it.

    `summary` says what the {number} means, shown with so many decimals.
    """

    uid: str
    panel: int
    limit: int
    severity: Literal["warning", "critical"]
    title: str
    summary: str
    what_to_do: tuple[str, ...]
    sql: str
    on_error: WhenUnknown = "KeepLast"
    decimals: int = 0


_RULES = (
    _Rule(
        "gapwatch-no-workers",
        7,
        5,
        "critical",
        gettext_noop("No worker is at work"),
        gettext_noop("For {number} minutes no worker has reported"),
        (
            gettext_noop("gapwatch status: do Kafka and ClickHouse answer?"),
            gettext_noop("Start gapwatch worker and read its log; what waits is made up for, nothing is lost."),
        ),
        f"""
SELECT 'workers' AS stream, toFloat64(if(count() = 0, {_LONG_AGO}, dateDiff('minute', max(at), now64(3)))) AS value
FROM worker_reports
WHERE at >= now() - toIntervalMinute({_LONG_AGO})""",
        "Alerting",
    ),
    _Rule(
        "gapwatch-waiting",
        7,
        120,
        "critical",
        gettext_noop("Workers wait for a server"),
        gettext_noop("For {number} seconds Kafka or ClickHouse has not answered"),
        (
            gettext_noop("/health of the workers says which server, since when and why."),
            gettext_noop("Bring it back; what waits is made up for, nothing is lost. The lag is not known meanwhile."),
        ),
        """
SELECT 'waiting' AS stream, toFloat64(max(waiting_seconds)) AS value
FROM worker_reports
WHERE at >= now() - toIntervalMinute(1)""",
    ),
    _Rule(
        "gapwatch-no-events",
        1,
        60,
        "critical",
        gettext_noop("No events arrive"),
        gettext_noop("For {number} minutes nothing was stored"),
        (
            gettext_noop("gapwatch status: without lag nobody publishes; with lag, read the worker's log."),
            gettext_noop("See each channel's last voice."),
        ),
        f"""
SELECT 'events' AS stream,
    toFloat64(multiIf({_NO_WORKER} OR {_WAITING}, 0, count() = 0, {_LONG_AGO}, dateDiff('minute', max(stored_at), now()))) AS value
FROM event_versions
WHERE event_time >= now() - toIntervalMinute({_LONG_AGO})""",
    ),
    _Rule(
        "gapwatch-no-rollups",
        1,
        15,
        "critical",
        gettext_noop("Aggregates lag behind events"),
        gettext_noop("Aggregates are {number} minutes behind"),
        (
            gettext_noop("gapwatch status: lag of the topic gapwatch.dirty-minutes."),
            gettext_noop("gapwatch recount names the differences, --repair derives them again."),
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
        gettext_noop("Signals are not evaluated"),
        gettext_noop("For {number} minutes nothing was evaluated"),
        (gettext_noop("Without evaluation there are no alerts: start gapwatch signals run again and read its log."),),
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
        gettext_noop("Workers do not keep up"),
        gettext_noop("At the present pace the lag takes {number} minutes"),
        (
            gettext_noop("During a back-fill this is right and passes."),
            gettext_noop(
                "Else run more workers (gapwatch worker --processes N, up to the partitions) and see whether flushes got slow."
            ),
            gettext_noop("Signals that open meanwhile are told when the lag is gone, if they still stand."),
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
        "gapwatch-lost-records",
        9,
        0,
        "critical",
        gettext_noop("Records left their topic before they were read"),
        gettext_noop("In the last day {number} records were found gone"),
        (
            gettext_noop("gapwatch status names the topics; the worker's log names the offsets."),
            gettext_noop("If the senders still have the records: publish them again; no event is counted twice."),
            gettext_noop("Let topics keep records for longer than workers may be away, and see why they were."),
        ),
        """
SELECT 'lost' AS stream, toFloat64(ifNull(sum(next_offset - first_offset), 0)) AS value
FROM lost_records FINAL
WHERE noticed_at >= now() - toIntervalDay(1)""",
    ),
    _Rule(
        "gapwatch-dead-letters",
        10,
        1,
        "warning",
        gettext_noop("Dead letters rise"),
        gettext_noop(
            "{number} % of the records of 15 minutes could not be "
            "processed, more than three times as many as in the last seven days"
        ),
        (
            gettext_noop("gapwatch dead-letters list tells the reasons; mostly a sender has changed its format."),
            gettext_noop("When it is mended: gapwatch dead-letters replay."),
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
        decimals=1,
    ),
)


def rules(say: Speaker, docs_url: str) -> list[dict[str, Any]]:
    """The rules in the file form. `docs_url` stands before the path of the runbook."""
    return [_written(rule, say, docs_url) for rule in _RULES]


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


def _written(rule: _Rule, say: Speaker, docs_url: str) -> dict[str, Any]:
    title = say(rule.title)
    summary = say(rule.summary, number=value(rule.decimals))
    limit = say("{summary} (limit {limit}). Blank: ClickHouse does not answer.", summary=summary, limit=rule.limit)
    return alert_rule(
        rule.uid,
        title,
        rule.sql,
        above=rule.limit,
        panel=(PIPELINE, rule.panel),
        pending="5m",
        no_data="Alerting",
        on_error=rule.on_error,  # ClickHouse away fails every query: one of the rules tells of it
        annotations={
            "summary": say("[{severity}] {title}", severity=say(SEVERITIES[rule.severity]), title=title),
            "description": f"{limit}\n{bullets([say(line) for line in rule.what_to_do])}",
            "link": f"{LINK_ROOT}/d/{PIPELINE}",
            "runbook_url": f"{docs_url}{RUNBOOK}#it-is-about-the-pipeline",
        },
        labels={"severity": rule.severity, "gap": "none", "owner": PLATFORM},
    )
