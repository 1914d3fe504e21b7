"""How long after its publication an event is visible in `gap_minute`, at a given load.

    nice .venv/bin/python benchmarks/latency.py [--per-second 500 ...] [--capacity 5700] [--seconds 60]

Live events are published evenly; each tenth of a second one carries a product of its own, and a query that asks for
these products whenever a minute was derived anew, looked for ten times a second, notes when each appears. One
worker; Kafka and ClickHouse on the same machine. Beside the wait: how long until an event was stored, how many
derivations there were, and what part of a core each part took, this benchmark included.
"""

import asyncio
import os
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
import numpy as np
import psutil
from aiokafka import AIOKafkaProducer
from clickhouse_driver import Client
from workbench import (
    BATCH_BYTES,
    TOPIC,
    Batches,
    bench,
    metric,
    metrics,
    parts_of,
    seconds_by_part,
    wait_until_assigned,
    worker,
)

from pipeline.demo.reviews import load_reviews

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
                await batches.append(None, msgspec.json.encode(event), int(now.timestamp() * 1000))
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


@click.command()
@click.option("--per-second", multiple=True, type=float, help="Repeatable; 500 if no load is given.")
@click.option("--capacity", type=float, help="Events/s of one worker: 10, 50 and 90 % of it.")
@click.option("--seconds", default=60.0, show_default=True)
def main(per_second: tuple[float, ...], capacity: float | None, seconds: float) -> None:
    rates = [*per_second, *(share * capacity for share in SHARES if capacity)] or [500.0]
    with bench() as made:
        environment = made.fresh()
        with worker(environment) as (process, url):
            wait_until_assigned(url)
            parts = parts_of(made.stack, process) | {"benchmark": [psutil.Process()]}
            for rate in rates:
                since, began, before, derived = time.time(), time.monotonic(), seconds_by_part(parts), derivations(url)
                load = Load(made.stack.kafka, rate, seconds)
                load.start()
                waits = measure(environment["GAPWATCH_CLICKHOUSE"], load, seconds)
                took = time.monotonic() - began
                half, most, nearly = np.percentile(waits, [50, 90, 99])
                print(
                    f"{rate:.0f} events/s, {len(waits)} probes: p50 {half:.2f} s, p90 {most:.2f} s, "
                    f"p99 {nearly:.2f} s, load {os.getloadavg()[0]:.0f}"
                )
                half, nearly = stored(environment["GAPWATCH_CLICKHOUSE"], since + WARM_UP_SECONDS)
                count, spent = (now - then for now, then in zip(derivations(url), derived, strict=True))
                print(
                    f"  stored: p50 {half:.2f} s, p99 {nearly:.2f} s; {count:.0f} derivations of {spent / count:.2f} s"
                )
                used = {name: (now - before[name]) / took for name, now in seconds_by_part(parts).items()}
                print("  cores: " + ", ".join(f"{name} {share:.2f}" for name, share in used.items()), flush=True)


if __name__ == "__main__":
    main()
