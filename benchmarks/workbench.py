"""What the benchmarks of the worker share: a stack of their own, events in its topics, a worker to watch."""

import asyncio
import contextlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from aiokafka import AIOKafkaProducer
from clickhouse_driver import Client
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from gapwatch.commands.demonstration.reviews import load_reviews
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC
from gapwatch.pipeline.stack import LocalStack

TOPIC = "feedback.events"
SHORTEST, LONGEST = 40, 110
START_SECONDS = 0.2
SAMPLE_SECONDS = 0.2
BATCH_BYTES = 256 * 1024


class Bench:
    """A Kafka and a ClickHouse; `fresh()` is the environment of a worker that begins at the beginning."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self._environment = os.environ | {
            "GAPWATCH_KAFKA": stack.kafka,
            "GAPWATCH_CLICKHOUSE": stack.clickhouse.url,
            "GAPWATCH_DATA_DIR": str(stack.data_dir),
        }
        self._init(self._environment)

    def fresh(self) -> dict[str, str]:
        """A new group, an empty database, no dirty minutes of earlier runs; the database before it is dropped."""
        self.forget(DIRTY_MINUTES_TOPIC)
        with Client.from_url(self.stack.clickhouse.url) as client:
            for (name,) in client.execute("SELECT name FROM system.databases WHERE startsWith(name, 'run_')"):
                client.execute(f"DROP DATABASE {name} SYNC")
            name = f"run_{uuid.uuid4().hex}"
            client.execute(f"CREATE DATABASE {name}")
        url = f"{self.stack.clickhouse.url.rpartition('/')[0]}/{name}"
        environment = self._environment | {"GAPWATCH_CLICKHOUSE": url, "GAPWATCH_GROUP": name}
        self._init(environment)
        return environment

    def forget(self, topic: str) -> None:
        """Delete the records that a topic holds."""
        admin = KafkaAdminClient(bootstrap_servers=self.stack.kafka)
        found = admin.describe_topics([topic])[0]["partitions"]
        partitions = [TopicPartition(topic, partition["partition_index"]) for partition in found]
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        admin.delete_records({partition: ends[partition].offset for partition in partitions})
        admin.close()

    @staticmethod
    def _init(environment: dict[str, str]) -> None:
        subprocess.run([sys.executable, "-m", "gapwatch", "init"], env=environment, check=True, capture_output=True)


@contextmanager
def local_stack() -> Iterator[LocalStack]:
    """Servers for one benchmark. From here on SIGTERM ends it as an exception, so that what it started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as directory, LocalStack(directory) as stack:
        yield stack


@contextmanager
def bench() -> Iterator[Bench]:
    with local_stack() as stack:
        yield Bench(stack)


def reviews() -> list[str]:
    """Real reviews of 40 to 110 characters, good and bad in turn, as of benchmarks/reading.py."""
    found = [review for review in load_reviews() if SHORTEST <= len(review.text) <= LONGEST]
    pairs = zip(*([one.text for one in found if one.positive is good] for good in (True, False)), strict=False)
    return [text for pair in pairs for text in pair]


def fill(kafka: str, events: int, first: int = 0, over: float = 86_400) -> None:
    """Publish events of the last day, or of so many seconds; ids are numbers from `first` on."""
    asyncio.run(_fill(kafka, events, first, over))


class Batches:
    """Records sent by the batch, to one partition after the other: one by one they take half a core."""

    def __init__(self, producer: AIOKafkaProducer, partitions: Iterable[int]) -> None:
        self._producer = producer
        self._partitions = itertools.cycle(sorted(partitions))
        self._batch = producer.create_batch()

    async def append(self, key: bytes | None, value: bytes, timestamp: int | None = None) -> None:
        """Add a record; `timestamp` in ms. What is full is sent."""
        record = {"key": key, "value": value, "timestamp": timestamp}
        if self._batch.append(**record) is None:
            await self.send()
            self._batch.append(**record)

    async def send(self) -> None:
        """Send what there is."""
        if self._batch.record_count():
            await self._producer.send_batch(self._batch, TOPIC, partition=next(self._partitions))
            self._batch = self._producer.create_batch()


async def _fill(kafka: str, events: int, first: int, over: float) -> None:
    texts = reviews()
    rng = random.Random(first)
    now = datetime.now(UTC)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type="lz4", max_batch_size=BATCH_BYTES
    ) as producer:
        batches = Batches(producer, await producer.partitions_for(TOPIC))
        for number in range(first, first + events):
            event_id = f"e{number}"
            event = {
                "event_id": event_id,
                "event_time": now - timedelta(seconds=rng.random() * over),
                "channel": rng.choice(["app", "wechat", "site", "phone"]),
                "customer_id": f"c{rng.randrange(20_000)}",
                "product_id": f"p{rng.randrange(50)}",
                "region": f"r{rng.randrange(10)}",
                "text": texts[number % len(texts)],
            }
            await batches.append(event_id.encode(), msgspec.json.encode(event))
        await batches.send()


@contextmanager
def worker(environment: dict[str, str], processes: int = 1) -> Iterator[tuple[psutil.Popen, str]]:
    """`gapwatch worker`, and the address of its metrics."""
    process = psutil.Popen(
        [sys.executable, "-m", "gapwatch", "worker", "--processes", str(processes)],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    line = process.stderr.readline() if process.stderr else b""
    url = line[line.index(b"http://") :].strip().decode()
    # A pipe that nobody reads holds 64 KB of log, and then the worker waits.
    threading.Thread(target=process.communicate, daemon=True).start()
    try:
        yield process, url.removeprefix("url=")
    finally:
        process.terminate()
        process.wait()


def metrics(url: str) -> str:
    with urllib.request.urlopen(url + "/metrics") as answer:  # noqa: S310 - our own endpoint
        return str(answer.read().decode())


def wait_until_assigned(url: str) -> None:
    """Until the worker has its partitions, and so all its processes."""
    while not metric(metrics(url), r"assigned_partitions{.*}"):
        time.sleep(START_SECONDS)


def events_stored(url: str) -> float:
    return metric(metrics(url), "events_stored_total")


def wait_until_stored(url: str, events: float) -> tuple[float, float]:
    """When the worker had stored so many, in seconds of `time.perf_counter`, and how many it had then."""
    while (stored := events_stored(url)) < events:
        time.sleep(SAMPLE_SECONDS)
    return time.perf_counter(), stored


def metric(text: str, name: str) -> float:
    """The sum over the labels that `name`, a pattern, matches."""
    return sum(float(value) for value in re.findall(rf"^gapwatch_{name} (\S+)$", text, re.MULTILINE))


def processor_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


class Scheduled(NamedTuple):
    """Seconds for which a thread ran, and for which it could have run and had no core."""

    ran: float
    waited: float

    def __sub__(self, before: "Scheduled") -> "Scheduled":
        return Scheduled(self.ran - before.ran, self.waited - before.waited)


def scheduled(processes: list[psutil.Process]) -> dict[int, Scheduled]:
    """By thread, since it began; empty where the system does not tell."""
    found = {}
    for process in processes:
        for told in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has ended
                ran, waited, _ = told.read_text().split()
                found[int(told.parent.name)] = Scheduled(int(ran) / 1e9, int(waited) / 1e9)
    return found


def parts_of(stack: LocalStack, started: psutil.Popen, processes: int = 1) -> dict[str, list[psutil.Process]]:
    """Processes by part: `gapwatch worker` has workers below it, and these a reader each and the reader's tracker.

    Waits until all have started.
    """
    workers, readers = list[psutil.Process](), list[psutil.Process]()
    while len(readers) < 2 * processes:
        time.sleep(START_SECONDS)
        workers = started.children()
        readers = [below for one in workers for below in one.children() if _stays(below)]
    return {
        "worker": [started, *workers],
        "reader": readers,
        "ClickHouse": [psutil.Process(stack.clickhouse.pid)],
        "Kafka": [psutil.Process(broker.pid) for broker in stack.brokers],
    }


def _stays(process: psutil.Process) -> bool:
    """What compiles the reader's loops, on a machine that has not, ends soon."""
    try:
        return any("multiprocessing" in part for part in process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def seconds_by_part(parts: dict[str, list[psutil.Process]]) -> dict[str, float]:
    return {name: processor_seconds(found) for name, found in parts.items()}


# The first that fits counts. A look-up ends with rows that leave an event's old places.
_PURPOSES = {
    "hours and days": "(hour|day)_generations",
    "minutes": "minute_generations",
    "look-ups": "id_hash IN|is_deleted[)][[:space:]]+SELECT",
    "inserts": "INSERT INTO event_[a-z]+ .*VALUES",
}
_SPENT = f"""
SELECT multiIf({", ".join(f"match(query, '(?s){fits}'), '{purpose}'" for purpose, fits in _PURPOSES.items())}, '')
    AS purpose, sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) / 1e6
FROM system.query_log
WHERE type = 'QueryFinish' AND current_database = currentDatabase()
    AND event_time_microseconds BETWEEN %(since)s AND %(until)s
GROUP BY purpose
"""  # noqa: S608


def seconds_by_purpose(clickhouse: str, since: float, until: float, server: float) -> dict[str, float]:
    """What a worker's queries took of ClickHouse's processor time between two times, by what they are for.

    `server` is what the server took in all; what no query took of it are merges, as good as alone. A query counts when
    it ends, so over seconds the sums are not to be trusted.
    """
    with Client.from_url(clickhouse) as client:
        client.execute("SYSTEM FLUSH LOGS query_log")
        found = dict(client.execute(_SPENT, {"since": since, "until": until}))
    by_purpose = {purpose: found.get(purpose, 0.0) for purpose in reversed(_PURPOSES)}
    return by_purpose | {"merges and the rest": server - sum(by_purpose.values())}
