"""What the demo tells a manager at its end, read from ClickHouse like any dashboard."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clickhouse_driver import Client
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gapwatch.commands.demonstration.plan import Story
from gapwatch.commands.language import called, say
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.words.names import CHANNELS, GAPS, SEVERITIES

_TOTALS = """
SELECT
    sum(primary_events), sum(primary_positive), sum(primary_neutral), sum(primary_negative),
    sumIf(primary_events, event_type = 'feedback'), sumIf(primary_events, event_type = 'complaint'),
    sumIf(primary_events, event_type = 'chat')
FROM gap_hour
"""

_CHATS = """
SELECT
    sum(conversations), sum(unanswered), seconds[1], seconds[2],
    quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(first_response_state) AS seconds
FROM chat_minute_states
"""

_GAPS = """
SELECT gap, sum(events), round(sum(severity_sum) / sum(events), 2)
FROM gap_hour WHERE gap != 'none' GROUP BY gap ORDER BY sum(events) DESC
"""

_CHANNELS = """
SELECT channel, sum(primary_events) AS voices,
    sumIf(events, gap = 'fulfillment'), sumIf(events, gap = 'communication'),
    sumIf(events, gap = 'design'), sumIf(events, gap = 'information')
FROM gap_hour GROUP BY channel ORDER BY voices DESC
"""

# The strongest short voice of each channel whose primary gap is fulfillment; one customer's words, as masked and stored.
_QUOTATIONS = """
SELECT channel, argMax(text, severity - sentiment_score) FROM events
WHERE primary_gap = 'fulfillment' AND event_type != 'chat' AND lengthUTF8(text) BETWEEN 10 AND 42
GROUP BY channel
"""

_WORSENING = """
SELECT product_id, channel, sumIf(events, recent) AS now, sumIf(events, NOT recent) AS before,
    now / %(hours)s AS now_an_hour, before / (14 * 24 - %(hours)s) AS before_an_hour
FROM (SELECT *, minute >= now() - toIntervalHour(%(hours)s) AS recent FROM gap_minute WHERE gap = 'fulfillment')
GROUP BY product_id, channel
HAVING now >= 10
ORDER BY now_an_hour / (before_an_hour + 0.1) DESC LIMIT 3
"""


def print_summary(console: Console, client: Client, story: Story) -> None:
    """Totals, gaps, channels with a quotation each, and where fulfillment worsens."""
    hours = max(1, round(story.lasts.total_seconds() / 3600))
    console.print(_totals(client))
    console.print(_gaps(client))
    console.print(_channels(client))
    console.print(_quotations(client))
    console.print(_worsening(client, hours))


def signal_panel(signals: Sequence[Signal], story_began: datetime | None) -> RenderableType:
    """What the detector would tell the manager on call now: signals that stand by themselves, and how soon they came."""
    told = [signal for signal in signals if not signal.part_of]
    if not told:
        return Panel(say("no signal is open"), title=say("Signals open now"), title_align="left")
    lines = [
        Text(
            say(
                "{severity}: {series}, opened {opened} UTC: index {index}, usually {usual}, {events} of {voices} voices",
                severity=called(signal.severity, SEVERITIES),
                series=signal.series.key,
                opened=f"{signal.opened:%H:%M}",
                index=f"{signal.gap_index:.1f}",
                usual=f"{signal.expected_index:.1f}",
                events=signal.events,
                voices=signal.voices,
            )
        )
        for signal in told
    ]
    if story_began:
        minutes = (min(signal.opened for signal in told) - story_began).total_seconds() / 60
        found = say(
            "the incident was made to begin at {began} UTC: found after {minutes} minutes",
            began=f"{story_began:%H:%M}",
            minutes=f"{minutes:.0f}",
        )
        lines.append(Text(found))
    if parts := len(signals) - len(told):
        explained = say(
            "it explains {count} more: other gaps, wider places, broken promises; nobody is told of those", count=parts
        )
        lines.append(Text(explained))
    return Panel(Group(*lines), title=say("Signals open now"), title_align="left", border_style="red")


def stage_table(metrics: str, events: int) -> Table:
    """Where the worker's time went, from its own metrics; stages overlap, so shares of the total are not given."""
    seconds = {
        sample.labels["stage"]: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "gapwatch_stage_seconds_sum"
    }
    table = Table(title=say("Where the worker's time went (stages overlap, waiting included)"), title_justify="left")
    table.add_column(say("stage"))
    table.add_column(say("seconds"), justify="right")
    table.add_column(say("µs an event"), justify="right")
    for stage, spent in sorted(seconds.items(), key=lambda one: -one[1]):
        table.add_row(stage, f"{spent:.2f}", f"{1e6 * spent / events:.0f}")
    return table


def _totals(client: Client) -> RenderableType:
    total, positive, neutral, negative, feedback, complaints, chats = _row(client, _TOTALS)
    voices = say(
        "{total} voices: {feedback} feedback, {complaints} complaints, {chats} conversations",
        total=f"{total:,}",
        feedback=f"{feedback:,}",
        complaints=f"{complaints:,}",
        chats=f"{chats:,}",
    )
    moods = say(
        "sentiment: {positive} positive, {neutral} neutral, {negative} negative",
        positive=_share(positive, total),
        neutral=_share(neutral, total),
        negative=_share(negative, total),
    )
    lines = [voices, moods, *([_answers(client)] if chats else [])]
    return Panel("\n".join(lines), title=say("What customers said"), title_align="left")


def _answers(client: Client) -> str:
    conversations, unanswered, median, slowest, _ = _row(client, _CHATS)
    share = _share(unanswered, conversations)
    if math.isnan(median):  # turns without times
        return say("conversations: {share} never answered", share=share)
    return say(
        "conversations: first answer after {median} s (median), one in ten after {slowest} min or more, {share} never "
        "answered",
        median=f"{median:.0f}",
        slowest=f"{slowest / 60:.0f}",
        share=share,
    )


def _gaps(client: Client) -> Table:
    table = Table(title=say("Gaps voiced (a voice may speak of several)"), title_justify="left")
    table.add_column(say("gap"))
    table.add_column(say("voices"), justify="right")
    table.add_column(say("mean severity"), justify="right")
    for gap, voices, severity in client.execute(_GAPS):
        table.add_row(called(gap, GAPS), f"{voices:,}", f"{severity:.2f}")
    return table


def _channels(client: Client) -> Table:
    table = Table(title=say("Gaps by channel, share of its voices"), title_justify="left")
    table.add_column(say("channel"), no_wrap=True)
    table.add_column(say("voices"), justify="right", no_wrap=True)
    for gap in ("fulfillment", "communication", "design", "information"):
        table.add_column(called(gap, GAPS), justify="right")
    for channel, voices, *gaps in client.execute(_CHANNELS):
        table.add_row(called(channel, CHANNELS), f"{voices:,}", *(_share(count, voices) for count in gaps))
    return table


def _quotations(client: Client) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for channel, text in client.execute(_QUOTATIONS):
        table.add_row(called(channel, CHANNELS), Text(text))
    return Panel(table, title=say("On fulfillment, in customers' own words"), title_align="left")


def _worsening(client: Client, hours: int) -> RenderableType:
    rows = client.execute(_WORSENING, {"hours": hours})
    if not rows:
        return Panel(
            say("no product's fulfillment gap worsened"), title=say("Getting worse: fulfillment"), title_align="left"
        )
    lines = [
        Text(
            say(
                "{product} on {channel}: {rate} fulfillment voices an hour in the last {hours} h, {usual} before",
                product=product,
                channel=called(channel, CHANNELS),
                rate=f"{rate:.1f}",
                hours=hours,
                usual=f"{usual:.1f}",
            )
        )
        for product, channel, _now, _before, rate, usual in rows
        if rate > 3 * usual
    ]
    return Panel(Group(*lines), title=say("Getting worse: fulfillment"), title_align="left", border_style="red")


def _row(client: Client, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = client.execute(query)[0]
    return row


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
