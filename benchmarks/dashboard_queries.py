"""How long every query of every dashboard takes over the aggregates of 10^8 events a year.

    .venv/bin/python benchmarks/dashboard_queries.py [--yearly 100000000] [--days 1 7 30 365] [--rounds 10]
        [--chosen product=p0 region=r0 product=p24,region=r5] [--out FILE]

Reading 10^8 events would take hours, so their aggregates are made in ClickHouse: the events of one week are drawn there
from `numbers()` (50 products, 9 channels, 10 regions, three types, unequal weights as in aggregates.py) and grouped by
minute in the form the workers leave them; hours and days are derived from those as workers do, and the weeks before
are copies. So are the single events: five whole weeks of them (9.6 million), and of each week before every twentieth
event: a panel that samples a year reads a twentieth of what it would there; over 7 days it reads what it would. Four
workers report every ten seconds for four weeks.

Panels are drawn as the dashboards open, then with each of the filters of `--chosen`; products are p0 to p49, regions r0
to r9, the first the busiest. Times are of the server (`system.query_log`): what the clock said, and the processor time
of all its threads, which another load on the machine inflates less. A row read is an event, or an hour or a day with
all its groups.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from rich.console import Console
from rich.table import Table
from workbench import local_stack

from gapwatch.dashboards.board.queries import Board
from gapwatch.pipeline.store import Aggregates, ClickHouse, migrate

AIM_MS = 300
WEEK = 7 * 86_400
_KEPT_DAYS = 398  # the retention, as far as a month is not cut
_DRAWN = """
WITH arrayFlatten(arrayMap(rank -> arrayWithConstant(toUInt64(ceil(40 / rank)), rank), range(1, 10))) AS channels
SELECT
    toDateTime({start}, 'UTC') + intDiv(number * {week}, {events}) AS at,
    ['feedback', 'feedback', 'feedback', 'complaint', 'complaint', 'chat'][1 + rand(1) % 6] AS event_type,
    ['app', 'wechat', 'site', 'phone', 'weibo', 'marketplace', 'physical', 'email', 'qq']
        [channels[1 + rand(2) % length(channels)]] AS channel,
    'p' || toString(toUInt8(50 * pow(rand(3) / 4294967296, 1.8))) AS product_id,
    'r' || toString(toUInt8(10 * pow(rand(4) / 4294967296, 1.5))) AS region,
    if(rand(5) % 10 < if(event_type = 'feedback', 7, 2), 'none', ['fulfillment', 'fulfillment', 'fulfillment',
        'information', 'design', 'communication'][1 + rand(6) % 6]) AS gap,
    toInt64(rand(7) % 2001) - 1000 AS score, toString(rand(8) % 5000000) AS customer,
    toFloat64(exp((rand(9) % 9000) / 1000)) AS seconds,
    if(gap = 'none', 'none', ['reliability', 'reliability', 'responsiveness', 'assurance', 'empathy', 'tangibles']
        [1 + rand(10) % 6]) AS dimension, ['pre_sale', 'in_sale', 'after_sale', 'after_sale'][1 + rand(11) % 4] AS stage
FROM numbers({events})
"""
_GAPS = """
INSERT INTO gap_minute_generations (minute, generation, groups.event_type, groups.channel, groups.product_id,
    groups.region, groups.stage, groups.dimension, groups.gap, groups.events, groups.primary_events,
    groups.customers_state, groups.positive, groups.neutral, groups.negative, groups.sentiment_sum, groups.severity_sum,
    groups.primary_positive, groups.primary_neutral, groups.primary_negative, groups.primary_sentiment_sum,
    groups.promises_kept, groups.promises_broken, groups.evidence)
SELECT period, 1, groupArray(event_type), groupArray(channel), groupArray(product_id), groupArray(region),
    groupArray(stage), groupArray(dimension), groupArray(gap), groupArray(n), groupArray(n), groupArray(customers),
    groupArray(good), groupArray(fair), groupArray(bad), groupArray(total), groupArray(n), groupArray(good),
    groupArray(fair), groupArray(bad), groupArray(total), groupArray(kept), groupArray(broken),
    groupArray([]::Array(String))
FROM (
    SELECT toStartOfMinute(at) AS period, event_type, channel, product_id, region, stage, dimension, gap,
        count() AS n, uniqState(customer) AS customers, countIf(score > 300) AS good, countIf(score < -300) AS bad,
        n - good - bad AS fair, sum(score) AS total, countIf(seconds < 2) AS kept, countIf(seconds > 4000) AS broken
    FROM drawn WHERE {window} GROUP BY ALL
)
GROUP BY period
"""
_CHATS = """
INSERT INTO chat_minute_generations (minute, generation, groups.channel, groups.product_id, groups.region,
    groups.conversations, groups.answered, groups.unanswered, groups.resolved, groups.first_response_sum,
    groups.first_response_state, groups.first_response_buckets, groups.resolution_sum, groups.resolution_state,
    groups.resolution_buckets, groups.waited, groups.longest_wait_sum, groups.longest_wait_state,
    groups.longest_wait_buckets, groups.moods, groups.mood_start_sum, groups.mood_end_sum, groups.mood_low_sum,
    groups.mood_lowest)
SELECT period, 1, groupArray(channel), groupArray(product_id), groupArray(region), groupArray(n), groupArray(n),
    groupArray(0), groupArray(n), groupArray(total), groupArray(state), groupArray(buckets), groupArray(total),
    groupArray(state), groupArray(buckets), groupArray(n), groupArray(total), groupArray(state), groupArray(buckets),
    groupArray(n), groupArray(mood), groupArray(mood), groupArray(mood), groupArray(lowest)
FROM (
    SELECT toStartOfMinute(at) AS period, channel, product_id, region, count() AS n,
        sum(toInt64(seconds * 1000)) AS total, quantilesDDState(0.01, 0.5, 0.9, 0.99)(seconds) AS state,
        sumMap(map(toUInt16(round(40 * log(seconds * 1000))), toUInt32(1))) AS buckets, sum(score) AS mood,
        toFloat32(min(score) / 1000) AS lowest
    FROM drawn WHERE event_type = 'chat' AND {window} GROUP BY ALL
)
GROUP BY period
"""
# A text of 52 characters, evidence of one or two phrases of a thousand, a chat of four turns; stored two seconds later.
_EVENTS = """
INSERT INTO event_versions (event_id, event_type, event_time, channel, customer_id, product_id, region, text, rating,
    sentiment, sentiment_score, gaps, primary_gap, dimension, stage, severity, evidence, rating_conflict, model_version,
    conversation_id, agent_id, turns, first_response_seconds, resolution_seconds, longest_wait_seconds, mood_start,
    mood_end, mood_low, version, stored_at)
WITH '{letters}' AS letters, rand64(1) AS chance, event_type = 'chat' AS chats,
    (place, length) -> substringUTF8(letters, toUInt32(1 + place % (lengthUTF8(letters) - length)), length) AS words,
    toUnixTimestamp(at) * 1000 + chance % 1000 AS milliseconds
SELECT toString(generateUUIDv4()), event_type, fromUnixTimestamp64Milli(toInt64(milliseconds), 'UTC'), channel,
    customer, product_id, region,
    arrayStringConcat(arrayMap(part -> words(cityHash64(chance, part), 4), range(13))) AS text,
    if(event_type = 'feedback', 1 + chance % 5, NULL),
    multiIf(score > 300, 'positive', score < -300, 'negative', 'neutral'), score / 1000,
    if(gap = 'none', [], [gap]), gap, dimension, stage, if(gap = 'none', 0, 1),
    arrayMap(part -> (gap, words(toUInt64(150 * pow(rand(part) / 4294967296, 3)), toUInt8(2 + chance % 6)), 0, 4),
        range(if(gap = 'none', 0, 1 + chance % 2))), chance % 50 = 0, 'model',
    if(chats, toString(chance), ''), if(chats, 'a' || toString(chance % 500), ''),
    arrayMap(part -> (if(part % 2 = 0, 'customer', 'agent'), words(cityHash64(chance, part), 20), NULL, NULL),
        range(if(chats, 4, 0))),
    if(chats, seconds, NULL), if(chats, seconds, NULL), if(chats, seconds, NULL),
    if(chats, score / 1000, NULL), if(chats, score / 1000, NULL), if(chats, score / 1000, NULL),
    bitShiftLeft(toUInt128(milliseconds + 500), 80) + bitShiftLeft(toUInt128(chance % 8), 48) + rand(),
    fromUnixTimestamp64Milli(toInt64(milliseconds + 2000 + rand(2) % 1000), 'UTC')
FROM drawn WHERE {window}
SETTINGS max_threads = 1, max_block_size = 32768, min_insert_block_size_rows = 262144
"""
_LETTERS = (
    "这个商品质量很好但是物流太慢客服没有回复我说今天送到结果等了三天才来包装破损颜色与图片不符退款一直处理中"
    "联系店家也找不到人承诺发货时间改变两次服务态度差安装师傅约好又取消价格比别处贵尺寸偏小面料舒适穿着合身推荐"
    "朋友购买下次还会光顾手机屏幕有划痕充电器发热系统卡顿使用方便操作简单说明书不清楚售后电话打不通活动规则复杂优惠券用不了"
)
_REPORTS = """
INSERT INTO worker_reports (at, worker, seconds, topics.topic, topics.partitions, topics.lag, topics.records,
    topics.dead_letters, stored, flushes, flush_seconds, delay_seconds)
SELECT now64(3) - toIntervalSecond(10 * intDiv(number, 4)), 'host:' || toString(number % 4), 10,
    ['feedback.events', 'complaint.events', 'chat.events'], [2, 2, 2], [3, 2, 1], [4, 2, 1], [0, 0, 0], 7, 5, 0.5, 10
FROM numbers(4 * 28 * 8640)
"""
# Of the weeks before these every twentieth event is made: all would take an hour and 12 GB.
_WHOLE_WEEKS, _THINNED = 5, 20
# What panels read, and how many weeks of it at most: all, unless a panel looks back no further.
_COPIED = {
    "place_hour": ("hour", None),
    "place_day": ("day", None),
    "chat_hour": ("hour", None),
    "chat_day": ("day", None),
    "chat_product_day": ("day", None),
    "chat_region_day": ("day", None),
    "chat_channel_day": ("day", None),
    "chat_minute": ("minute", 2),
    "gap_minute": ("minute", 2),
}


Filters = tuple[tuple[str, str], ...]
"""Variables of the dashboards and the value chosen of each; empty as they open."""


class Panel(NamedTuple):
    """Of which dashboard, and its number and title there."""

    dashboard: str
    name: str


class Cost(NamedTuple):
    """Of the queries of a panel: milliseconds by the clock and of processors, rows and megabytes read."""

    clock: float
    processor: float
    rows: float
    megabytes: float


def draw(clickhouse: ClickHouse, aggregates: Aggregates, yearly: int, days: int) -> None:
    """The aggregates of the last `days` days, and of two weeks at least."""
    start = int((datetime.now(UTC) - timedelta(days=7)).timestamp()) // 3_600 * 3_600
    drawn = _DRAWN.format(start=start, week=WEEK, events=yearly * 7 // 365)
    clickhouse.execute(f"CREATE TABLE drawn ENGINE = MergeTree ORDER BY at AS {drawn}")
    # Six hours at a time: a week of groups at once needs more memory than a query is allowed.
    for begin in range(start, start + WEEK, 21_600):
        window = f"at >= toDateTime({begin}, 'UTC') AND at < toDateTime({begin + 21_600}, 'UTC')"
        clickhouse.execute(_GAPS.format(window=window))
        clickhouse.execute(_CHATS.format(window=window))
        clickhouse.execute(_EVENTS.format(window=window, letters=_LETTERS))
    clickhouse.execute("DROP TABLE drawn SYNC")
    aggregates.derive_hours_and_days(range(start, start + WEEK, 3_600))
    for view, (key, most) in _COPIED.items():
        weeks = -(-days // 7) + 5  # four weeks before the range are "as usual"
        _copy(clickhouse, f"{view}_generations", key, min(weeks, most) if most else weeks)
    clickhouse.execute(_REPORTS)
    for week in range(1, -(-2 * days // 7) if days < _KEPT_DAYS // 2 else _KEPT_DAYS // 7):
        _copy_events(clickhouse, start, week)


def _copy(clickhouse: ClickHouse, table: str, key: str, weeks: int) -> None:
    """The whole days of the week drawn, or its hours and minutes, once more for each week before."""
    recent, step = ("today() - 7 AND own.day < today()", 7) if key == "day" else ("now() - 7 * 86400", WEEK)
    for week in range(1, weeks):
        clickhouse.execute(
            f"INSERT INTO {table} SELECT own.{key} - {step * week}, * EXCEPT ({key}) FROM {table} AS own FINAL "  # noqa: S608
            f"WHERE own.{key} >= {recent} SETTINGS max_threads = 1, max_block_size = 64, "
            "min_insert_block_size_rows = 512, min_insert_block_size_bytes = 33554432"
        )
    clickhouse.execute(f"OPTIMIZE TABLE {table}")


def _copy_events(clickhouse: ClickHouse, start: int, week: int) -> None:
    """The week drawn once more, `week` weeks before."""
    before = f"toIntervalDay({7 * week})"
    clickhouse.execute(
        f"INSERT INTO event_versions SELECT * REPLACE (own.event_time - {before} AS event_time, "  # noqa: S608
        f"own.stored_at - {before} AS stored_at, own.stored_at - {before} AS read_at, "
        f"own.version - bitShiftLeft(toUInt128({week * WEEK * 1000}), 80) AS version) FROM event_versions AS own "
        f"WHERE own.event_time >= toDateTime({start}, 'UTC') "
        f"AND own.version % {_THINNED if week >= _WHOLE_WEEKS else 1} = 0 "
        "SETTINGS max_threads = 1, max_block_size = 8192, min_insert_block_size_rows = 65536"
    )


class _Noted(ClickHouse):
    """Remembers the ids of its queries, by which the server logs them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[str] = []

    def execute(self, query: str, data: Any = None, **options: Any) -> Any:
        self.asked.append(uuid4().hex)
        return super().execute(query, data, query_id=self.asked[-1], **options)


def measure(url: str, ranges: Iterable[int], rounds: int, chosen: Filters) -> dict[Panel, dict[int, Cost]]:
    """By panel and days: the 95th percentile by the clock, medians of the rest."""
    clickhouse = _Noted(url)
    board = Board(clickhouse, "en")
    costs: dict[Panel, dict[int, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds + 1):
        asked = [(panel, days, ids) for days in ranges for panel, ids in _ask(board, clickhouse, days, chosen)]
        logged = _logged(url)
        for panel, days, ids in asked if number else ():  # the first round fills caches
            costs[panel][days].append(Cost(*map(sum, zip(*(logged[one] for one in ids), strict=True))))
    return {
        panel: {days: _summary(of_range) for days, of_range in of_panel.items()} for panel, of_panel in costs.items()
    }


def _ask(board: Board, clickhouse: _Noted, days: int, chosen: Filters) -> Iterator[tuple[Panel, list[str]]]:
    """Each panel, with the ids of its queries."""
    asked = {"from": [(datetime.now(UTC) - timedelta(days=days)).isoformat()]}
    asked |= {f"var-{variable}": [value] for variable, value in chosen}
    for uid, page in board.pages.items():
        view = board.view(uid, asked)
        for panel in page["panels"]:
            clickhouse.asked = []
            board.panel(uid, panel["id"], view)
            yield Panel(uid, f"{panel['id']} {panel['title']}"), clickhouse.asked


def _logged(url: str) -> dict[str, Cost]:
    clickhouse = ClickHouse(url)
    clickhouse.execute("SYSTEM FLUSH LOGS query_log")
    return {
        query_id: Cost(*cost)
        for query_id, *cost in clickhouse.execute(
            "SELECT query_id, query_duration_ms, (ProfileEvents['UserTimeMicroseconds'] + "
            "ProfileEvents['SystemTimeMicroseconds']) / 1000, read_rows, read_bytes / 1e6 "
            "FROM system.query_log WHERE type = 'QueryFinish'"
        )
    }


def _summary(costs: list[Cost]) -> Cost:
    clock, *others = zip(*costs, strict=True)
    return Cost(float(np.percentile(clock, 95)), *(float(np.median(other)) for other in others))


def _filters(text: str) -> Filters:
    chosen = [part.partition("=") for part in text.split(",")]
    if not all(variable in {"channel", "product", "region"} and value for variable, _, value in chosen):
        raise argparse.ArgumentTypeError(f"not of the form product=p0,region=r0: {text}")
    return tuple((variable, value) for variable, _, value in chosen)


def _named(chosen: Filters) -> str:
    return ", ".join(f"{variable} {value}" for variable, value in chosen) or "as it opens"


def _show(found: dict[Panel, dict[int, Cost]], chosen: Filters) -> None:
    ranges = list(next(iter(found.values())))
    headings = (f"{days} days: p95 ms / processor ms / rows / MB" for days in ranges)
    table = Table("dashboard", "panel", *headings, title=_named(chosen))
    for panel, costs in found.items():
        shown = (f"{c.clock:,.0f} / {c.processor:,.0f} / {c.rows:,.0f} / {c.megabytes:,.1f}" for c in costs.values())
        table.add_row(*panel, *shown)
    console = Console(width=180)
    console.print(table)
    for days in ranges:
        clocks = [costs[days].clock for costs in found.values()]
        within = sum(clock <= AIM_MS for clock in clocks)
        drawn = f"{_named(chosen)}, {days} days"
        console.print(f"{drawn}: {within} of {len(clocks)} within {AIM_MS} ms, the slowest {max(clocks):,.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yearly", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, nargs="*", default=[1, 7, 30, 365])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--chosen", type=_filters, nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with local_stack() as stack:
        url = stack.clickhouse.url
        migrate(url)
        draw(ClickHouse(url), Aggregates(url), options.yearly, max(options.days))
        found = {chosen: measure(url, options.days, options.rounds, chosen) for chosen in ((), *options.chosen)}
    for chosen, of_panels in found.items():
        _show(of_panels, chosen)
    if options.out:
        rows = [
            {"chosen": _named(chosen), "dashboard": panel.dashboard, "panel": panel.name, "days": days} | cost._asdict()
            for chosen, of_panels in found.items()
            for panel, costs in of_panels.items()
            for days, cost in costs.items()
        ]
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
