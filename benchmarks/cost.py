"""What an event costs one worker, and what the worker holds in memory, as the events grow; with one and two processes.

    nice .venv/bin/python benchmarks/cost.py [--events 10000 100000] [--processes 1 2] [--out FILE.json]

The topic holds the events; a fresh worker takes them to an empty database, aggregates included. Costs are processor
time from a tenth of the events to nine tenths, so they hold on a busy machine too. Memory is resident, of all processes
of the worker: when a tenth is stored, and the most from then on. At last, with ClickHouse away and as many events
waiting as the most asked for, the same memory after two minutes.

What reading an event costs is the same however many there are, so the ratio of all to reading says whether the rest
grew, even while the machine itself becomes faster or slower.
"""

import itertools
import json
import time
from pathlib import Path
from typing import NamedTuple

import click
import psutil
from workbench import Bench, bench, fill, metric, metrics, processor_seconds, wait_until_assigned, worker

SAMPLE_SECONDS = 0.2
AWAY_SECONDS = 120.0
STAGES = ("read", "store", "publish", "derive")


class Sample(NamedTuple):
    """At a moment: events stored, processor seconds of all processes and of readers, resident bytes of all and each."""

    clock: float
    stored: float
    processor: float
    reading: float
    resident: int
    each: list[int]


def sample(process: psutil.Popen, url: str) -> Sample:
    running = [one for one in process.children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    readers = [one for one in running if one.ppid() != process.pid]
    resident = [one.memory_info().rss for one in running]
    stored = metric(metrics(url), "events_stored_total")
    spent, reading = processor_seconds(running), processor_seconds(readers)
    return Sample(time.perf_counter(), stored, spent, reading, sum(resident), resident)


def cost(made: Bench, events: int, processes: int) -> dict[str, float]:
    with worker(made.fresh(), processes) as (process, url):
        samples = [sample(process, url)]
        while samples[-1].stored < 0.9 * events:
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(process, url))
        text = metrics(url)
    first = next(one for one in samples if one.stored >= 0.1 * events)
    last = samples[-1]
    count = last.stored - first.stored
    parts = [next(one for one in samples if one.stored >= tenth / 10 * events) for tenth in range(1, 10)]
    for tenth, (before, now) in enumerate(itertools.pairwise(parts), 2):
        if now.stored == before.stored:
            continue  # a flush of several tenths
        spent = now.processor - before.processor
        each = spent / (now.stored - before.stored) * 1e6
        to_reading = spent / (now.reading - before.reading)
        held = " + ".join(f"{resident / 1e6:.0f}" for resident in now.each)
        print(f"  {tenth}0 %: {each:.0f} µs an event, {to_reading:.2f} x reading, {held} MB", flush=True)
    stages = {
        f"{stage}_us": metric(text, rf'stage_seconds_sum{{stage="{stage}"}}') / last.stored * 1e6 for stage in STAGES
    }
    return {
        "processor_us": (last.processor - first.processor) / count * 1e6,
        "to_reading": (last.processor - first.processor) / (last.reading - first.reading),
        "per_second": count / (last.clock - first.clock),
        "resident_mb": first.resident / 1e6,
        "most_resident_mb": max(one.resident for one in samples if one.stored >= first.stored) / 1e6,
    } | stages


def memory_while_away(made: Bench) -> float:
    """Megabytes of one worker that has taken all it holds and cannot store it."""
    environment = made.fresh()
    with worker(environment) as (process, url):
        wait_until_assigned(url)
        made.stack.clickhouse.stop()
        time.sleep(AWAY_SECONDS)
        resident = sample(process, url).resident / 1e6
    made.stack.clickhouse.start()
    return resident


@click.command()
@click.option("--events", multiple=True, type=int, default=[10_000, 100_000], show_default=True)
@click.option("--processes", multiple=True, type=int, default=[1], show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the result.")
def main(events: tuple[int, ...], processes: tuple[int, ...], out: Path | None) -> None:
    found = []
    with bench() as made:
        there = 0
        for count in sorted(events):
            fill(made.stack.kafka, count - there, there)
            there = count
            for number in processes:
                found.append({"events": count, "processes": number, **cost(made, count, number)})
                print({name: round(value, 2) for name, value in found[-1].items()}, flush=True)
        away = memory_while_away(made)
        print(f"ClickHouse away, {there:,} events waiting: {away:.0f} MB")
    if out:
        out.write_text(json.dumps({"runs": found, "away_mb": away}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
