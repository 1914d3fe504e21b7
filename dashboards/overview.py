"""The overview: within ten seconds, where service falls short, of what kind, since when."""

from typing import Any

from gapwatch.dashboards.frame import FULFILLMENT, OVERVIEW, PLACE, page
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.panels import Panels, Thresholds
from gapwatch.dashboards.query import named
from gapwatch.dashboards.words import (
    CHANNELS,
    GAP_COLORS,
    GAPS,
    INDEX_MEANING,
    MEASURES,
    NOW_COLOR,
    SEVERITIES,
    STATES,
    USUAL_COLOR,
    Locale,
    Words,
)

_SHARE_COLOURS: Thresholds = ((None, "transparent"), (5, "yellow"), (12, "orange"), (25, "red"))
_GAPS = ("fulfillment", "communication", "design", "information")
_INDEX = "100 * sum(fulfillment_severity) / greatest(sum(voices), 1)"
# The range on view and the one of the same length before it.
_BEFORE_RANGE = "$__fromTime - dateDiff('second', $__fromTime, $__toTime)"
_NOW, _BEFORE = "at >= $__fromTime", "at < $__fromTime"


def overview(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For managers. Reads the aggregates by place."""
    panels = Panels(locale)
    grains = Grains(time_zone)

    def say(zh: str, en: str) -> str:
        return Words(zh, en)(locale)

    def compared(part: str, whole: str = "voices", factor: int = 100) -> str:
        """Two columns: a share in the range on view, and in the one before."""

        def share(when: str) -> str:
            return f"{factor} * sumIf({part}, {when}) / greatest(sumIf({whole}, {when}), 1)"

        return f"""
SELECT {share(_NOW)} AS "{say("本期", "this period")}", {share(_BEFORE)} AS "{say("上期", "before")}"
FROM {grains.voices(_BEFORE_RANGE)}
WHERE {PLACE}"""

    channel, product, region, gap = (
        say("渠道", "Channel"),
        say("产品", "Product"),
        say("地区", "Region"),
        say("差距", "Gap"),
    )
    shares = ", ".join(f'100 * sum({code}) / sum(voices) AS "{GAPS[code](locale)}"' for code in _GAPS)
    counts = ", ".join(f'sum({code}) AS "{GAPS[code](locale)}"' for code in _GAPS)
    to_channel = f"/d/{FULFILLMENT}?var-channel=${{__data.fields.code}}&${{__url_time_range}}"
    to_signal = (
        f"/d/{FULFILLMENT}?var-gap=${{__data.fields.gap_code}}&var-channel=${{__data.fields.channel_code}}"
        "&var-product=${__data.fields.product_code}&var-region=${__data.fields.region_code}&${__url_time_range}"
    )
    part = named("part", CHANNELS, locale)
    explained = (
        f"""multiIf(part_of = '', '', endsWith(part_of, '{{}}'), '{say("全部", "everywhere")}', """
        f"""arrayStringConcat(arrayMap(part -> {part}, extractAll(part_of, '="([^"]*)"')), ' · '))"""
    )
    return page(
        OVERVIEW,
        locale,
        Words(
            "哪里没有做到承诺，是哪一类差距，从什么时候开始。", "Where service falls short, of what kind, since when."
        ),
        [
            panels.number(
                say("实现差距指数", "Fulfillment gap index"),
                INDEX_MEANING(locale),
                compared("fulfillment_severity"),
                thresholds=((None, "green"), (8, "yellow"), (15, "orange"), (25, "red")),
            ),
            panels.number(
                say("进行中的信号", "Open signals"),
                say(
                    "尚未恢复的差距恶化信号数；由同一事件引起的只算一个。",
                    "Gaps that worsened and have not recovered; what one incident explains counts once.",
                ),
                f"SELECT countIf(state != 'recovered' AND part_of = '') AS \"{say('信号', 'signals')}\" FROM signals",
                decimals=0,
                thresholds=((None, "green"), (1, "orange"), (3, "red")),
            ),
            panels.number(
                say("负面情绪占比", "Negative voices"),
                say("负面声音 / 全部声音。", "Negative voices / all voices."),
                compared("negative"),
                unit="percent",
            ),
            panels.number(
                say("未兑现的承诺", "Broken promises"),
                say(
                    "晚于承诺时间或到期未交付的投诉 / 有承诺时间的投诉。",
                    "Delivered late or overdue / complaints with a promise.",
                ),
                compared("promises_broken", "(promises_kept + promises_broken)"),
                unit="percent",
            ),
            panels.number(
                say("无人答复的对话", "Unanswered conversations"),
                say("客服始终没有答复的对话 / 全部对话。", "Conversations no agent ever answered / all."),
                f"""
SELECT 100 * sum(unanswered) / greatest(sum(conversations), 1) AS "{say("本期", "this period")}"
FROM {grains.conversations()}
WHERE {PLACE}""",
                unit="percent",
            ),
            panels.number(
                say("声音数", "Voices"),
                say("反馈、投诉和对话的条数(去重)。", "Feedback, complaints and conversations, each counted once."),
                f"""
SELECT sumIf(voices, {_NOW}) AS "{say("本期", "this period")}", sumIf(voices, {_BEFORE}) AS "{say("上期", "before")}"
FROM {grains.voices(_BEFORE_RANGE)}
WHERE {PLACE}""",
                decimals=0,
            ),
            panels.lines(
                say("实现差距指数：现在与往常", "Fulfillment gap index: now and as usual"),
                INDEX_MEANING(locale)
                + say(
                    " 往常 = 此前四周同一星期几、同一小时的指数。",
                    " Usual: the same weekday and hour of the four weeks before.",
                ),
                f"""
SELECT $__timeInterval(shifted) AS time, if(week = 0, '{say("现在", "now")}', '{say("往常", "usual")}') AS kind,
    100 * sum(severity) / greatest(sum(counted), 1) AS value
FROM (
    SELECT point + toIntervalWeek(week) AS shifted, week, severity, counted
    FROM (
        SELECT point, sum(fulfillment_severity) AS severity, sum(voices) AS counted
        FROM {grains.voices("$__fromTime - toIntervalWeek(4)")}
        WHERE {PLACE}
        GROUP BY point
    )
    ARRAY JOIN [0, 1, 2, 3, 4] AS week
)
WHERE shifted >= {grains.start} AND shifted <= $__toTime
GROUP BY time, kind
ORDER BY time, kind""",
                colors={say("现在", "now"): NOW_COLOR, say("往常", "usual"): USUAL_COLOR},
                span=16,
            ),
            panels.ranking(
                say("实现差距指数最高的产品", "Products by fulfillment gap index"),
                INDEX_MEANING(locale) + say(" 至少 20 条声音。", " At least 20 voices."),
                f"""
SELECT product_id, {_INDEX} AS value
FROM {grains.voices()}
WHERE product_id != '' AND {PLACE}
GROUP BY product_id
HAVING sum(voices) >= 20
ORDER BY value DESC
LIMIT 8""",
            ),
            panels.rows(
                say("进行中和最近的信号", "Open and recent signals"),
                say(
                    "差距比往常恶化的地方；点击进入下钻。“归因于”：由哪个信号解释，这样的不另行通知。",
                    "Where a gap got worse than usual; click to drill down. Part of: the signal that explains this one, "
                    "of which nobody is told.",
                ),
                f"""
SELECT
    opened AS "{say("开始", "Opened")}", {named("state", STATES, locale)} AS "{say("状态", "State")}",
    {named("severity", SEVERITIES, locale)} AS "{say("级别", "Severity")}", {named("measure", MEASURES, locale)} AS "{gap}",
    {named("channel", CHANNELS, locale)} AS "{channel}", product_id AS "{product}", region AS "{region}",
    {explained} AS "{say("归因于", "Part of")}",
    gap_index AS "{say("指数", "Index")}", expected_index AS "{say("往常", "Usual")}", voices AS "{say("声音数", "Voices")}",
    if(measure IN ('response', 'promises'), 'fulfillment', measure) AS gap_code, if(channel = '', concat('$', '__all'), channel) AS channel_code,
    if(product_id = '', concat('$', '__all'), product_id) AS product_code, if(region = '', concat('$', '__all'), region) AS region_code
FROM signals
WHERE updated >= $__fromTime AND opened <= $__toTime
ORDER BY state = 'recovered', part_of != '', opened DESC
LIMIT 50""",
                links={product: (say("下钻", "Drill down"), to_signal), gap: (say("下钻", "Drill down"), to_signal)},
                hidden=("gap_code", "channel_code", "product_code", "region_code"),
                height=7,
            ),
            panels.rows(
                say("渠道 x 差距", "Channels x gaps"),
                say(
                    "每个渠道的声音中，说到各类差距的百分比。",
                    "Of each channel's voices, the percentage that speaks of each gap.",
                ),
                f"""
SELECT
    {named("channel", CHANNELS, locale)} AS "{channel}", sum(voices) AS "{say("声音数", "Voices")}",
    {shares},
    channel AS code
FROM {grains.voices()}
WHERE {PLACE}
GROUP BY channel
ORDER BY sum(voices) DESC""",
                shaded={GAPS[code](locale): _SHARE_COLOURS for code in _GAPS},
                units={GAPS[code](locale): "percent" for code in _GAPS},
                links={channel: (say("下钻", "Drill down"), to_channel)},
                hidden=("code",),
                span=12,
                height=10,
            ),
            panels.lines(
                say("各类差距的声音数", "Voices by gap"),
                say("一条声音可以说到几类差距。", "A voice may speak of several gaps."),
                f"""
SELECT $__timeInterval(point) AS time, {counts}
FROM {grains.voices()}
WHERE {PLACE}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={GAPS[code](locale): color for code, color in GAP_COLORS.items()},
                height=10,
            ),
        ],
        since="now-7d",
    )
