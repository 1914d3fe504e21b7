"""How fast records reach a consumer that does nothing: the batch transport, stock Faust, Quix Streams, Bytewax.

    nice .venv/bin/python benchmarks/transport.py [--records 200000] [--rounds 3] [--only NAME ...] [--out FILE.json]
        [--chart FILE.svg]

Records of 300 bytes in four partitions; one process each, in rounds, each time in another order. Quix Streams and
Bytewax run in environments of their own, made from `requirements/` on the first run. Medians of the rounds; ratios are
medians of each round's.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from contest import drawn, in_turn, options
from environments import python_of
from kafka import KafkaAdminClient, KafkaProducer
from rich.console import Console
from rich.table import Table
from workbench import local_stack

from gapwatch.agents.transport.driver import SCHEME

CONSUMERS = Path(__file__).with_name("consumers")
OURS, STOCK, CLIENT = "batch transport", "stock Faust", "aiokafka alone"
OTHERS = {"Quix Streams": ("quix", "quix.py"), "Bytewax": ("bytewax", "bytewax_flow.py")}
NAMES = (OURS, STOCK, CLIENT, *OTHERS)
TOPIC = "benchmark"


def fill(kafka: str, records: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics({TOPIC: {"num_partitions": 4}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka, linger_ms=50, batch_size=512 * 1024)
    for number in range(records):
        producer.send(TOPIC, b"%d " % number + b"x" * 290, partition=number % 4)
    producer.flush()
    producer.close()


def command(name: str, directory: Path) -> list[str]:
    if name in OTHERS:
        environment, script = OTHERS[name]
        return [python_of(environment, directory), str(CONSUMERS / script)]
    if name == CLIENT:
        return [sys.executable, str(CONSUMERS / "aiokafka_alone.py")]
    return [sys.executable, str(CONSUMERS / "faust_app.py"), SCHEME if name == OURS else "kafka"]


def rates(command: list[str], kafka: str, records: int) -> dict[str, float]:
    arguments = [*command, kafka, TOPIC, uuid.uuid4().hex, str(records)]
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, float] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


def rounds(names: Sequence[str], records: int, count: int, directory: Path) -> list[dict[str, dict[str, float]]]:
    """Each round's rates by consumer."""
    commands = {name: command(name, directory) for name in names}
    found = []
    with local_stack() as stack:
        fill(stack.kafka, records)
        for number in range(count):
            found.append({name: rates(commands[name], stack.kafka, records) for name in in_turn(names, number)})
            print(number + 1, found[-1], file=sys.stderr)
    return found


def summary(found: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """By consumer: median rates, and the medians over the rounds of ours to it."""
    result = {}
    for name in found[0]:
        result[name] = {kind: statistics.median(one[name][kind] for one in found) for kind in ("processor", "clock")}
        for kind in ("processor", "clock") if OURS in found[0] else ():
            ratios = (one[OURS][kind] / one[name][kind] for one in found)
            result[name][f"ours to it, {kind}"] = statistics.median(ratios)
    return result


def show(medians: dict[str, dict[str, float]], title: str) -> None:
    table = Table(title=title)
    for number, column in enumerate(("records per second", *next(iter(medians.values())))):
        table.add_column(column, justify="right" if number else "left")
    for name, figures in sorted(medians.items(), key=lambda item: -item[1]["processor"]):
        table.add_row(name, *(f"{value:,.2f}" if value < 1_000 else f"{value:,.0f}" for value in figures.values()))
    Console(width=120).print(table)


@click.command()
@click.option("--records", default=200_000, show_default=True)
@options(NAMES)
def main(
    *, records: int, count: int, only: tuple[str, ...], environments: Path, out: Path | None, chart: Path | None
) -> None:
    found = rounds(only or NAMES, records, count, environments)
    medians = summary(found)
    load = os.getloadavg()[0]
    show(medians, f"{records:,} records, medians of {count} rounds, {datetime.now(UTC):%Y-%m-%d}, load {load:.0f}")
    if out:
        out.write_text(json.dumps({"medians": medians, "rounds": found}, indent=1) + "\n", encoding="utf-8")
    if chart:
        title = "Records per second of processor time, the transport alone"
        chart.write_text(drawn(title, medians, OURS), encoding="utf-8")


if __name__ == "__main__":
    main()
