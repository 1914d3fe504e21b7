"""The weekly report: one file for a meeting, with its charts inside, that opens offline."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from gapwatch.dashboards.colors import GAP_COLORS, GAPS_IN_ORDER, NOW_COLOR, USUAL_COLOR
from gapwatch.pipeline.signals.series import MEASURES
from gapwatch.pipeline.signals.suggestions import suggestions
from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.words import names
from gapwatch.pipeline.words.catalogue import Locale, Speaker

_WORST_VOICES = 8

# Every query compares the period [start, end) with the one of the same length before it.
_CHANGES = """
SELECT
    sumIf(primary_events, current) AS voices, sumIf(primary_events, NOT current) AS voices_before,
    100 * sumIf(primary_negative, current) / greatest(voices, 1) AS negative,
    100 * sumIf(primary_negative, NOT current) / greatest(voices_before, 1) AS negative_before,
    sumIf(promises_kept, current) AS kept, sumIf(promises_broken, current) AS broken,
    sumIf(promises_kept, NOT current) AS kept_before, sumIf(promises_broken, NOT current) AS broken_before
FROM (SELECT *, hour >= %(start)s AS current FROM gap_hour WHERE hour >= %(before)s AND hour < %(end)s)
"""
_INDEXES = """
SELECT gap, 100 * sumIf(severity_sum, current) / greatest(any(all_now), 1), 100 * sumIf(severity_sum, NOT current) / greatest(any(all_before), 1),
    sumIf(events, current)
FROM (
    SELECT *, hour >= %(start)s AS current, sumIf(primary_events, hour >= %(start)s) OVER () AS all_now,
        sumIf(primary_events, hour < %(start)s) OVER () AS all_before
    FROM gap_hour WHERE hour >= %(before)s AND hour < %(end)s
)
WHERE gap != 'none'
GROUP BY gap
"""
_DAYS = """
SELECT toStartOfInterval(hour, INTERVAL 6 HOUR) AS time,
    100 * sumIf(severity_sum, gap = 'fulfillment') / greatest(sum(primary_events), 1)
FROM gap_hour WHERE hour >= %(from)s AND hour < %(until)s
GROUP BY time ORDER BY time
"""
_PLACES = """
SELECT {place}, sum(primary_events) AS voices,
    100 * sumIf(events, gap = 'fulfillment') / voices, 100 * sumIf(events, gap = 'communication') / voices,
    100 * sumIf(events, gap = 'design') / voices, 100 * sumIf(events, gap = 'information') / voices
FROM gap_hour WHERE hour >= %(start)s AND hour < %(end)s AND {place} != ''
GROUP BY {place} HAVING voices >= 20 ORDER BY sumIf(severity_sum, gap = 'fulfillment') / voices DESC LIMIT 12
"""
_VOICES = """
SELECT event_time, channel, product_id, text, arrayMap(e -> e.text, evidence), primary_gap
FROM events
WHERE event_time >= %(start)s AND event_time < %(end)s AND primary_gap != 'none' AND event_type != 'chat' AND lengthUTF8(text) BETWEEN 12 AND 160
ORDER BY severity DESC, sentiment_score LIMIT 1 BY product_id, primary_gap LIMIT %(count)s
"""
_SIGNALS = """
SELECT measure, severity, channel, product_id, region, opened, recovered, expected_index, peak_index, events, voices
FROM signals WHERE part_of = '' AND opened < %(end)s AND (recovered IS NULL OR recovered >= %(start)s)
ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, peak_index / greatest(expected_index, 0.1) DESC LIMIT 20
"""
_CONVERSATIONS = """
SELECT sum(conversations), sum(unanswered), quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(first_response_state),
    quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(resolution_state), sum(mood_start_sum) / greatest(sum(moods), 1),
    sum(mood_end_sum) / greatest(sum(moods), 1)
FROM chat_minute_states WHERE minute >= %(from)s AND minute < %(until)s
"""


class Period(NamedTuple):
    """From `start` on, before `end`; both aware."""

    start: datetime
    end: datetime

    @property
    def before(self) -> datetime:
        """The start of the period of the same length before this one."""
        return self.start - (self.end - self.start)


def report(clickhouse: ClickHouse, period: Period, locale: Locale) -> str:
    """The report as one HTML page that needs nothing else. Raises StoreError."""
    asked = {"start": period.start, "end": period.end, "before": period.before, "count": _WORST_VOICES}

    def rows(query: str, **more: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = clickhouse.execute(query, {**asked, **more})
        return found

    say = Speaker(locale)
    signals = rows(_SIGNALS)
    pages = Environment(
        loader=PackageLoader("gapwatch.dashboards"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    return pages.get_template("report.html").render(
        say=say,
        locale=locale,
        period=period,
        changes=_named(rows(_CHANGES), _CHANGE_NAMES),
        indexes=sorted(rows(_INDEXES), key=lambda row: GAPS_IN_ORDER.index(row[0])),
        channels=rows(_PLACES.format(place="channel")),
        products=rows(_PLACES.format(place="product_id")),
        voices=rows(_VOICES),
        signals=signals,
        conversations=rows(_CONVERSATIONS, **{"from": period.start, "until": period.end})[0],
        conversations_before=rows(_CONVERSATIONS, **{"from": period.before, "until": period.start})[0],
        trend=_trend(
            rows(_DAYS, **{"from": period.start, "until": period.end}),
            rows(_DAYS, **{"from": period.before, "until": period.start}),
            period,
            say,
        ),
        suggestions=_suggestions(signals, say),
        gaps={code: say(name) for code, name in names.GAPS.items()},
        gap_codes=GAPS_IN_ORDER,
        colors=GAP_COLORS,
        channel_names={code: say(name) for code, name in names.CHANNELS.items()},
        severities={code: say(name) for code, name in names.SEVERITIES.items()},
        measure_names={code: say(name) for code, name in names.MEASURES.items()},
        everywhere=say(names.EVERYWHERE),
        index_meaning=say(names.INDEX_MEANING),
        marked=marked,
        seconds=_seconds,
    )


_CHANGE_NAMES = (
    "voices",
    "voices_before",
    "negative",
    "negative_before",
    "kept",
    "broken",
    "kept_before",
    "broken_before",
)


def marked(text: str, phrases: Sequence[str]) -> Markup:
    """The text as HTML with the phrases marked; everything else escaped."""
    parts, position = [], 0
    spans = sorted((text.find(phrase), len(phrase)) for phrase in phrases if phrase)
    for start, length in spans:
        if start >= position:
            parts += [
                Markup.escape(text[position:start]),
                Markup("<mark>{}</mark>").format(text[start : start + length]),
            ]
            position = start + length
    return Markup("").join([*parts, Markup.escape(text[position:])])


def _named(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Mapping[str, Any]:
    return dict(zip(names, rows[0], strict=True))


def _suggestions(signals: Sequence[tuple[Any, ...]], say: Speaker) -> dict[str, list[str]]:
    """Measures for what got worse; for the fulfillment gap always, since it is the one customers feel."""
    worse = {row[0] for row in signals} | {"fulfillment"}
    return {say(names.MEASURES[measure]): suggestions(measure, say) for measure in MEASURES if measure in worse}


def _trend(now: Sequence[tuple[Any, ...]], before: Sequence[tuple[Any, ...]], period: Period, say: Speaker) -> Markup:
    shift: timedelta = period.start - period.before

    def local(at: datetime) -> datetime:
        """As readers' clocks show it; Plotly draws times as they are written."""
        return at.astimezone(period.start.tzinfo).replace(tzinfo=None)

    figure = go.Figure(
        [
            go.Scatter(
                x=[local(at + shift) for at, _ in before],
                y=[value for _, value in before],
                name=say("Previous period"),
                line={"color": USUAL_COLOR, "width": 2},
            ),
            go.Scatter(
                x=[local(at) for at, _ in now],
                y=[value for _, value in now],
                name=say("This period"),
                line={"color": NOW_COLOR, "width": 3},
            ),
        ],
        {
            "height": 300,
            "margin": {"l": 40, "r": 10, "t": 10, "b": 30},
            "plot_bgcolor": "white",
            "legend": {"orientation": "h", "y": -0.2},
            "xaxis": {"tickformat": "%m-%d", "hoverformat": "%m-%d %H:%M", "gridcolor": "#e1e4ea"},
            "yaxis": {"rangemode": "tozero", "gridcolor": "#e1e4ea"},
        },
    )
    return Markup(figure.to_html(full_html=False, include_plotlyjs=True, config={"displayModeBar": False}))  # noqa: S704 - our own


def _seconds(value: float | None) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN: nothing to take a quantile of
        return "–"
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"
