"""How long every query of every dashboard takes over the aggregates of 10^8 events a year.

    .venv/bin/python benchmarks/dashboard_queries.py [--yearly 100000000] [--days 7 30] [--rounds 5] [--out FILE]

Reading 10^8 events would take hours, so their aggregates are made in ClickHouse: the events of one week are drawn there
from `numbers()` (50 products, 9 channels, 10 regions, three types, unequal weights as in aggregates.py) and grouped by
hour, day and, for chats, minute, in the form the workers leave them; the weeks before are copies of it. Single events
are not made: panels that list voices find none. Times are of the server (`system.query_log`): what the clock said, and
the processor time of all its threads, which another load on the machine inflates less.
"""

import argparse
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dashboards.board.data import Board
from pipeline.stack import LocalStack
from pipeline.store import ClickHouse, migrate

WEEK = 7 * 86_400
_GAPS = """
    groups.event_type, groups.channel, groups.product_id, groups.region, groups.gap, groups.events,
    groups.primary_events, groups.customers_state, groups.positive, groups.neutral, groups.negative,
    groups.sentiment_sum, groups.severity_sum, groups.primary_positive, groups.primary_neutral,
    groups.primary_negative, groups.primary_sentiment_sum, groups.promises_kept, groups.promises_broken"""
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
    toInt64(rand(7) % 2001) - 1000 AS score, toString(rand(8) % 5000000) AS customer, rand(9) % 600 AS seconds
FROM numbers({events})
"""
_GROUPED = """
INSERT INTO {table} ({key}, generation, {columns})
SELECT period, 1, groupArray(event_type), groupArray(channel), groupArray(product_id), groupArray(region),
    groupArray(gap), groupArray(n), groupArray(n), groupArray(customers), groupArray(good), groupArray(fair),
    groupArray(bad), groupArray(total), groupArray(n), groupArray(good), groupArray(fair), groupArray(bad),
    groupArray(total), groupArray(kept), groupArray(broken)
FROM (
    SELECT {period} AS period, event_type, channel, product_id, region, gap, count() AS n,
        uniqState(customer) AS customers, countIf(score > 300) AS good, countIf(score < -300) AS bad,
        n - good - bad AS fair, sum(score) AS total, countIf(seconds < 50) AS kept, countIf(seconds > 550) AS broken
    FROM drawn WHERE {window} GROUP BY ALL
)
GROUP BY period
"""
_CHATS = """
INSERT INTO chat_minute_generations (minute, generation, groups.channel, groups.product_id, groups.region,
    groups.conversations, groups.answered, groups.unanswered, groups.resolved, groups.first_response_sum,
    groups.first_response_state, groups.resolution_sum, groups.resolution_state, groups.waited,
    groups.longest_wait_sum, groups.longest_wait_state, groups.moods, groups.mood_start_sum, groups.mood_end_sum,
    groups.mood_low_sum)
SELECT period, 1, groupArray(channel), groupArray(product_id), groupArray(region), groupArray(n), groupArray(n),
    groupArray(0), groupArray(n), groupArray(total), groupArray(state), groupArray(total), groupArray(state),
    groupArray(n), groupArray(total), groupArray(state), groupArray(n), groupArray(mood), groupArray(mood),
    groupArray(mood)
FROM (
    SELECT toStartOfMinute(at) AS period, channel, product_id, region, count() AS n, sum(seconds) * 1000 AS total,
        quantilesDDState(0.01, 0.5, 0.9, 0.99)(toFloat64(seconds)) AS state, sum(score) AS mood
    FROM drawn WHERE event_type = 'chat' AND {window} GROUP BY ALL
)
GROUP BY period
"""
_TABLES = {"gap_hour_generations": "hour", "gap_day_generations": "day", "chat_minute_generations": "minute"}


def draw(clickhouse: ClickHouse, yearly: int, days: int) -> None:
    """The aggregates of the last `days` days, and of days a year."""
    start = int((datetime.now(UTC) - timedelta(days=7)).timestamp()) // 3_600 * 3_600
    events = yearly * 7 // 365
    drawn = _DRAWN.format(start=start, week=WEEK, events=events)
    clickhouse.execute(f"CREATE TABLE drawn ENGINE = MergeTree ORDER BY at AS {drawn}")
    first = start - start % 86_400 - 8 * 3_600
    # Day by day: a week of groups at once needs more memory than a query is allowed.
    for begin in range(first, first + 9 * 86_400, 86_400):
        window = f"at >= toDateTime({begin}, 'UTC') AND at < toDateTime({begin + 86_400}, 'UTC')"
        for table, key, period in (
            ("gap_hour_generations", "hour", "toStartOfHour(at)"),
            ("gap_day_generations", "day", "toDate(at, 'Asia/Shanghai')"),
        ):
            clickhouse.execute(_GROUPED.format(table=table, key=key, columns=_GAPS, period=period, window=window))
        clickhouse.execute(_CHATS.format(window=window))
    clickhouse.execute("DROP TABLE drawn SYNC")
    for table, key in _TABLES.items():
        weeks = 52 if key == "day" else -(-days // 7)
        for week in range(1, weeks):
            step, recent = (7, "today() - 7") if key == "day" else (WEEK, f"toDateTime({start}, 'UTC')")
            clickhouse.execute(
                f"INSERT INTO {table} SELECT own.{key} - {step * week}, * EXCEPT ({key}) FROM {table} AS own "  # noqa: S608
                f"WHERE own.{key} >= {recent} SETTINGS max_threads = 1, max_block_size = 64, "
                "min_insert_block_size_rows = 512, min_insert_block_size_bytes = 33554432"
            )


def measure(url: str, days: int, rounds: int) -> list[tuple[str, str, float, float]]:
    """Dashboard, panel, p95 in ms by the clock, median in ms of processor time."""
    clickhouse = ClickHouse(url)
    board = Board(clickhouse, "en")
    asked = {"from": [(datetime.now(UTC) - timedelta(days=days)).isoformat()]}
    found = []
    for uid, page in board.pages.items():
        view = board.view(uid, asked)
        for panel in page["panels"]:
            times = [_time(clickhouse, board, uid, panel["id"], view) for _ in range(rounds)]
            clock, processor = zip(*times, strict=True)
            found.append(
                (uid, panel["title"] or f"panel {panel['id']}", np.percentile(clock, 95), np.median(processor))
            )
    return found


def _time(clickhouse: ClickHouse, board: Board, uid: str, panel: int, view: object) -> tuple[float, float]:
    ((before,),) = clickhouse.execute("SELECT now64(6)")
    board.panel(uid, panel, view)  # type: ignore[arg-type]
    clickhouse.execute("SYSTEM FLUSH LOGS")
    ((clock, processor),) = clickhouse.execute(
        "SELECT sum(query_duration_ms), sum(ProfileEvents['UserTimeMicroseconds'] + "
        "ProfileEvents['SystemTimeMicroseconds']) / 1000 FROM system.query_log WHERE type = 'QueryFinish' "
        "AND query_start_time_microseconds >= %(before)s AND query NOT LIKE '%%SYSTEM FLUSH%%' "
        "AND query NOT LIKE '%%query_log%%' AND query NOT LIKE 'SELECT now64%%'",
        {"before": before},
    )
    return clock, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yearly", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, nargs="*", default=[7, 30])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, LocalStack(directory) as stack:
        migrate(stack.clickhouse.url)
        draw(ClickHouse(stack.clickhouse.url), options.yearly, max(options.days))
        found = {days: measure(stack.clickhouse.url, days, options.rounds) for days in options.days}
    table = Table("dashboard", "panel", *(f"{days} days: p95 / processor, ms" for days in options.days))
    for rows in zip(*found.values(), strict=True):
        table.add_row(*rows[0][:2], *(f"{clock:,.0f} / {processor:,.0f}" for _, _, clock, processor in rows))
    Console(width=140).print(table)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
