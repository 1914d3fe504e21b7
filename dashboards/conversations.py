"""Conversations: how long customers wait, whether they are answered, and how they feel when they leave."""

from typing import Any

from gapwatch.dashboards.frame import CONVERSATIONS, PLACE, page
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.minutes import Minutes
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import named
from gapwatch.dashboards.words import BAD_COLOR, CHANNELS, GOOD_COLOR, ROLES, Locale, Words

_LEVELS = (0.5, 0.9)
_LOWEST = 50


def quantile(level: float, span: str) -> str:
    """SQL: one of the quantiles, in seconds within 1.3 %, of the times that a table counts by bucket; NaN of none."""
    buckets = f"mapKeys({span}_buckets), mapValues({span}_buckets)"
    # All levels at once, so that two columns of one query are one aggregation.
    found = f"quantilesTimingWeightedArray({', '.join(map(str, _LEVELS))})({buckets})"
    return f"exp({found}[{_LEVELS.index(level) + 1}] / 40) / 1000"


def conversations(locale: Locale, time_zone: str) -> dict[str, Any]:
    """For service managers. Reads the conversations by place."""
    panels = Panels(locale)
    places = Grains(time_zone).conversations()

    def say(zh: str, en: str) -> str:
        return Words(zh, en)(locale)

    def number(zh: str, en: str, meaning: Words, expression: str, **looks: Any) -> Any:
        sql = f'SELECT {expression} AS "{say(zh, en)}" FROM {places} WHERE {PLACE}'
        return panels.number(say(zh, en), meaning(locale), sql, **looks)

    def over_time(span: str) -> str:
        return f"""
SELECT $__timeInterval(point) AS time, {quantile(0.5, span)} AS "{say("中位数", "median")}",
    {quantile(0.9, span)} AS "{say("九成以内", "nine in ten within")}"
FROM {places}
WHERE {PLACE}
GROUP BY time
ORDER BY time"""

    return page(
        CONVERSATIONS,
        locale,
        Words(
            "等待多久，有没有人答复，离开时心情如何。",
            "How long customers wait, whether they are answered, how they feel when they leave.",
        ),
        [
            number(
                "对话数",
                "Conversations",
                Words("对话数(去重)。", "Each counted once."),
                "sum(conversations)",
                decimals=0,
            ),
            number(
                "首次响应中位数",
                "Median first response",
                Words("从客户第一句到人工客服第一句的秒数。", "Seconds from the customer's first turn to an agent's."),
                quantile(0.5, "first_response"),
                unit="s",
                thresholds=((None, "green"), (60, "yellow"), (180, "red")),
            ),
            number(
                "无人答复",
                "Unanswered",
                Words("客服始终没有答复的对话 / 全部对话。", "Conversations no agent ever answered / all."),
                "100 * sum(unanswered) / greatest(sum(conversations), 1)",
                unit="percent",
                thresholds=((None, "green"), (5, "yellow"), (10, "red")),
            ),
            number(
                "解决时长中位数",
                "Median resolution",
                Words(
                    "从客户第一句到解决的秒数，只计已解决的对话。",
                    "Seconds from the first turn to the solution, of solved ones.",
                ),
                quantile(0.5, "resolution"),
                unit="s",
            ),
            number(
                "情绪：开始",
                "Mood at the start",
                Words("客户第一句的情绪分,-1 到 1,平均。", "Score of the customer's first turn, -1 to 1, mean."),
                "sum(mood_start_sum) / greatest(sum(moods), 1)",
                decimals=2,
            ),
            number(
                "情绪：结束",
                "Mood at the end",
                Words("客户最后一句的情绪分,-1 到 1,平均。", "Score of the customer's last turn, -1 to 1, mean."),
                "sum(mood_end_sum) / greatest(sum(moods), 1)",
                decimals=2,
            ),
            panels.lines(
                say("首次响应时间", "First response time"),
                say(
                    "秒；两条线：一半的客户、九成的客户在此时间内得到答复。",
                    "Seconds; half and nine in ten of the customers are answered within.",
                ),
                over_time("first_response"),
                unit="s",
            ),
            panels.lines(
                say("解决时长", "Time to resolution"),
                say("秒；只计已解决的对话。", "Seconds; solved conversations only."),
                over_time("resolution"),
                unit="s",
            ),
            panels.lines(
                say("对话：有答复与无答复", "Conversations answered and unanswered"),
                say("按时间的对话数。", "Conversations over time."),
                f"""
SELECT $__timeInterval(point) AS time, sum(conversations) - sum(unanswered) AS "{say("有答复", "with an answer")}",
    sum(unanswered) AS "{say("无答复", "without one")}"
FROM {places}
WHERE {PLACE}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={say("有答复", "with an answer"): GOOD_COLOR, say("无答复", "without one"): BAD_COLOR},
            ),
            panels.rows(
                say("渠道", "Channels"),
                say("每个渠道的等待与情绪变化。", "Waiting and change of mood by channel."),
                f"""
SELECT {named("channel", CHANNELS, locale)} AS "{say("渠道", "Channel")}", sum(conversations) AS "{say("对话数", "Conversations")}",
    {quantile(0.5, "first_response")} AS "{say("首次响应(中位)", "First response (median)")}",
    100 * sum(unanswered) / sum(conversations) AS "{say("无人答复", "Unanswered")}",
    (sum(mood_end_sum) - sum(mood_start_sum)) / greatest(sum(moods), 1) AS "{say("情绪变化", "Change of mood")}"
FROM {places}
WHERE {PLACE}
GROUP BY channel
ORDER BY sum(conversations) DESC""",
                units={say("首次响应(中位)", "First response (median)"): "s", say("无人答复", "Unanswered"): "percent"},
                span=12,
                height=8,
            ),
            panels.rows(
                say("最需要回看的对话", "Conversations to look back at"),
                say(
                    "情绪最低的对话，个人信息已脱敏。", "The conversations with the lowest mood, personal data masked."
                ),
                f"""
SELECT event_time AS "{say("时间", "Time")}", product_id AS "{say("产品", "Product")}",
    arrayStringConcat(arrayMap(t -> concat({named("t.role", ROLES, locale)}, '{say("：", ": ")}', t.text), turns), ' / ') AS "{say("对话", "Conversation")}",
    first_response_seconds AS "{say("首次响应", "First response")}", mood_low AS "{say("情绪最低点", "Lowest mood")}"
FROM events
WHERE event_type = 'chat' AND $__timeFilter(event_time) AND {PLACE} AND {Minutes(time_zone).lowest_moods(_LOWEST)}
ORDER BY mood_low, event_time DESC
LIMIT {_LOWEST}""",
                units={say("首次响应", "First response"): "s"},
                widths={
                    say("时间", "Time"): 160,
                    say("产品", "Product"): 130,
                    say("首次响应", "First response"): 110,
                    say("情绪最低点", "Lowest mood"): 110,
                },
                height=10,
            ),
        ],
        since="now-7d",
    )
