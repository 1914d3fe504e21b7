"""Conversations: how long customers wait, whether they are answered, and how they feel when they leave."""

from typing import Any

from gapwatch.dashboards.colors import BAD_COLOR, GOOD_COLOR
from gapwatch.dashboards.grains import Grains
from gapwatch.dashboards.minute_selection import MinuteSelection
from gapwatch.dashboards.page import CONVERSATIONS, PLACE_FILTER, page
from gapwatch.dashboards.panels import Panels
from gapwatch.dashboards.query import filled_in, named
from gapwatch.pipeline.words.catalogue import Locale, Speaker
from gapwatch.pipeline.words.names import CHANNELS, ROLES

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
    say = Speaker(locale)
    panels = Panels(say)
    places = Grains(time_zone).conversations()

    def number(title: str, description: str, expression: str, **looks: Any) -> Any:
        sql = f'SELECT {expression} AS "{title}" FROM {places} WHERE {PLACE_FILTER}'
        return panels.number(title, description, sql, **looks)

    def over_time(span: str) -> str:
        return f"""
SELECT $__timeInterval(point) AS time, {quantile(0.5, span)} AS "{say("Median")}",
    {quantile(0.9, span)} AS "{say("90 % within")}"
FROM {places}
WHERE {PLACE_FILTER}
GROUP BY time
ORDER BY time"""

    turn = filled_in(say("{role}: {text}"), role=named("t.role", ROLES, say), text="t.text")
    return page(
        CONVERSATIONS,
        say,
        say("How long customers wait, whether they are answered, how they feel when they leave."),
        [
            number(
                say("Number of conversations"),
                say("Each counted once."),
                "sum(conversations)",
                decimals=0,
            ),
            number(
                say("Median first response"),
                say("Seconds from the customer's first turn to an agent's."),
                quantile(0.5, "first_response"),
                unit="s",
                thresholds=((None, "green"), (60, "yellow"), (180, "red")),
            ),
            number(
                say("Unanswered"),
                say("Conversations no agent ever answered / all."),
                "100 * sum(unanswered) / greatest(sum(conversations), 1)",
                unit="percent",
                thresholds=((None, "green"), (5, "yellow"), (10, "red")),
            ),
            number(
                say("Median resolution"),
                say("Seconds from the first turn to the solution, of solved ones."),
                quantile(0.5, "resolution"),
                unit="s",
            ),
            number(
                say("Mood at the start"),
                say("Score of the customer's first turn, -1 to 1, mean."),
                "sum(mood_start_sum) / greatest(sum(moods), 1)",
                decimals=2,
            ),
            number(
                say("Mood at the end"),
                say("Score of the customer's last turn, -1 to 1, mean."),
                "sum(mood_end_sum) / greatest(sum(moods), 1)",
                decimals=2,
            ),
            panels.lines(
                say("First response time"),
                say("Seconds; half and 90 % of the customers are answered within."),
                over_time("first_response"),
                unit="s",
            ),
            panels.lines(
                say("Time to resolution"),
                say("Seconds; solved conversations only."),
                over_time("resolution"),
                unit="s",
            ),
            panels.lines(
                say("Conversations answered and unanswered"),
                say("Conversations over time."),
                f"""
SELECT $__timeInterval(point) AS time, sum(conversations) - sum(unanswered) AS "{say("Answered")}",
    sum(unanswered) AS "{say("Unanswered")}"
FROM {places}
WHERE {PLACE_FILTER}
GROUP BY time
ORDER BY time""",
                bars=True,
                colors={say("Answered"): GOOD_COLOR, say("Unanswered"): BAD_COLOR},
            ),
            panels.rows(
                say("Channels"),
                say("Waiting and change of mood by channel."),
                f"""
SELECT {named("channel", CHANNELS, say)} AS "{say("Channel")}", sum(conversations) AS "{say("Number of conversations")}",
    {quantile(0.5, "first_response")} AS "{say("Median first response")}",
    100 * sum(unanswered) / sum(conversations) AS "{say("Unanswered")}",
    (sum(mood_end_sum) - sum(mood_start_sum)) / greatest(sum(moods), 1) AS "{say("Change of mood")}"
FROM {places}
WHERE {PLACE_FILTER}
GROUP BY channel
ORDER BY sum(conversations) DESC""",
                units={say("Median first response"): "s", say("Unanswered"): "percent"},
                span=12,
                height=8,
            ),
            panels.rows(
                say("Conversations to look back at"),
                say("The conversations with the lowest mood, personal data masked."),
                f"""
SELECT event_time AS "{say("Time")}", product_id AS "{say("Product")}",
    arrayStringConcat(arrayMap(t -> {turn}, turns), ' / ') AS "{say("Conversation")}",
    first_response_seconds AS "{say("First response")}", mood_low AS "{say("Lowest mood")}"
FROM events
WHERE event_type = 'chat' AND $__timeFilter(event_time) AND {PLACE_FILTER} AND {MinuteSelection(time_zone).lowest_moods(_LOWEST)}
ORDER BY mood_low, event_time DESC
LIMIT {_LOWEST}""",
                units={say("First response"): "s"},
                widths={
                    say("Time"): 160,
                    say("Product"): 130,
                    say("First response"): 110,
                    say("Lowest mood"): 110,
                },
                height=10,
            ),
        ],
        since="now-7d",
    )
