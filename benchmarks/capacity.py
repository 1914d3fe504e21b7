"""What an event costs each part of the path: processor time, bytes on disk; and what a minute costs to derive.

    nice .venv/bin/python benchmarks/capacity.py [--events 60000] [--minutes 200 1000] [--alone 10000 ...]

Real reviews of the last ten minutes go through one worker, aggregates included. Processor time is what each process
took from the first record to the last derivation, so it holds on a busy machine; what it takes to start is left out.
Bytes are those of parts that have been merged. Then, of a day with so many made-up events each minute, the last minute
is derived, and its hour and day; and minutes of more events, each alone in its day.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psutil
from clickhouse_driver import Client
from rich.console import Console
from rich.table import Table
from workbench import Bench, bench, fill, parts_of, seconds_by_part, seconds_by_purpose, worker

from gapwatch.pipeline.hosting.retrying import Limits, retrying
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS, lag
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import Aggregates

LIVE_SECONDS = 600
DAY_SECONDS = 86_400
WARM_UP_EVENTS = 6_000

# Three types, 50 products, 9 channels and 10 regions; every sixth is a conversation, half of the others have a gap.
_EVENTS = """
INSERT INTO event_versions (event_id, event_type, event_time, channel, customer_id, product_id, region,
    sentiment, sentiment_score, gaps, primary_gap, dimension, stage, severity, evidence, first_response_seconds,
    resolution_seconds, longest_wait_seconds, mood_start, mood_end, mood_low, model_version, version)
WITH ['feedback', 'feedback', 'feedback', 'complaint', 'complaint', 'chat'][1 + rand(1) % 6] AS type,
    if(type = 'chat' OR rand(8) % 2 = 0, 'none', ['fulfillment', 'information', 'design', 'communication']
        [1 + rand(11) % 4]) AS gap,
    if(type = 'chat', exp((rand(12) % 9000) / 1000), NULL) AS seconds,
    if(type = 'chat', rand(13) / 4294967296, NULL) AS mood
SELECT toString(number), type, toDateTime({start}, 'UTC') + number % {seconds}, toString(rand(2) % 9),
    toString(rand(3) % 100000), toString(toUInt8(50 * pow(rand(4) / 4294967296, 1.8))),
    toString(toUInt8(10 * pow(rand(5) / 4294967296, 1.5))), ['positive', 'neutral', 'negative'][1 + rand(6) % 3],
    rand(7) / 4294967296, if(gap = 'none', [], [gap]), gap,
    if(gap = 'none', 'none', ['reliability', 'responsiveness', 'assurance', 'empathy', 'tangibles'][1 + rand(14) % 5]),
    ['pre_sale', 'in_sale', 'after_sale'][1 + rand(9) % 3], rand(10) / 4294967296,
    if(gap = 'none', [], [(gap, toString(rand(15) % 1000), 0, 3)]), seconds, seconds, seconds, mood, mood, mood,
    'benchmark', number
FROM numbers({events})
SETTINGS max_threads = 1, max_block_size = 32768, min_insert_block_size_rows = 262144
"""
_GROUPS = "SELECT length(groups.gap) FROM gap_minute_generations FINAL WHERE minute = %(minute)s"


# While much is merged the local server has little memory left. A worker tries again, too.
_ATTEMPTS = retrying(Limits(seconds=120, first_pause=4, longest_pause=4))


class Cost(NamedTuple):
    """Seconds."""

    clock: float
    processor: float


def wait_until_done() -> None:
    while any(lag(settings().group, [*EVENT_TOPICS, DIRTY_MINUTES_TOPIC]).values()):
        time.sleep(1)


def costs(running: Bench, events: int) -> tuple[dict[str, float], dict[str, float]]:
    """By part, and ClickHouse's by purpose, microseconds of processor time an event; publishing is over before."""
    environment = running.fresh()
    os.environ |= {name: environment[name] for name in environment if name.startswith("GAPWATCH_")}
    settings.cache_clear()
    fill(running.stack.kafka, WARM_UP_EVENTS, over=LIVE_SECONDS)
    with worker(environment) as (process, _):
        wait_until_done()
        parts = parts_of(running.stack, process)
        process.suspend()
        for one in process.children(recursive=True):
            one.suspend()
        fill(running.stack.kafka, events, first=WARM_UP_EVENTS, over=LIVE_SECONDS)
        since, before = time.time(), seconds_by_part(parts)
        for one in [*process.children(recursive=True), process]:
            one.resume()
        wait_until_done()
        until, after = time.time(), seconds_by_part(parts)
    spent = {name: after[name] - before[name] for name in parts}
    by_purpose = seconds_by_purpose(environment["GAPWATCH_CLICKHOUSE"], since, until, spent["ClickHouse"])
    return (
        {name: 1e6 * seconds / events for name, seconds in spent.items()},
        {name: 1e6 * seconds / events for name, seconds in by_purpose.items()},
    )


def sizes(url: str) -> Iterator[tuple[str, float]]:
    """Table, and its bytes on disk for a row, merged."""
    with Client.from_url(url) as client:
        for table in ("event_versions", "event_places", "gap_minute_generations"):
            client.execute(f"OPTIMIZE TABLE {table} FINAL")
        ((events,),) = client.execute("SELECT count() FROM events")
        for table, size in client.execute(
            "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() "
            "AND table IN ('event_versions', 'event_places', 'gap_minute_generations') GROUP BY table ORDER BY table"
        ):
            yield table, size / events


class Derived(NamedTuple):
    """Of a minute: its events and groups, what it costs to derive, and its hour and day if they are full."""

    events: int
    groups: int
    minute: Cost
    hour_and_day: Cost | None


def derivations(running: Bench, url: str, minutes_of_days: list[int], minutes_alone: list[int]) -> Iterator[Derived]:
    """Days full of minutes of so many events, then minutes of so many events that are alone in their day."""
    aggregates = Aggregates(url)
    server = psutil.Process(running.stack.clickhouse.pid)
    today = datetime.now(ZoneInfo(settings().time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = [*((events, True) for events in minutes_of_days), *((events, False) for events in minutes_alone)]
    with Client.from_url(url) as client:
        for number, (events, full) in enumerate(wanted, 1):
            start = int((today - timedelta(days=number)).timestamp())
            minutes = range(start, start + (DAY_SECONDS if full else 60), 60)
            client.execute(_EVENTS.format(start=start, seconds=60 * len(minutes), events=events * len(minutes)))
            # As live minutes are, few at once: a group of conversations takes 20 KB while it is being built.
            for few in range(0, len(minutes), 5):
                _ATTEMPTS(aggregates.derive_minutes, minutes[few : few + 5])
            _ATTEMPTS(aggregates.derive_hours_and_days, minutes)
            last = [minutes[-1]]
            minute = cost(server, aggregates.derive_minutes, last)
            coarse = cost(server, aggregates.derive_hours_and_days, last) if full else None
            ((groups,),) = client.execute(_GROUPS, {"minute": last[0]})
            yield Derived(events, groups, minute, coarse)


def cost(server: psutil.Process, action: Callable[[list[int]], object], minutes: list[int]) -> Cost:
    """Of three runs the least time by the clock, and the server's mean processor time."""
    before, clocks = sum(server.cpu_times()[:2]), []
    for _ in range(3):
        began = time.perf_counter()
        action(minutes)
        clocks.append(time.perf_counter() - began)
    return Cost(min(clocks), (sum(server.cpu_times()[:2]) - before) / 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--minutes", type=int, nargs="*", default=[200, 1_000])
    parser.add_argument("--alone", type=int, nargs="*", default=[10_000, 100_000, 700_000])
    options = parser.parse_args()
    console = Console(width=120)
    with bench() as running:
        title = f"{options.events:,} events, load {os.getloadavg()[0]:.0f}"
        table = Table("part", "processor time, µs an event", title=title)
        by_part, by_purpose = costs(running, options.events)
        for part, us in by_part.items():
            table.add_row(part, f"{us:,.0f}")
            for purpose, of_it in by_purpose.items() if part == "ClickHouse" else ():
                table.add_row(f"  {purpose}", f"  {of_it:,.0f}")
        console.print(table)
        table = Table("table", "bytes on disk an event")
        url = settings().clickhouse.get_secret_value()  # type: ignore[union-attr]
        for name, size in sizes(url):
            table.add_row(name, f"{size:,.0f}")
        console.print(table)
        columns = ("by the clock", "processor")
        headings = (f"{what}, {how}" for what in ("minute", "hour and day") for how in columns)
        table = Table(
            "events a minute", "groups", *headings, title="Deriving, by the clock and ClickHouse's processor time"
        )
        for derived in derivations(running, url, options.minutes, options.alone):
            seconds = (f"{one:.2f} s" for of in (derived.minute, derived.hour_and_day) for one in of or ())
            table.add_row(f"{derived.events:,}", f"{derived.groups:,}", *seconds)
        console.print(table)


if __name__ == "__main__":
    main()
