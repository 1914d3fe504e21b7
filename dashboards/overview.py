"""The overview: within ten seconds, where service falls short, of what kind, since when."""

from typing import Any

from gapwatch.dashboards.colors import GAP_COLORS, GAPS_IN_ORDER, NOW_COLOR, USUAL_COLOR
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.page import FULFILLMENT, OVERVIEW, PLACE_FILTER, page
from gapwatch.dashboards.panels import Panels, Thresholds
from gapwatch.dashboards.query import named
from gapwatch.pipeline.words.catalogue import Locale, Speaker
from gapwatch.pipeline.words.names import CHANNELS, EVERYWHERE, GAPS, INDEX_MEANING, MEASURES, SEVERITIES, STATES

_SHARE_COLORS: Thresholds = ((None, "transparent"), (5, "yellow"), (12, "orange"), (25, "red"))
_INDEX = "100 * sum(fulfillment_severity) / greatest(sum(voices), 1)"
# The range on view and the one of the same length before it.
_BEFORE_RANGE = "$__fromTime - dateDiff('second', $__fromTime, $__toTime)"
_NOW, _BEFORE = "at >= $__fromTime", "at < $__fromTime"


def overview(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For managers. Reads the aggregates by place."""
    say = Speaker(locale)
    panels = Panels(say)
    grains = Grains(time_zone)

    def compared(part: str, whole: str = "voices", factor: int = 100) -> str:
        """Two columns: a share in the range on view, and in the one before."""

        def share(when: str) -> str:
            return f"{factor} * sumIf({part}, {when}) / greatest(sumIf({whole}, {when}), 1)"

        return f"""
SELECT {share(_NOW)} AS "{say("This period")}", {share(_BEFORE)} AS "{say("Previous period")}"
FROM {grains.voices(_BEFORE_RANGE)}
WHERE {PLACE_FILTER}"""

    channel, product, region, gap = (
        say("Channel"),
        say("Product"),
        say("Region"),
        say("Gap"),
    )
    shares = ", ".join(f'100 * sum({code}) / sum(voices) AS "{say(GAPS[code])}"' for code in GAPS_IN_ORDER)
    counts = ", ".join(f'sum({code}) AS "{say(GAPS[code])}"' for code in GAPS_IN_ORDER)
    to_channel = f"/d/{FULFILLMENT}?var-channel=${{__data.fields.code}}&${{__url_time_range}}"
    to_signal = (
        f"/d/{FULFILLMENT}?var-gap=${{__data.fields.gap_code}}&var-channel=${{__data.fields.channel_code}}"
        "&var-product=${__data.fields.product_code}&var-region=${__data.fields.region_code}&${__url_time_range}"
    )
    part = named("part", CHANNELS, say)
    explained = (
        f"""multiIf(part_of = '', '', endsWith(part_of, '{{}}'), '{say(EVERYWHERE)}', """
        f"""arrayStringConcat(arrayMap(part -> {part}, extractAll(part_of, '="([^"]*)"')), ' · '))"""
    )
    return page(
        OVERVIEW,
        say,
        say("Where service falls short, of what kind, since when."),
        [
            panels.number(
                say("Fulfillment gap index"),
                say(INDEX_MEANING),
                compared("fulfillment_severity"),
                thresholds=((None, "green"), (8, "yellow"), (15, "orange"), (25, "red")),
            ),
            panels.number(
                say("Open signals"),
                say("Gaps that worsened and have not recovered; what one incident explains counts once."),
                f"SELECT countIf(state != 'recovered' AND part_of = '') AS \"{say('Signals')}\" FROM signals",
                decimals=0,
                thresholds=((None, "green"), (1, "orange"), (3, "red")),
            ),
            panels.number(
                say("Negative voices"),
                say("Negative voices / all voices."),
                compared("negative"),
                unit="percent",
            ),
            panels.number(
                say("Broken promises"),
                say("Delivered late or overdue / complaints with a promise."),
                compared("promises_broken", "(promises_kept + promises_broken)"),
                unit="percent",
            ),
            panels.number(
                say("Unanswered conversations"),
                say("Conversations no agent ever answered / all."),
                f"""
SELECT 100 * sum(unanswered) / greatest(sum(conversations), 1) AS "{say("This period")}"
FROM {grains.conversations()}
WHERE {PLACE_FILTER}""",
                unit="percent",
            ),
            panels.number(
                say("Voices"),
                say("Feedback, complaints and conversations, each counted once."),
                f"""
SELECT sumIf(voices, {_NOW}) AS "{say("This period")}", sumIf(voices, {_BEFORE}) AS "{say("Previous period")}"
FROM {grains.voices(_BEFORE_RANGE)}
WHERE {PLACE_FILTER}""",
                decimals=0,
            ),
            panels.lines(
                say("Fulfillment gap index: now and as usual"),
                say(INDEX_MEANING) + " " + say("Usual: the same weekday and hour of the four weeks before."),
                f"""
SELECT $__timeInterval(shifted) AS time, if(week = 0, '{say("Now")}', '{say("Usual")}') AS kind,
    100 * sum(severity) / greatest(sum(counted), 1) AS value
FROM (
    SELECT point + toIntervalWeek(week) AS shifted, week, severity, counted
    FROM (
        SELECT point, sum(fulfillment_severity) AS severity, sum(voices) AS counted
        FROM {grains.voices("$__fromTime - toIntervalWeek(4)")}
        WHERE {PLACE_FILTER}
        GROUP BY point
    )
    ARRAY JOIN [0, 1, 2, 3, 4] AS week
)
WHERE shifted >= {grains.start} AND shifted <= $__toTime
GROUP BY time, kind
ORDER BY time, kind""",
                colors={say("Now"): NOW_COLOR, say("Usual"): USUAL_COLOR},
                span=16,
            ),
            panels.ranking(
                say("Products by fulfillment gap index"),
                say(INDEX_MEANING) + " " + say("At least 20 voices."),
                f"""
SELECT product_id, {_INDEX} AS value
FROM {grains.voices()}
WHERE product_id != '' AND {PLACE_FILTER}
GROUP BY product_id
HAVING sum(voices) >= 20
ORDER BY value DESC
LIMIT 8""",
            ),
            panels.rows(
                say("Open and recent signals"),
                say(
                    "Where a gap got worse than usual; click to drill down. Part of: the signal that explains this one, "
                    "of which nobody is told."
                ),
                f"""
SELECT
    opened AS "{say("Opened")}", {named("state", STATES, say)} AS "{say("State")}",
    {named("severity", SEVERITIES, say)} AS "{say("Level")}", {named("measure", MEASURES, say)} AS "{gap}",
    {named("channel", CHANNELS, say)} AS "{channel}", product_id AS "{product}", region AS "{region}",
    {explained} AS "{say("Part of")}",
    gap_index AS "{say("Index")}", expected_index AS "{say("Usual")}", voices AS "{say("Voices")}",
    if(measure IN ('response', 'promises'), 'fulfillment', measure) AS gap_code, if(channel = '', concat('$', '__all'), channel) AS channel_code,
    if(product_id = '', concat('$', '__all'), product_id) AS product_code, if(region = '', concat('$', '__all'), region) AS region_code
FROM signals
WHERE updated >= $__fromTime AND opened <= $__toTime
ORDER BY state = 'recovered', part_of != '', opened DESC
LIMIT 50""",
                links={product: (say("Drill down"), to_signal), gap: (say("Drill down"), to_signal)},
                hidden=("gap_code", "channel_code", "product_code", "region_code"),
                height=7,
            ),
            panels.rows(
                say("Channels × gaps"),
                say("Of each channel's voices, the percentage that speaks of each gap."),
                f"""
SELECT
    {named("channel", CHANNELS, say)} AS "{channel}", sum(voices) AS "{say("Voices")}",
    {shares},
    channel AS code
FROM {grains.voices()}
WHERE {PLACE_FILTER}
GROUP BY channel
ORDER BY sum(voices) DESC""",
                shaded={say(GAPS[code]): _SHARE_COLORS for code in GAPS_IN_ORDER},
                units={say(GAPS[code]): "percent" for code in GAPS_IN_ORDER},
                links={channel: (say("Drill down"), to_channel)},
                hidden=("code",),
                span=12,
                height=10,
            ),
            panels.lines(
                say("Voices by gap"),
                say("A voice may speak of several gaps."),
                f"""
SELECT $__timeInterval(point) AS time, {counts}
FROM {grains.voices()}
WHERE {PLACE_FILTER}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={say(GAPS[code]): color for code, color in GAP_COLORS.items()},
                height=10,
            ),
        ],
        since="now-7d",
    )
