"""How fast records reach a consumer that does nothing with them: the batch transport, stock Faust, and others.

    nice .venv/bin/python benchmarks/transport.py [--records 200000] [--runs 3] [--others DIRECTORY] [--out FILE]

Records of 300 bytes in four partitions; one process each, interleaved, medians. With --others, Quix Streams and Bytewax
run too, each in an environment of its own that is made in DIRECTORY.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

import click
from kafka import KafkaAdminClient, KafkaProducer

from pipeline.stack import LocalStack

CONSUMERS = Path(__file__).with_name("consumers")
OTHERS = {"Quix Streams": ("quixstreams==3.28.1", "quix.py"), "Bytewax": ("bytewax[kafka]==0.21.1", "bytewax_flow.py")}
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


def environment(directory: Path, requirement: str) -> str:
    """The Python of an environment that has `requirement`."""
    python = directory / requirement.partition("==")[0].partition("[")[0] / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", requirement], check=True)
    return str(python)


def commands(others: Path | None) -> dict[str, list[str]]:
    found = {
        "batch transport": [sys.executable, str(CONSUMERS / "faust_app.py"), "batches"],
        "stock Faust": [sys.executable, str(CONSUMERS / "faust_app.py"), "kafka"],
        "aiokafka alone": [sys.executable, str(CONSUMERS / "aiokafka_alone.py")],
    }
    if others:
        for name, (requirement, script) in OTHERS.items():
            found[name] = [environment(others, requirement), str(CONSUMERS / script)]
    return found


def rates(command: list[str], kafka: str, records: int) -> dict[str, float]:
    arguments = [*command, kafka, TOPIC, uuid.uuid4().hex, str(records)]
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, float] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


@click.command()
@click.option("--records", default=200_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--others", type=click.Path(path_type=Path), help="Where the environments of the others are made.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the result.")
def main(records: int, runs: int, others: Path | None, out: Path | None) -> None:
    runners = commands(others)
    with tempfile.TemporaryDirectory() as directory, LocalStack(Path(directory) / "stack") as stack:
        fill(stack.kafka, records)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in runners}
        for _ in range(runs):
            for name, command in runners.items():
                found[name].append(rates(command, stack.kafka, records))
                print(name, found[name][-1], file=sys.stderr)
    medians = {
        name: {kind: statistics.median(rate[kind] for rate in rates) for kind in ("clock", "processor")}
        for name, rates in found.items()
    }
    print(f"{records} records, medians of {runs} runs, {datetime.now(UTC):%Y-%m-%d}")
    for name, rate in medians.items():
        print(f"{name:16} {rate['clock']:>9,.0f}/s   {rate['processor']:>9,.0f} per second of processor time")
    if out:
        out.write_text(json.dumps(medians, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
