"""The drill-down: from a gap to the product, the place, the stage, and the customers' own words."""

from collections.abc import Mapping
from typing import Any

from gapwatch.dashboards.colors import BAD_COLOR, GAP_COLORS, GOOD_COLOR
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.minute_selection import MinuteSelection
from gapwatch.dashboards.page import FULFILLMENT, PLACE_FILTER, page
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import named
from gapwatch.pipeline.words.catalogue import Locale, Speaker
from gapwatch.pipeline.words.names import CHANNELS, DIMENSIONS, SENTIMENTS, STAGES

# `gap` holds a code, never a customer's text; the plugin quotes it all the same.
_GAP = "${gap:singlequote}"
_NEWEST = 200
_BEFORE_RANGE = "$__fromTime - toIntervalSecond(dateDiff('second', $__fromTime, $__toTime))"
_VOICES = f"$__timeFilter(event_time) AND has(gaps, {_GAP}) AND {PLACE_FILTER}"


def _of_chosen_gap(suffix: str = "") -> str:
    """SQL: the column of the chosen gap. Nested `if`s, of which ClickHouse reads one branch; multiIf reads all."""
    chosen = "0"
    for gap in GAP_COLORS:
        chosen = f"if({_GAP} = '{gap}', {gap}{suffix}, {chosen})"
    return chosen


_EVENTS, _SEVERITY = _of_chosen_gap(), _of_chosen_gap("_severity")


def _counts(column: str, names: Mapping[str, str], places: str, say: Speaker) -> str:
    """The query for the names of a dimension or stage, and how many voices on the chosen gap have it."""
    counts = ", ".join(f"('{code}', sum({_of_chosen_gap(f'_{column}s.{code}')}))" for code in names)
    return f"""
SELECT {named("counted.1", names, say)} AS name, counted.2 AS value
FROM (SELECT arrayJoin([{counts}]) AS counted FROM {places} WHERE {PLACE_FILTER})
WHERE value > 0
ORDER BY value DESC"""


def drill_down(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For analysts. Reads the aggregates by place, and events where a row is a voice."""
    say = Speaker(locale)
    panels = Panels(say)
    places = Grains(time_zone).voices()
    minutes = MinuteSelection(time_zone)

    return page(
        FULFILLMENT,
        say,
        say("One gap by product, region, stage and dimension, down to the voices."),
        [
            panels.lines(
                say("Gap index by product"),
                say(
                    "100 × sum of severities of voices on the gap / all voices of the product. The five products most spoken of, at least five voices a point."
                ),
                f"""
SELECT $__timeInterval(point) AS time, product_id AS product, 100 * sum({_SEVERITY}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE {PLACE_FILTER} AND product_id IN (
    SELECT product_id FROM {places} WHERE {PLACE_FILTER}
    GROUP BY product_id HAVING sum({_EVENTS}) > 0 ORDER BY sum({_EVENTS}) DESC LIMIT 5)
GROUP BY time, product
HAVING sum(voices) >= 5
ORDER BY time, product""",
                span=14,
            ),
            panels.ranking(
                say("Regions"),
                say("Voices on the gap, per cent of all voices of the region."),
                f"""
SELECT region, 100 * sum({_EVENTS}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE region != '' AND {PLACE_FILTER}
GROUP BY region
HAVING sum(voices) >= 10
ORDER BY value DESC
LIMIT 12""",
                unit="percent",
                span=10,
            ),
            panels.ranking(
                say("SERVQUAL dimensions"),
                say("Voices on the gap by their main dimension."),
                _counts("dimension", DIMENSIONS, places, say),
                span=6,
            ),
            panels.ranking(
                say("Service stage"),
                say("Voices on the gap before, during and after the sale."),
                _counts("stage", STAGES, places, say),
                span=6,
            ),
            panels.rows(
                say("Rising phrases"),
                say(
                    "Words that speak for the gap: how often in this period and in the one before, by increase. "
                    "Where the two have more than 100,000 voices, counted in a sample of about so many, drawn evenly."
                ),
                f"""
SELECT phrase AS "{say("Phrase")}",
    countIf(event_time >= $__fromTime) AS "{say("This period")}", countIf(event_time < $__fromTime) AS "{say("Previous period")}"
FROM (
    SELECT event_time, arrayJoin(arrayDistinct(arrayMap(e -> e.text, arrayFilter(e -> e.gap = {_GAP}, evidence)))) AS phrase
    FROM events
    WHERE event_time >= {_BEFORE_RANGE} AND event_time <= $__toTime AND {PLACE_FILTER}
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
                say("Promises kept and broken"),
                say("Complaints with a promised time: kept if delivered by then, else broken."),
                f"""
SELECT $__timeInterval(point) AS time, sum(promises_kept) AS "{say("Kept")}", sum(promises_broken) AS "{say("Broken")}"
FROM {places}
WHERE {PLACE_FILTER}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={say("Kept"): GOOD_COLOR, say("Broken"): BAD_COLOR},
            ),
            panels.ranking(
                say("Channels"),
                say("Voices on the gap, per cent of all voices of the channel."),
                f"""
SELECT {named("channel", CHANNELS, say)} AS name,
    100 * sum({_EVENTS}) / greatest(sum(voices), 1) AS value
FROM {places}
WHERE {PLACE_FILTER}
GROUP BY channel
ORDER BY value DESC""",
                unit="percent",
                span=12,
            ),
            panels.rows(
                say("Customers' own words"),
                say("The latest voices, personal data masked; the evidence is the words that speak for the gap."),
                f"""
SELECT event_time AS "{say("Time")}", {named("channel", CHANNELS, say)} AS "{say("Channel")}",
    product_id AS "{say("Product")}", region AS "{say("Region")}", text AS "{say("Words")}",
    arrayStringConcat(arrayMap(e -> e.text, arrayFilter(e -> e.gap = {_GAP}, evidence)), ' · ') AS "{say("Evidence")}",
    {named("sentiment", SENTIMENTS, say)} AS "{say("Sentiment")}", severity AS "{say("Severity")}"
FROM events
WHERE {_VOICES} AND {minutes.newest(_GAP, _EVENTS, _NEWEST)}
ORDER BY event_time DESC
LIMIT {_NEWEST}""",
                shaded={say("Severity"): ((None, "transparent"), (0.4, "yellow"), (0.6, "orange"), (0.8, "red"))},
                widths={
                    say("Time"): 160,
                    say("Channel"): 90,
                    say("Product"): 130,
                    say("Region"): 80,
                    say("Sentiment"): 70,
                    say("Severity"): 80,
                },
                height=12,
            ),
        ],
        since="now-24h",
    )
