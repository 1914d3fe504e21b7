"""What an event costs each part of the path: processor time, bytes on disk; and what a minute costs to derive.

    nice .venv/bin/python benchmarks/capacity.py [--events 60000] [--minutes 1000 10000]

Real reviews of the last ten minutes go through one worker, aggregates included. Processor time is what each process
took from the first record to the last derivation, so it holds on a busy machine; what it takes to start is left out.
Bytes are those of parts that have been merged. Then, of an hour with so many made-up events
each minute, the last minute is derived, and its hour and day.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psutil
from clickhouse_driver import Client
from rich.console import Console
from rich.table import Table
from workbench import Bench, bench, fill, parts_of, seconds_by_part, worker

from pipeline.settings import settings
from pipeline.store import Aggregates
from pipeline.topics import EVENT_TOPICS, TOUCHED_TOPIC, lag

LIVE_SECONDS = 600
WARM_UP_EVENTS = 6_000

_HOUR = """
INSERT INTO event_versions (event_id, event_type, event_time, channel, customer_id, product_id, region,
    sentiment, sentiment_score, gaps, primary_gap, stage, severity, model_version, version)
SELECT toString(number), ['feedback', 'feedback', 'feedback', 'complaint', 'complaint'][1 + rand(1) % 5],
    toDateTime('{hour}', 'UTC') + number % 3600, toString(rand(2) % 9), toString(rand(3) % 100000),
    toString(toUInt8(50 * pow(rand(4) / 4294967296, 1.8))), toString(toUInt8(10 * pow(rand(5) / 4294967296, 1.5))),
    ['positive', 'neutral', 'negative'][1 + rand(6) % 3], rand(7) / 4294967296,
    if(rand(8) % 10 < 6, [], ['fulfillment']) AS found, if(empty(found), 'none', 'fulfillment'),
    ['pre_sale', 'in_sale', 'after_sale'][1 + rand(9) % 3], rand(10) / 4294967296, 'benchmark', number
FROM numbers({events})
"""


class Cost(NamedTuple):
    """Seconds."""

    clock: float
    processor: float


def wait_until_done() -> None:
    while any(lag(settings().group, [*EVENT_TOPICS, TOUCHED_TOPIC]).values()):
        time.sleep(1)


def costs(running: Bench, events: int) -> Iterator[tuple[str, float]]:
    """Part, and its microseconds of processor time for an event; publishing is over before it is counted."""
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
        before = seconds_by_part(parts)
        for one in [*process.children(recursive=True), process]:
            one.resume()
        wait_until_done()
        after = seconds_by_part(parts)
    for name in parts:
        yield name, 1e6 * (after[name] - before[name]) / events


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


def derivations(running: Bench, url: str, sizes_of_minutes: list[int]) -> Iterator[tuple[int, list[Cost]]]:
    """Events of each minute of a full hour; the cost to derive the last minute, and to derive its hour and day."""
    aggregates = Aggregates(url)
    server = psutil.Process(running.stack.clickhouse.pid)
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with Client.from_url(url) as client:
        for number, events in enumerate(sizes_of_minutes, 1):
            hour = today - timedelta(days=number)
            client.execute(_HOUR.format(hour=f"{hour:%Y-%m-%d %H:%M:%S}", events=60 * events))
            minutes = [int(hour.timestamp()) + 60 * minute for minute in range(60)]
            aggregates.derive_minutes(minutes)
            actions = (aggregates.derive_minutes, aggregates.derive_hours_and_days)
            yield events, [cost(server, action, minutes[-1:]) for action in actions]


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
    parser.add_argument("--minutes", type=int, nargs="*", default=[1_000, 10_000])
    options = parser.parse_args()
    console = Console()
    with bench() as running:
        title = f"{options.events:,} events, load {os.getloadavg()[0]:.0f}"
        table = Table("part", "processor time, µs an event", title=title)
        for part, cost in costs(running, options.events):
            table.add_row(part, f"{cost:,.0f}")
        console.print(table)
        table = Table("table", "bytes on disk an event")
        url = settings().clickhouse.get_secret_value()  # type: ignore[union-attr]
        for name, size in sizes(url):
            table.add_row(name, f"{size:,.0f}")
        console.print(table)
        columns = ("by the clock", "ClickHouse's processor")
        table = Table("events a minute", *(f"{what}, {how}" for what in ("minute", "hour and day") for how in columns))
        for events, found in derivations(running, url, options.minutes):
            table.add_row(f"{events:,}", *(f"{seconds:.2f} s" for one in found for seconds in one))
        console.print(table)


if __name__ == "__main__":
    main()
