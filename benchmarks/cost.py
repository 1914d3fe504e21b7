"""What an event costs one worker, and what the worker holds in memory, as the events grow; with one and two processes.

    nice .venv/bin/python benchmarks/cost.py [--events 100000 ...] [--processes 1 ...] [--out FILE.json]

The topic holds the events; a fresh worker takes them to an empty database, aggregates included. 10^5, 10^6 and 10^7
events unless given, which takes three quarters of an hour. Costs are processor time from a tenth of the events to nine
tenths, so they hold on a busy machine too: of the worker, with its supervisor, and of its reader; of ClickHouse, with
what it was spent on (`system.query_log`); and of Kafka. Memory is resident, of workers and readers: when a tenth is
stored, and the most from then on; the supervisor's, one for all workers, is shown beside it. At last, with ClickHouse
away and as many events waiting as the most asked for, the same memory after two minutes.

What reading an event costs is the same however many there are, so the ratio of worker and reader to reader says whether
the rest grew, even while the machine itself becomes faster or slower.
"""

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import psutil
from rich.console import Console
from rich.table import Table
from workbench import (
    SAMPLE_SECONDS,
    Bench,
    bench,
    events_stored,
    fill,
    metric,
    metrics,
    parts_of,
    seconds_by_part,
    seconds_by_purpose,
    wait_until_assigned,
    worker,
)

AWAY_SECONDS = 120.0
STAGES = ("read", "store", "publish", "derive")


class Sample(NamedTuple):
    """At a moment: the time since 1970, events stored, processor seconds by part, resident bytes of each process."""

    at: float
    stored: float
    spent: dict[str, float]
    resident: list[int]


def sample(url: str, parts: dict[str, list[psutil.Process]]) -> Sample:
    return Sample(time.time(), events_stored(url), seconds_by_part(parts), resident(parts))


def resident(parts: dict[str, list[psutil.Process]]) -> list[int]:
    """Of workers, readers and their trackers; the first of the worker's processes is the supervisor."""
    return [one.memory_info().rss for one in (*parts["worker"][1:], *parts["reader"])]


def microseconds(before: Sample, now: Sample) -> dict[str, float]:
    """Of processor time, an event, by part."""
    return {part: (now.spent[part] - before.spent[part]) / (now.stored - before.stored) * 1e6 for part in now.spent}


def times_reading(spent: dict[str, float]) -> float:
    return (spent["worker"] + spent["reader"]) / spent["reader"]


def cost(made: Bench, events: int, processes: int) -> dict[str, Any]:
    environment = made.fresh()
    with worker(environment, processes) as (process, url):
        parts = parts_of(made.stack, process, processes)
        samples = [sample(url, parts)]
        while samples[-1].stored < 0.9 * events:
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(url, parts))
        text = metrics(url)
        supervisor = process.memory_info().rss
    samples = [one for one in samples if one.stored >= 0.1 * events]
    first, last = samples[0], samples[-1]
    tenths = [next(one for one in samples if one.stored >= tenth / 10 * events) for tenth in range(1, 10)]
    for tenth, (before, now) in enumerate(itertools.pairwise(tenths), 2):
        if now.stored > before.stored:  # else a flush of several tenths
            show_tenth(tenth, microseconds(before, now), now.resident)
    count, spent = last.stored - first.stored, microseconds(first, last)
    server = last.spent["ClickHouse"] - first.spent["ClickHouse"]
    purposes = seconds_by_purpose(environment["GAPWATCH_CLICKHOUSE"], first.at, last.at, server)
    return {
        "events": events,
        "processes": processes,
        "us": spent,
        "times_reading": times_reading(spent),
        "per_second": count / (last.at - first.at),
        "resident_mb": sum(first.resident) / 1e6,
        "most_resident_mb": max(sum(one.resident) for one in samples) / 1e6,
        "supervisor_mb": supervisor / 1e6,
        "clickhouse_us": {purpose: seconds / count * 1e6 for purpose, seconds in purposes.items()},
        "stage_us": {
            stage: metric(text, rf'stage_seconds_sum{{stage="{stage}"}}') / last.stored * 1e6 for stage in STAGES
        },
    }


def show_tenth(tenth: int, spent: dict[str, float], held: list[int]) -> None:
    each = ", ".join(f"{part} {us:.0f}" for part, us in spent.items())
    megabytes = " + ".join(f"{one / 1e6:.0f}" for one in held)
    print(f"  {tenth}0 %: {each} µs an event, {times_reading(spent):.2f} x reading, {megabytes} MB", flush=True)


def show(found: list[dict[str, Any]]) -> None:
    console = Console(width=140)
    table = Table(title=f"µs of processor time an event, and memory; load {os.getloadavg()[0]:.0f}")
    columns = ("processes", *found[0]["us"], "worker + reader", "times reading", "events/s", "MB", "MB at the most")
    for name in ("events", *columns, "MB supervisor"):
        table.add_column(name, justify="right")
    for run in found:
        us = run["us"]
        table.add_row(
            f"{run['events']:,}",
            str(run["processes"]),
            *(f"{spent:.1f}" for spent in us.values()),
            f"{us['worker'] + us['reader']:.1f}",
            f"{run['times_reading']:.2f}",
            f"{run['per_second']:,.0f}",
            *(f"{run[name]:.0f}" for name in ("resident_mb", "most_resident_mb", "supervisor_mb")),
        )
    console.print(table)
    table = Table("events", "processes", *found[0]["clickhouse_us"], title="ClickHouse's µs an event, by purpose")
    for run in found:
        spent = (f"{us:.1f}" for us in run["clickhouse_us"].values())
        table.add_row(f"{run['events']:,}", str(run["processes"]), *spent)
    console.print(table)


def memory_while_away(made: Bench) -> float:
    """Megabytes of one worker that has taken all it holds and cannot store it."""
    with worker(made.fresh()) as (process, url):
        wait_until_assigned(url)
        parts = parts_of(made.stack, process)
        made.stack.clickhouse.stop()
        time.sleep(AWAY_SECONDS)
        held = sum(resident(parts)) / 1e6
    made.stack.clickhouse.start()
    return held


@click.command()
@click.option("--events", multiple=True, type=int, default=[100_000, 1_000_000, 10_000_000], show_default=True)
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
                print(f"{count:,} events, {number} processes", flush=True)
                found.append(cost(made, count, number))
        show(found)
        away = memory_while_away(made)
        print(f"ClickHouse away, {there:,} events waiting: {away:.0f} MB")
    if out:
        out.write_text(json.dumps({"runs": found, "away_mb": away}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
