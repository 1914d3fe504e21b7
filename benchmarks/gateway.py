"""What the gateway takes: events a second in batches of 100, and how long a single event waits at 200 a second.

    nice .venv/bin/python benchmarks/gateway.py [--seconds 10] [--senders 4]

A real Kafka of its own and one gateway; the senders run in this process and share the machine with both.
"""

import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psutil
from workbench import Bench, bench, processor_seconds

BATCH = 100
RATE = 200
TEXT = "水壶不错，就是说好第二天到，等了五天。客服每次都说会回电，一次也没有，联系了三次才有人处理。"


def event(event_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"event_id": event_id, "event_time": now, "channel": "app", "customer_id": "c-1", "text": TEXT}


@contextlib.contextmanager
def gateway(kept: Bench) -> Iterator[tuple[str, str, psutil.Process]]:
    """The address of a gateway, a key without limits, and its process."""
    data = Path(kept.stack.data_dir)
    environment = kept.fresh() | {"GAPWATCH_DATA_DIR": str(data), "GAPWATCH_LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "gapwatch", "gateway"]
    rights = ["--types", "all", "--channels", "all", "--events-per-second", "1e9", "--bytes-per-second", "1e12"]
    made = subprocess.run(
        [*command, "keys", "new", "--name", f"bench-{os.getpid()}", *rights],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    process = subprocess.Popen([*command, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://\S+", line)
        if found is None:
            raise click.ClickException(f"the gateway did not start: {line}")
        yield found[0], made.stdout.strip(), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


class Sender:
    """One connection that stays open."""

    def __init__(self, address: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, events: Any) -> float:
        """Seconds until the answer."""
        body = json.dumps(events)
        began = time.perf_counter()
        self._connection.request("POST", "/v1/events/feedback", body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise click.ClickException(f"the gateway answered {answer.status}")
        return time.perf_counter() - began


def throughput(address: str, key: str, senders: int, seconds: float) -> float:
    sent = [0] * senders
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        sender = Sender(address, key)
        while time.perf_counter() < until:
            sender.send([event(f"b{number}-{sent[number] + place}") for place in range(BATCH)])
            sent[number] += BATCH

    began = time.perf_counter()
    in_threads(work, senders)
    return sum(sent) / (time.perf_counter() - began)


def latencies(address: str, key: str, senders: int, seconds: float) -> list[float]:
    waited: list[float] = []
    began = time.perf_counter()

    def work(number: int) -> None:
        sender = Sender(address, key)
        for turn in range(number, int(RATE * seconds), senders):
            due = began + turn / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            sender.send(event(f"s{turn}"))
            waited.append(time.perf_counter() - due)

    in_threads(work, senders)
    return waited


def in_threads(work: Any, count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@click.command()
@click.option("--seconds", default=10.0, show_default=True, help="Of each measurement.")
@click.option("--senders", default=4, show_default=True, help="Connections; single events: four times these.")
def main(seconds: float, senders: int) -> None:
    with bench() as kept, gateway(kept) as (address, key, process):
        Sender(address, key).send([event(f"w{number}") for number in range(BATCH)])  # connects
        began = processor_seconds([process])
        rate = throughput(address, key, senders, seconds)
        used = processor_seconds([process]) - began
        print(f"batches of {BATCH}: {rate:,.0f} events a second, {rate * seconds / used:,.0f} of processor time")
        began = processor_seconds([process])
        waited = latencies(address, key, 4 * senders, seconds)
        cost = (processor_seconds([process]) - began) / len(waited)
    middle, slow = statistics.median(waited), statistics.quantiles(waited, n=100)[98]
    told = f"p50 {middle * 1000:.1f} ms, p99 {slow * 1000:.1f} ms, {cost * 1000:.1f} ms of processor time each"
    print(f"single events at {RATE} a second: {told}")


if __name__ == "__main__":
    main()
