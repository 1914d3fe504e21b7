"""Grafana's alert rules on signals.

The detector judges what is worse (docs/alerts.md); a rule fires while one of its signals is open. String columns of a query
become labels, and labels are an alert's identity: only what never changes during an episode may be a string, so the
numbers in words are those of its opening, and the one number is the index now. Templates use the dotted form
(`.Labels`), never `$labels`, which some versions of Grafana read as an environment variable.
"""

from typing import Any

from gapwatch.dashboards import pipeline_alerts
from gapwatch.dashboards.alert_rule import LINK_ROOT, RUNBOOK, alert_rule, bullets, value
from gapwatch.dashboards.page import CONVERSATIONS, FULFILLMENT
from gapwatch.dashboards.query import filled_in, literal, named
from gapwatch.pipeline.signals.series import GAP_MEASURES, MEASURES, Measure
from gapwatch.pipeline.signals.suggestions import suggestions
from gapwatch.pipeline.signals.verdict import SEVERITIES, Severity
from gapwatch.pipeline.words import names
from gapwatch.pipeline.words.catalogue import Speaker

GROUP = "gapwatch-signals"

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


def rules(say: Speaker, docs_url: str, time_zone: str) -> list[dict[str, Any]]:
    """The rules in the file form. `docs_url` stands before the path of the runbook."""
    made = [_rule("fulfillment", (severity,), say, docs_url, time_zone) for severity in SEVERITIES]
    others = [measure for measure in MEASURES if measure != "fulfillment"]
    return made + [_rule(measure, ("warning", "critical"), say, docs_url, time_zone) for measure in others]


def _rule(
    measure: Measure, severities: tuple[Severity, ...], say: Speaker, docs_url: str, time_zone: str
) -> dict[str, Any]:
    """Fires while a signal of one of these severities is open."""
    name, severity = say(names.MEASURES[measure]), say(names.SEVERITIES[severities[0]])
    place = "{{ .Labels.place }}"
    return alert_rule(
        f"gapwatch-{measure}-{severities[0]}",
        say("{measure} got worse ({severity})", measure=name, severity=severity),
        _open_signals(measure, severities, say, time_zone),
        above=0,
        panel=_PANELS[measure],
        pending="1m",
        # A query that fails says nothing about a gap: one rule of the pipeline tells of it.
        no_data="KeepLast",
        on_error="KeepLast",
        annotations={
            "summary": say("[{severity}] {measure} got worse: {place}", measure=name, severity=severity, place=place),
            "description": _description(measure, say),
            "measures": bullets(suggestions(measure, say)),
            "link": _LINK,
            "runbook_url": f"{docs_url}{RUNBOOK}#your-phone-rang-reading-a-signal",
        },
        labels={"severity": severities[0], "gap": measure, "owner": OWNERS[measure]},
    )


_LINK = LINK_ROOT + "{{ .Labels.link }}"


def _description(measure: Measure, say: Speaker) -> str:
    index, since, at_opening = value(1), "{{ .Labels.since }}", "{{ .Labels.at_opening }}"
    lines = (
        say("Index now {index}. Worse since {since}; {at_opening}.", index=index, since=since, at_opening=at_opening),
        say("In customers' own words:"),
        "{{ .Labels.quotes }}",
        say("Suggested:"),
        bullets(suggestions(measure, say)),
        say("See: {link}", link=_LINK),
    )
    return "\n".join(lines)


def _open_signals(measure: Measure, severities: tuple[Severity, ...], say: Speaker, time_zone: str) -> str:
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
    ORDER BY has(gaps, '{measure}') DESC, severity DESC LIMIT 1 BY event_id
),
quoted AS (
    SELECT series, opened, arrayStringConcat(groupArray(concat('“', {_QUOTE}, '”')), '\\n') AS quotes
    FROM (SELECT series, opened, arrayJoin(examples) AS event_id FROM open) AS named
    INNER JOIN spoken USING (event_id)
    GROUP BY series, opened
)
SELECT
    hex(halfMD5(open.series, toUnixTimestamp(open.opened))) AS signal,
    {_place(say)} AS place,
    formatDateTime(open.since, '%m-%d %H:%i', '{time_zone}') AS since,
    {_at_opening(say)} AS at_opening,
    if(quoted.quotes = '', {literal(say("(none)"))}, quoted.quotes) AS quotes,
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


def _place(say: Speaker) -> str:
    """As `where` of the alerts says a place."""
    shown = {
        "product_id": "toString(open.product_id)",
        "channel": f"toString({named('open.channel', names.CHANNELS, say)})",
        "region": "toString(open.region)",
    }
    parts = ", ".join(
        f"if(open.{column} = '', '', {filled_in(say(part), name=_one_line(shown[column]))})"
        for column, part in names.PLACE_PARTS.items()
    )
    joined = f"arrayStringConcat(arrayFilter(part -> part != '', [{parts}]), {literal(names.PLACE_SEPARATOR)})"
    everywhere = literal(say(names.EVERYWHERE))
    return f"if(open.channel = '' AND open.product_id = '' AND open.region = '', {everywhere}, {joined})"


def _one_line(text: str) -> str:
    return rf"replaceRegexpAll(substringUTF8({text}, 1, {_NAME_LENGTH}), '[\\s[:cntrl:]]+', ' ')"


def _at_opening(say: Speaker) -> str:
    return filled_in(
        say(
            "when found the index was {index}, usually {usual}; {events} of {voices} voices spoke of it, "
            "from {customers} customers"
        ),
        index="toString(round(change.gap_index, 1))",
        usual="toString(round(change.expected_index, 1))",
        voices="toString(change.voices)",
        events="toString(change.events)",
        customers="toString(change.customers)",
    )


def _link(measure: Measure) -> str:
    page, _ = _PANELS[measure]
    gap = f"&var-gap={measure}" if measure in GAP_MEASURES else ""
    chosen = ", ".join(
        f"if(open.{column} = '', '', concat('&var-{variable}=', encodeURLComponent(toString(open.{column}))))"
        for variable, column in (("channel", "channel"), ("product", "product_id"), ("region", "region"))
    )
    return f"concat('/d/{page}?from=', toString(toUnixTimestamp(open.since) - 86400), '000&to=now{gap}', {chosen})"
