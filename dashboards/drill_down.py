"""The drill-down: from a gap to the product, the place, the stage, and the customers' own words."""

from collections.abc import Mapping
from typing import Any

from gapwatch.dashboards.frame import FULFILLMENT, PLACE, page
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.minutes import Minutes
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import named
from gapwatch.dashboards.words import (
    BAD_COLOR,
    CHANNELS,
    DIMENSIONS,
    GAP_COLORS,
    GOOD_COLOR,
    SENTIMENTS,
    STAGES,
    Locale,
    Words,
)

# `gap` holds a code, never a customer's text; the plugin quotes it all the same.
_GAP = "${gap:singlequote}"
_NEWEST = 200
_BEFORE_RANGE = "$__fromTime - toIntervalSecond(dateDiff('second', $__fromTime, $__toTime))"
_VOICES = f"$__timeFilter(event_time) AND has(gaps, {_GAP}) AND {PLACE}"


def _of_chosen_gap(suffix: str = "") -> str:
    """SQL: the column of the chosen gap. Nested `if`s, of which ClickHouse reads one branch; multiIf reads all."""
    chosen = "0"
    for gap in GAP_COLORS:
        chosen = f"if({_GAP} = '{gap}', {gap}{suffix}, {chosen})"
    return chosen


_EVENTS, _SEVERITY = _of_chosen_gap(), _of_chosen_gap("_severity")


def _counts(column: str, names: Mapping[str, Words], places: str, locale: Locale) -> str:
    """The query for the names of a dimension or stage, and how many voices on the chosen gap have it."""
    counts = ", ".join(f"('{code}', sum({_of_chosen_gap(f'_{column}s.{code}')}))" for code in names)
    return f"""
SELECT {named("counted.1", names, locale)} AS name, counted.2 AS value
FROM (SELECT arrayJoin([{counts}]) AS counted FROM {places} WHERE {PLACE})
WHERE value > 0
ORDER BY value DESC"""


def drill_down(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For analysts. Reads the aggregates by place, and events where a row is a voice."""
    panels = Panels(locale)
    places = Grains(time_zone).voices()
    minutes = Minutes(time_zone)

    def say(zh: str, en: str) -> str:
        return Words(zh, en)(locale)

    return page(
        FULFILLMENT,
        locale,
        Words(
            "选定差距按产品、地区、阶段、维度分解，直到客户原话。",
            "One gap by product, region, stage and dimension, down to the voices.",
        ),
        [
            panels.lines(
                say("差距指数(按产品)", "Gap index by product"),
                say(
                    "100 x 说到所选差距的声音的严重度之和 / 该产品全部声音数。显示声音最多的五个产品，每点至少五条声音。",
                    "100 x sum of severities of voices on the gap / all voices of the product. The five products most spoken of, at least five voices a point.",
                ),
                f"""
SELECT $__timeInterval(point) AS time, product_id AS product, 100 * sum({_SEVERITY}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE {PLACE} AND product_id IN (
    SELECT product_id FROM {places} WHERE {PLACE}
    GROUP BY product_id HAVING sum({_EVENTS}) > 0 ORDER BY sum({_EVENTS}) DESC LIMIT 5)
GROUP BY time, product
HAVING sum(voices) >= 5
ORDER BY time, product""",
                span=14,
            ),
            panels.ranking(
                say("地区", "Regions"),
                say(
                    "说到所选差距的声音占该地区全部声音的百分比。",
                    "Voices on the gap, per cent of all voices of the region.",
                ),
                f"""
SELECT region, 100 * sum({_EVENTS}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE region != '' AND {PLACE}
GROUP BY region
HAVING sum(voices) >= 10
ORDER BY value DESC
LIMIT 12""",
                unit="percent",
                span=10,
            ),
            panels.ranking(
                say("服务质量维度", "SERVQUAL dimensions"),
                say("说到所选差距的声音，按主要维度。", "Voices on the gap by their main dimension."),
                _counts("dimension", DIMENSIONS, places, locale),
                span=6,
            ),
            panels.ranking(
                say("服务阶段", "Service stage"),
                say("说到所选差距的声音，按售前、售中、售后。", "Voices on the gap before, during and after the sale."),
                _counts("stage", STAGES, places, locale),
                span=6,
            ),
            panels.rows(
                say("上升的说法", "Rising phrases"),
                say(
                    "作为证据的原话：本期次数、上一同长时段次数，按增量排序。两期共超过十万条声音时，均匀抽取约十万条计数。",
                    "Words that speak for the gap: how often in this period and in the one before, by increase. "
                    "Where the two have more than 100,000 voices, counted in a sample of about so many, drawn evenly.",
                ),
                f"""
SELECT phrase AS "{say("说法", "Phrase")}",
    countIf(event_time >= $__fromTime) AS "{say("本期", "This period")}", countIf(event_time < $__fromTime) AS "{say("上期", "Before")}"
FROM (
    SELECT event_time, arrayJoin(arrayDistinct(arrayMap(e -> e.text, arrayFilter(e -> e.gap = {_GAP}, evidence)))) AS phrase
    FROM events
    WHERE event_time >= {_BEFORE_RANGE} AND event_time <= $__toTime AND {PLACE}
        AND {minutes.sample(_BEFORE_RANGE)}
)
GROUP BY phrase
HAVING countIf(event_time >= $__fromTime) >= 2
ORDER BY toInt64(countIf(event_time >= $__fromTime)) - toInt64(countIf(event_time < $__fromTime)) DESC
LIMIT 15""",
                span=12,
                height=8,
            ),
            panels.lines(
                say("承诺：兑现与未兑现", "Promises kept and broken"),
                say(
                    "有承诺时间的投诉：按时交付为兑现，迟到或到期未交付为未兑现。",
                    "Complaints with a promised time: kept if delivered by then, else broken.",
                ),
                f"""
SELECT $__timeInterval(point) AS time, sum(promises_kept) AS "{say("兑现", "kept")}", sum(promises_broken) AS "{say("未兑现", "broken")}"
FROM {places}
WHERE {PLACE}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={say("兑现", "kept"): GOOD_COLOR, say("未兑现", "broken"): BAD_COLOR},
            ),
            panels.ranking(
                say("渠道", "Channels"),
                say(
                    "说到所选差距的声音占该渠道全部声音的百分比。",
                    "Voices on the gap, per cent of all voices of the channel.",
                ),
                f"""
SELECT {named("channel", CHANNELS, locale)} AS name,
    100 * sum({_EVENTS}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE {PLACE}
GROUP BY channel
ORDER BY value DESC""",
                unit="percent",
                span=12,
            ),
            panels.rows(
                say("客户原话", "Voices"),
                say(
                    "最近的声音，个人信息已脱敏；“证据”是说到所选差距的原词。",
                    "The latest voices, personal data masked; the evidence is the words that speak for the gap.",
                ),
                f"""
SELECT event_time AS "{say("时间", "Time")}", {named("channel", CHANNELS, locale)} AS "{say("渠道", "Channel")}",
    product_id AS "{say("产品", "Product")}", region AS "{say("地区", "Region")}", text AS "{say("原话", "Words")}",
    arrayStringConcat(arrayMap(e -> e.text, arrayFilter(e -> e.gap = {_GAP}, evidence)), ' · ') AS "{say("证据", "Evidence")}",
    {named("sentiment", SENTIMENTS, locale)} AS "{say("情绪", "Sentiment")}", severity AS "{say("严重度", "Severity")}"
FROM events
WHERE {_VOICES} AND {minutes.newest(_GAP, _EVENTS, _NEWEST)}
ORDER BY event_time DESC
LIMIT {_NEWEST}""",
                shaded={
                    say("严重度", "Severity"): ((None, "transparent"), (0.4, "yellow"), (0.6, "orange"), (0.8, "red"))
                },
                widths={
                    say("时间", "Time"): 160,
                    say("渠道", "Channel"): 90,
                    say("产品", "Product"): 130,
                    say("地区", "Region"): 80,
                    say("情绪", "Sentiment"): 70,
                    say("严重度", "Severity"): 80,
                },
                height=12,
            ),
        ],
        since="now-24h",
    )
