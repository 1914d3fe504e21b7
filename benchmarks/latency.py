"""How long after its publication an event is visible in `gap_minute`, at 10, 50 and 90 % of what one worker can do.

    nice .venv/bin/python benchmarks/latency.py [--events 60000] [--seconds 60] [--out FILE.json]
        [--capacity 5700 | --per-second 500 ...]

First a worker takes a backlog of `--events`, aggregates included: the events per second that it takes by the clock,
from a tenth of them to nine tenths, are the capacity, unless that or the loads themselves are given. Then live events
are published evenly, at one load after the other; each tenth of a second one carries a product of its own, and a query
that asks for these products whenever a minute was derived anew, looked for ten times a second, notes when each appears.
A minute after the last was published nothing more is waited for. One worker; Kafka and ClickHouse on the same machine,
and this benchmark. Beside the wait: how long until an event was stored, how many derivations there were, and what part
of a core each part took.
"""

import asyncio
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import numpy as np
import psutil
from aiokafka import AIOKafkaProducer
from clickhouse_driver import Client
from rich.console import Console
from rich.table import Table
from workbench import (
    BATCH_BYTES,
    TOPIC,
    Batches,
    Bench,
    bench,
    fill,
    metric,
    metrics,
    parts_of,
    seconds_by_part,
    wait_until_assigned,
    wait_until_stored,
    worker,
)

from gapwatch.commands.demonstration.reviews import load_reviews
from gapwatch.pipeline.events.instants import milliseconds

PROBE_SECONDS = 0.1
POLL_SECONDS = 0.1
SHARES = (0.1, 0.5, 0.9)
WARM_UP_SECONDS = 10.0
TICK_SECONDS = 0.01
CHANGED = "SELECT max(generation) FROM gap_minute_generations WHERE minute >= now() - 180"
STORED = """
SELECT quantiles(0.5, 0.99)(toFloat64(stored_at) - toFloat64(published_at)) FROM events
WHERE published_at >= toDateTime64(%(since)s, 3, 'UTC') AND event_time >= toDateTime64(%(since)s, 3, 'UTC') - 60
"""
SEEN = "SELECT DISTINCT product_id FROM gap_minute WHERE minute >= now() - 180 AND startsWith(product_id, 'probe-')"


class Load(threading.Thread):
    """Publishes, with as little of the two cores as can be; `sent` holds when each probe left."""

    def __init__(self, kafka: str, per_second: float, seconds: float) -> None:
        super().__init__(daemon=True)
        self.sent: dict[str, float] = {}
        self._kafka, self._per_second, self._seconds = kafka, per_second, seconds

    def run(self) -> None:
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        texts = [review.text for review in load_reviews()]
        async with AIOKafkaProducer(bootstrap_servers=self._kafka, max_batch_size=BATCH_BYTES) as producer:
            batches = Batches(producer, await producer.partitions_for(TOPIC))
            began = time.monotonic()
            number, next_probe = 0, WARM_UP_SECONDS
            while (elapsed := time.monotonic() - began) < self._seconds + WARM_UP_SECONDS:
                if elapsed >= next_probe:
                    product, next_probe = f"probe-{self._per_second}-{number}", next_probe + PROBE_SECONDS
                    self.sent[product] = time.monotonic()
                elif number < elapsed * self._per_second:
                    product = f"p{number % 50}"
                else:
                    await batches.send()
                    await asyncio.sleep(TICK_SECONDS)
                    continue
                now = datetime.now(UTC)
                event = _event(texts[number % len(texts)], product, now)
                await batches.append(None, msgspec.json.encode(event), milliseconds(now))
                number += 1


def _event(text: str, product: str, now: datetime) -> dict[str, Any]:
    return {
        "event_id": uuid.uuid4().hex,
        "event_time": now,
        "channel": "app",
        "customer_id": "c",
        "product_id": product,
        "text": text,
    }


def measure(clickhouse: str, load: Load, seconds: float) -> list[float]:
    """How long each probe took to appear, in seconds."""
    waits: dict[str, float] = {}
    generation = None
    with Client.from_url(clickhouse) as client:
        deadline = time.monotonic() + seconds + WARM_UP_SECONDS + 60
        while time.monotonic() < deadline and (load.is_alive() or len(waits) < len(load.sent)):
            time.sleep(POLL_SECONDS)
            latest = client.execute(CHANGED)
            if latest == generation:
                continue
            generation, found = latest, client.execute(SEEN)
            now = time.monotonic()
            for (product,) in found:
                if product in load.sent:  # not of the rate before
                    waits.setdefault(product, now - load.sent[product])
    return list(waits.values())


def derivations(url: str) -> tuple[float, float]:
    """How many the worker has made, and the seconds they took."""
    text = metrics(url)
    of_derive = r'{stage="derive"}'
    return metric(text, f"stage_seconds_count{of_derive}"), metric(text, f"stage_seconds_sum{of_derive}")


def stored(clickhouse: str, since: float) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from publication to storing, of events published since then."""
    with Client.from_url(clickhouse) as client:
        ((found,),) = client.execute(STORED, {"since": since})
    half, nearly = found
    return half, nearly


def measured_capacity(made: Bench, events: int) -> float:
    """Events a second at which one worker takes a backlog. The topic is empty again when this returns."""
    fill(made.stack.kafka, events)
    with worker(made.fresh()) as (_, url):
        began, first = wait_until_stored(url, 0.1 * events)
        ended, last = wait_until_stored(url, 0.9 * events)
    made.forget(TOPIC)
    return (last - first) / (ended - began)


class Result(NamedTuple):
    """Of one load, in events a second: how many probes left, and how many appeared, after how many seconds."""

    per_second: float
    sent: int
    seen: int
    p50: float
    p90: float
    p99: float
    stored_p50: float
    stored_p99: float
    derivations: float
    derivation_seconds: float
    cores: dict[str, float]
    load: float


def run(made: Bench, rates: Sequence[float], seconds: float) -> Iterator[Result]:
    environment = made.fresh()
    clickhouse = environment["GAPWATCH_CLICKHOUSE"]
    with worker(environment) as (process, url):
        wait_until_assigned(url)
        parts = parts_of(made.stack, process) | {"benchmark": [psutil.Process()]}
        for rate in rates:
            since, began, before, derived = time.time(), time.monotonic(), seconds_by_part(parts), derivations(url)
            load = Load(made.stack.kafka, rate, seconds)
            load.start()
            waits = measure(clickhouse, load, seconds)
            took = time.monotonic() - began
            count, spent = (now - then for now, then in zip(derivations(url), derived, strict=True))
            yield Result(
                rate,
                len(load.sent),
                len(waits),
                *map(float, np.percentile(waits or [float("nan")], [50, 90, 99])),
                *stored(clickhouse, since + WARM_UP_SECONDS),
                count,
                spent / max(1, count),
                {name: (now - before[name]) / took for name, now in seconds_by_part(parts).items()},
                os.getloadavg()[0],
            )


def show(found: Sequence[Result], capacity: float | None) -> None:
    title = f"Seconds from publication, of a capacity of {capacity:,.0f} events/s" if capacity else "Seconds"
    table = Table("load", title=title)
    columns = ("probes seen", "p50", "p90", "p99", "stored p50", "stored p99", "derivations", "each", "load of machine")
    for name in columns:
        table.add_column(name, justify="right")
    for one in found:
        share = f" ({one.per_second / capacity:.0%})" if capacity else ""
        times = (one.p50, one.p90, one.p99, one.stored_p50, one.stored_p99)
        table.add_row(
            f"{one.per_second:,.0f}/s{share}",
            f"{one.seen} of {one.sent}",
            *(f"{seconds:.2f}" for seconds in times),
            f"{one.derivations:.0f}",
            f"{one.derivation_seconds:.2f}",
            f"{one.load:.1f}",
        )
    table_of_cores = Table("load", *found[0].cores, title="Cores")
    for one in found:
        table_of_cores.add_row(f"{one.per_second:,.0f}/s", *(f"{share:.2f}" for share in one.cores.values()))
    console = Console(width=120)
    console.print(table)
    console.print(table_of_cores)
    if any(one.seen < one.sent for one in found):
        console.print("Where probes were not seen, the load was more than there is, and the times say too little.")


@click.command()
@click.option("--per-second", multiple=True, type=float, help="Repeatable; instead of shares of a capacity.")
@click.option("--capacity", type=float, help="Events/s of one worker; measured if neither this nor a load is given.")
@click.option("--events", default=60_000, show_default=True, help="The backlog by which the capacity is measured.")
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the result.")
def main(
    *, per_second: tuple[float, ...], capacity: float | None, events: int, seconds: float, out: Path | None
) -> None:
    with bench() as made:
        if not per_second and not capacity:
            capacity = measured_capacity(made, events)
            print(f"capacity: {capacity:,.0f} events/s of a backlog of {events:,}", flush=True)
        rates = [*per_second, *(share * capacity for share in SHARES if capacity)]
        found = []
        for result in run(made, rates, seconds):
            print(f"{result.per_second:,.0f} events/s: p50 {result.p50:.2f} s, p99 {result.p99:.2f} s", flush=True)
            found.append(result)
    show(found, capacity)
    if out:
        written = {"capacity": capacity, "loads": [one._asdict() for one in found]}
        out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
