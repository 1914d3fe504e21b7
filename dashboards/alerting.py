"""Grafana's alert rules in the form it provisions from files.

The detector judges what is worse (docs/alerts.md); a rule fires while one of its signals is open. String columns of a query
become labels, and labels are an alert's identity: only what never changes during an episode may be a string, so the
numbers in words are those of its opening, and the one number is the index now. Templates use the dotted form
(`.Labels`), never `$labels`, which some versions of Grafana read as an environment variable.
"""

from typing import Any

from gapwatch.dashboards import pipeline_alerts
from gapwatch.dashboards.frame import CONVERSATIONS, FULFILLMENT
from gapwatch.dashboards.query import named
from gapwatch.dashboards.rule import LINK_ROOT, RUNBOOK, SOURCE, conditions
from gapwatch.dashboards.words import CHANNELS, GAPS, SEVERITIES, Locale, Words
from gapwatch.pipeline.signals.measures import MEASURE_NAMES, SUGGESTIONS
from gapwatch.pipeline.signals.series import MEASURES, Measure
from gapwatch.pipeline.signals.verdict import SEVERITIES as LEVELS
from gapwatch.pipeline.signals.verdict import Severity

SIGNALS_GROUP = "gapwatch-signals"
GROUPS = (SIGNALS_GROUP, pipeline_alerts.GROUP)
INTERVAL_SECONDS = 60

OWNERS: dict[Measure, str] = {
    "information": "product",
    "design": "product",
    "communication": "marketing",
    "fulfillment": "operations",
    "response": "care",
    "promises": "operations",
}
# The panel that an alert is drawn beside: see the order of panels in the dashboards.
_PANELS: dict[Measure, tuple[str, int]] = dict.fromkeys(MEASURES, (FULFILLMENT, 1)) | {
    "response": (CONVERSATIONS, 7),
    "promises": (FULFILLMENT, 6),
}
_QUOTE_BEFORE, _QUOTE_LENGTH, _NAME_LENGTH = 20, 80, 40


def groups(locale: Locale, docs_url: str, time_zone: str) -> list[dict[str, Any]]:
    """Rule groups in the file form. `docs_url` stands before the path of each runbook."""
    signals = [_worse("fulfillment", (severity,), locale, docs_url, time_zone) for severity in LEVELS]
    signals += [
        _worse(measure, ("warning", "critical"), locale, docs_url, time_zone)
        for measure in MEASURES
        if measure != "fulfillment"
    ]
    return [_group(SIGNALS_GROUP, signals), _group(pipeline_alerts.GROUP, pipeline_alerts.rules(locale, docs_url))]


def _group(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"orgId": 1, "name": name, "folder": "gapwatch", "interval": f"{INTERVAL_SECONDS}s", "rules": rules}


def _worse(
    measure: Measure, severities: tuple[Severity, ...], locale: Locale, docs_url: str, time_zone: str
) -> dict[str, Any]:
    """Fires while a signal of one of these severities is open."""
    severity = severities[0]
    uid, panel = _PANELS[measure]
    name = MEASURE_NAMES[locale][measure]
    level = SEVERITIES[severity](locale)
    return {
        "uid": f"gapwatch-{measure}-{severity}",
        "title": Words(f"{name}变差（{level}）", f"{name[0].upper()}{name[1:]} got worse ({level.lower()})")(locale),
        "condition": "B",
        "data": conditions(_open_signals(measure, severities, locale, time_zone), above=0),
        "dashboardUid": uid,
        "panelId": panel,
        # A query that fails says nothing about a gap: one rule of the pipeline tells of it.
        "noDataState": "KeepLast",
        "execErrState": "KeepLast",
        "for": "1m",
        "annotations": {
            "summary": Words(f"【{level}】{name}变差：", f"[{level}] {name} got worse: ")(locale)
            + "{{ .Labels.place }}",
            "description": _description(measure, locale),
            "measures": _bullets(SUGGESTIONS[locale][measure], locale),
            "link": _LINK,
            "runbook_url": f"{docs_url}{RUNBOOK}#your-phone-rang-reading-a-signal",
        },
        "labels": {"source": SOURCE, "severity": severity, "gap": measure, "owner": OWNERS[measure]},
        "isPaused": False,
    }


_LINK = LINK_ROOT + "{{ .Labels.link }}"


def _description(measure: Measure, locale: Locale) -> str:
    said = Words(
        '指数现在 {{ with .Values.A }}{{ printf "%.1f" .Value }}{{ end }}。{{ .Labels.since }} 开始变差；{{ .Labels.at_opening }}。\n'
        "客户原话：\n{{ .Labels.quotes }}\n建议：\n",
        'Index now {{ with .Values.A }}{{ printf "%.1f" .Value }}{{ end }}. Worse since {{ .Labels.since }}; {{ .Labels.at_opening }}.\n'
        "In their words:\n{{ .Labels.quotes }}\nSuggested:\n",
    )
    see = Words("查看：", "See: ")(locale)
    return f"{said(locale)}{_bullets(SUGGESTIONS[locale][measure], locale)}\n{see}{_LINK}"


def _bullets(lines: tuple[str, ...], locale: Locale) -> str:
    return "\n".join(f"{'·' if locale == 'zh' else '-'} {line}" for line in lines)


def _open_signals(measure: Measure, severities: tuple[Severity, ...], locale: Locale, time_zone: str) -> str:
    """One row a signal that stands by itself, and always one of zero, without which Grafana would see no data.

    What another signal explains, and what opened while workers were behind, is left out: Grafana's own inhibition
    cannot be provisioned.
    """
    levels = ", ".join(f"'{severity}'" for severity in severities)
    return f"""
WITH open AS (
    SELECT series, opened, since, channel, product_id, region, gap_index, examples
    FROM signals
    WHERE measure = '{measure}' AND severity IN ({levels}) AND state != 'recovered' AND part_of = ''
        AND opened <= ({pipeline_alerts.told_until()}
        )
),
spoken AS (
    SELECT event_id, text, arrayFilter(one -> one.gap = '{measure}', evidence)[1].text AS words,
        greatest(toInt64(positionUTF8(text, words)) - {_QUOTE_BEFORE}, 1) AS start
    FROM events
    WHERE event_time >= (SELECT if(count() = 0, now(), min(since)) FROM open) AND event_id IN (SELECT arrayJoin(examples) FROM open)
),
quoted AS (
    SELECT series, opened, arrayStringConcat(groupArray(concat('“', {_QUOTE}, '”')), '\\n') AS quotes
    FROM (SELECT series, opened, arrayJoin(examples) AS event_id FROM open) AS named
    INNER JOIN spoken USING (event_id)
    GROUP BY series, opened
)
SELECT
    hex(halfMD5(open.series, toUnixTimestamp(open.opened))) AS signal,
    {_place(locale)} AS place,
    formatDateTime(open.since, '%m-%d %H:%i', '{time_zone}') AS since,
    {_at_opening(locale)} AS at_opening,
    if(quoted.quotes = '', '{Words("（无）", "(none)")(locale)}', quoted.quotes) AS quotes,
    {_link(measure)} AS link,
    greatest(open.gap_index, 0.01) AS value
FROM open
LEFT JOIN quoted ON quoted.series = open.series AND quoted.opened = open.opened
LEFT JOIN signal_changes AS change ON change.series = open.series AND change.minute = open.opened
UNION ALL
SELECT '', '', '', '', '', '', 0"""


_QUOTE = (
    rf"replaceRegexpAll(replaceOne(substringUTF8(text, start, {_QUOTE_LENGTH}), words, "
    r"if(words = '', '', concat('【', words, '】'))), '[\\s[:cntrl:]]+', ' ')"
)


def _place(locale: Locale) -> str:
    def said(shown: str, column: str, words: Words) -> str:
        before, after = words(locale).split("…")
        short = rf"replaceRegexpAll(substringUTF8(toString({shown}), 1, {_NAME_LENGTH}), '[\\s[:cntrl:]]+', ' ')"
        return f"if({column} = '', '', concat('{before}', {short}, '{after}'))"

    parts = ", ".join(
        [
            said("open.product_id", "open.product_id", Words("商品“…”", "product “…”")),
            said(named("open.channel", CHANNELS, locale), "open.channel", Words("渠道“…”", "channel “…”")),
            said("open.region", "open.region", Words("地区“…”", "region “…”")),
        ]
    )
    joined = f"arrayStringConcat(arrayFilter(part -> part != '', [{parts}]), ' · ')"
    return f"if(open.channel = '' AND open.product_id = '' AND open.region = '', '{Words('全部', 'everywhere')(locale)}', {joined})"


def _at_opening(locale: Locale) -> str:
    index, usual = "toString(round(change.gap_index, 1))", "toString(round(change.expected_index, 1))"
    said = Words(
        f"concat('发现时指数 ', {index}, '，通常 ', {usual}, '，', toString(change.voices), ' 条声音中有 ', "
        "toString(change.events), ' 条提到，来自 ', toString(change.customers), ' 位客户')",
        f"concat('when found the index was ', {index}, ', usually ', {usual}, '; ', toString(change.events), ' of ', "
        "toString(change.voices), ' voices spoke of it, from ', toString(change.customers), ' customers')",
    )
    return said(locale)


def _link(measure: Measure) -> str:
    page, _ = _PANELS[measure]
    gap = f"&var-gap={measure}" if measure in GAPS else ""
    chosen = ", ".join(
        f"if(open.{column} = '', '', concat('&var-{variable}=', encodeURLComponent(toString(open.{column}))))"
        for variable, column in (("channel", "channel"), ("product", "product_id"), ("region", "region"))
    )
    return f"concat('/d/{page}?from=', toString(toUnixTimestamp(open.since) - 86400), '000&to=now{gap}', {chosen})"
