"""How fast events go from Kafka to ClickHouse: one worker of ours beside others with the same reading and sink.

    nice .venv/bin/python benchmarks/path.py [--events 60000] [--rounds 3] [--only NAME ...] [--out FILE.json]
        [--chart FILE.svg]

Real reviews are published once. Then, in rounds and each time in another order, the same records are taken to an empty
database by each runner: one worker of ours, stock Faust with `take`, Quix Streams, Bytewax, Pathway with a batched UDF,
PyFlink with a pandas UDF (all with the same reading function on batches of up to 2,000 and the same native inserts of
5,000 events, places and look-up), and Faust as the tutorials write it (event by event, jieba, SnowNLP, a row at a
time). Ours runs twice: as it is, and without deriving aggregates, which no other runner does. Reading alone, on records
in memory, is the limit. Each competitor runs in an environment of its own, made from `requirements/` on the first run;
what was chosen for each is at the head of its script in `consumers/`.

Rates are seen from outside, by the rows that ClickHouse holds, from a tenth of the events to nine tenths: by the clock;
by processor time of all processes of a runner; and by the clock without the time in which its busiest thread could run
and had no core (Linux tells it), which is the rate where ClickHouse and Kafka leave it one. Idle is the part of the
time in which that thread waited for anything else. Medians of the rounds; ratios are medians of each round's.
"""

import contextlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import psutil
from clickhouse_driver import Client
from contest import drawn, in_turn, options
from environments import flink_connector, python_of
from rich.console import Console
from rich.table import Table
from workbench import TOPIC, Bench, Scheduled, bench, fill, processor_seconds, scheduled

CONSUMERS = Path(__file__).with_name("consumers")
ROOT = Path(__file__).parent.parent
OURS, WITHOUT, LIMIT, TUTORIAL = "gapwatch", "gapwatch, aggregates apart", "reading alone", "tutorial stack"
OTHERS = {
    "stock Faust": "faust",
    "Quix Streams": "quix",
    "Bytewax": "bytewax",
    "Pathway": "pathway",
    "PyFlink": "pyflink",
}
NAMES = (LIMIT, OURS, WITHOUT, *OTHERS, TUTORIAL)
TUTORIAL_EVENTS = 400
# A runner stores whole flushes: there must be some after the last that is waited for.
MORE_EVENTS = 12_000
SAMPLE_SECONDS = 0.05
TIMEOUT_SECONDS = 300
# One worker whose agents are all but the last, which derives.
WITHOUT_COMMAND = (
    "from gapwatch.agents.app import AGENTS, app; from gapwatch.agents.process import main; "
    "app.conf.autodiscover = AGENTS[:-1]; main()"
)

# Which of ours is compared, and in what.
RATIOS = {
    "ours to it": (OURS, "clock"),
    "ours to it, processor": (OURS, "processor"),
    "ours to it, with a core": (OURS, "core"),
    "apart to it": (WITHOUT, "clock"),
}

Rates = dict[str, float]


class RunnerError(Exception):
    """A runner did not come to the end."""


class Sample(NamedTuple):
    """At a moment: rows that ClickHouse holds, processor seconds of all processes, and what each thread had."""

    clock: float
    rows: int
    processor: float
    threads: dict[int, Scheduled]


class Runner(NamedTuple):
    command: list[str]
    events: int
    table: str = "event_versions"


def runner(name: str, kafka: str, events: int, directory: Path) -> Runner:
    """Commands with "benchmark" where the group goes."""
    if name == OURS:
        return Runner([sys.executable, "-m", "gapwatch", "worker"], events)
    if name == WITHOUT:
        return Runner([sys.executable, "-c", WITHOUT_COMMAND], events)
    key = OTHERS.get(name, "tutorial")
    script = str(CONSUMERS / f"path_{key}.py")
    more = [flink_connector(directory)] if key == "pyflink" else []
    command = [python_of(key, directory), script, kafka, TOPIC, "benchmark", *more]
    return Runner(command, TUTORIAL_EVENTS, "tutorial_events") if name == TUTORIAL else Runner(command, events)


def run(runner: Runner, bench: Bench) -> Rates:
    environment = bench.fresh()
    command = [environment["GAPWATCH_GROUP"] if part == "benchmark" else part for part in runner.command]
    with tempfile.TemporaryFile() as log:
        process = psutil.Popen(
            command, env=environment | {"PYTHONPATH": str(ROOT)}, start_new_session=True, stdout=log, stderr=log
        )
        try:
            return steady(watch(process, environment["GAPWATCH_CLICKHOUSE"], runner), runner.events)
        except RunnerError as failed:
            log.seek(0)
            raise click.ClickException(f"{failed}\n{log.read().decode()[-2_000:]}") from None
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in [*process.children(recursive=True), process]:
                    one.kill()
            process.wait()


def watch(process: psutil.Popen, clickhouse: str, runner: Runner) -> list[Sample]:
    """A sample whenever there are more rows, until nine tenths of the events are there."""
    samples = [Sample(0.0, 0, 0.0, {})]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    rows = f"SELECT total_rows FROM system.tables WHERE database = currentDatabase() AND name = '{runner.table}'"  # noqa: S608
    with Client.from_url(clickhouse) as client:
        while samples[-1].rows < 0.9 * runner.events:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RunnerError(f"{' '.join(runner.command[:3])} ended, or took too long")
            time.sleep(SAMPLE_SECONDS)
            found = client.execute(rows)
            if found and found[0][0] > samples[-1].rows:
                processes = [process, *process.children(recursive=True)]
                spent, threads = processor_seconds(processes), scheduled(processes)
                samples.append(Sample(time.perf_counter(), found[0][0], spent, threads))
    return samples


def steady(samples: list[Sample], events: int) -> Rates:
    first = next(sample for sample in samples if sample.rows >= 0.1 * events)
    last = samples[-1]
    count = last.rows - first.rows
    clock = last.clock - first.clock
    had = [last.threads[thread] - before for thread, before in first.threads.items() if thread in last.threads]
    ran, waited = max(had, default=Scheduled(math.nan, math.nan))
    return {
        "clock": count / clock,
        "processor": count / (last.processor - first.processor),
        "core": count / (clock - waited),
        "idle": 1 - (ran + waited) / clock,
    }


def read_alone(bench: Bench, events: int) -> Rates:
    command = [sys.executable, str(CONSUMERS / "path_reading.py"), bench.stack.kafka, TOPIC, str(events)]
    done = subprocess.run(command, env=bench.fresh() | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    found: Rates = json.loads(done.stdout)
    return found | {"core": found["processor"], "idle": 0.0}  # it waits for nothing else


def rounds(bench: Bench, names: Sequence[str], events: int, count: int, directory: Path) -> list[dict[str, Rates]]:
    """Each round's rates by runner, and the load of the machine under "load"."""
    found = []
    runners = {name: runner(name, bench.stack.kafka, events, directory) for name in names if name != LIMIT}
    for number in range(count):
        rates: dict[str, Rates] = {}
        for name in in_turn(names, number):
            rates[name] = read_alone(bench, events) if name == LIMIT else run(runners[name], bench)
            rates[name]["load"] = os.getloadavg()[0]
            print(number + 1, name, {key: round(value, 1) for key, value in rates[name].items()}, file=sys.stderr)
        found.append(rates)
    return found


def summary(found: list[dict[str, Rates]]) -> dict[str, Rates]:
    """By runner: median rates, and the medians over the rounds of ours to it."""
    result = {}
    for name in found[0]:
        result[name] = {key: statistics.median(one[name][key] for one in found) for key in found[0][name]}
        for title, (ours, key) in RATIOS.items():
            if ours in found[0]:
                result[name][title] = statistics.median(one[ours][key] / one[name][key] for one in found)
    return result


def show(medians: dict[str, Rates], title: str) -> None:
    table = Table(title=title)
    columns = ("by the clock", "of processor time", "with a core", "idle", *RATIOS, "load")
    for name in ("events per second", *columns):
        table.add_column(name, justify="left" if name == "events per second" else "right")
    for name, rates in sorted(medians.items(), key=lambda item: -item[1]["clock"]):
        figures = [f"{rates[key]:,.0f}" for key in ("clock", "processor", "core")]
        ratios = [f"{rates[key]:,.2f}" if key in rates else "" for key in RATIOS]
        table.add_row(name, *figures, f"{rates['idle']:.0%}", *ratios, f"{rates['load']:.1f}")
    Console(width=140).print(table)


def write(path: Path, found: list[dict[str, Rates]], medians: dict[str, Rates], events: int) -> None:
    about: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "events": events,
    }
    path.write_text(json.dumps(about | {"medians": medians, "rounds": found}, indent=1) + "\n", encoding="utf-8")


@click.command()
@click.option("--events", default=60_000, show_default=True)
@options(NAMES)
def main(
    *, events: int, count: int, only: tuple[str, ...], environments: Path, out: Path | None, chart: Path | None
) -> None:
    with bench() as made:
        fill(made.stack.kafka, events + MORE_EVENTS)
        found = rounds(made, only or NAMES, events, count, environments)
    medians = summary(found)
    show(medians, f"{events:,} events, medians of {count} rounds, {datetime.now(UTC):%Y-%m-%d}")
    if out:
        write(out, found, medians, events)
    if chart:
        title = "Events per second of processor time, Kafka to ClickHouse, same reading and sink"
        chart.write_text(drawn(title, medians, OURS), encoding="utf-8")


if __name__ == "__main__":
    main()
