"""A stack, its workers, and a load of which it is known what must come out."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import pytest
from click.testing import CliRunner
from clickhouse_driver import Client
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from support.disk import Disk
from support.waiting import eventually

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, EVENT_TOPICS, lag
from gapwatch.pipeline.maintenance.replay import Selection, read_letters
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.stack import LocalStack
from gapwatch.pipeline.stack.service import Service

TEXTS = (
    "说好三天送到,等了一周还没发货,太失望了",
    "客服态度很好,问题很快就解决了",
    "页面上写的尺寸和实物不一样",
    "东西不错,下次还来",
    "打了三次电话都没有人接,没人告诉我进度",
    "请问什么时候发货?",
)
CORRUPT = (b"\xff\xfe no utf-8", b"not json", b"[1, 2]", b"{}", b'{"event_id": 7}', b'{"event_id": "x", "text": ""')


class Place(NamedTuple):
    """Where an event must stand in the end."""

    minute: int
    product: str


class Name(NamedTuple):
    """What makes an event one, among those of its type."""

    channel: str
    customer_id: str
    event_id: str


class Message(NamedTuple):
    key: bytes
    value: bytes
    name: Name | None
    """None: cannot be read, must become a dead letter."""
    place: Place | None


class Load:
    """Seeded events of the last three weeks: a tenth twice, some corrected to another minute, some corrupt, shuffled.

    Some have the id of another customer's event, or of the same customer's in another channel.
    """

    def __init__(self, name: str, events: int, rng: random.Random) -> None:
        self.name = name
        now = datetime.now(UTC).replace(microsecond=0)
        names = [self._name(f"{name}-{number}", rng) for number in range(events)]
        names += [self._name(one.event_id, rng)._replace(customer_id="namesake") for one in names[: events // 30]]
        names += [one._replace(channel="forum") for one in names[: events // 30]]
        first = [self._message(one, now, rng) for one in names]
        again = [rng.choice(first) for _ in range(events // 10)]
        corrected = [self._message(rng.choice(names), now, rng) for _ in range(events // 30)]
        corrupt = [Message(b"k", rng.choice(CORRUPT), None, None) for _ in range(events // 50)]
        self.messages = first + again + corrected + corrupt
        rng.shuffle(self.messages)

    @staticmethod
    def _name(event_id: str, rng: random.Random) -> Name:
        return Name(rng.choice(["app", "wechat", "phone"]), f"c{rng.randrange(500)}", event_id)

    @staticmethod
    def _message(name: Name, now: datetime, rng: random.Random) -> Message:
        at = now - timedelta(seconds=rng.expovariate(1 / 86_400) % (21 * 86_400))
        product = f"p{rng.randrange(20)}"
        event = {
            **name._asdict(),
            "event_time": at.isoformat(),
            "product_id": product,
            "region": f"r{rng.randrange(5)}",
            "text": rng.choice(TEXTS),
        }
        place = Place(int(at.timestamp()) // 60 * 60, product)
        # The id as key: of two records of one event the later stands, and order is a partition's.
        return Message(name.event_id.encode(), json.dumps(event, ensure_ascii=False).encode(), name, place)


@dataclass
class Outcome:
    """What was published so far, and what must be found for it."""

    places: dict[Name, Place]
    corrupt: int = 0
    published: int = 0


class World:
    """Kafka, ClickHouse and workers of their own, so that any of them may be killed."""

    def __init__(self, directory: Path, brokers: int | None = None) -> None:
        self.directory = directory
        self.stack = LocalStack(directory / "stack", brokers)
        self._settings = pytest.MonkeyPatch()
        self.disk = Disk(directory / "stack" / "clickhouse" / "data")
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self.stack.up(bound_to=os.getpid())
        self.outcome = Outcome({})
        for name, value in {
            "GAPWATCH_DATA_DIR": str(self.directory / "stack"),
            "GAPWATCH_KAFKA": self.stack.kafka,
            "GAPWATCH_CLICKHOUSE": self.stack.clickhouse.url,
            "GAPWATCH_LOG_FORMAT": "json",
            "GAPWATCH_FLUSH_SECONDS": "0.3",
        }.items():
            self._settings.setenv(name, value)
        settings.cache_clear()
        subprocess.run([sys.executable, "-m", "gapwatch", "init"], check=True)

    def close(self) -> None:
        self._settings.undo()
        settings.cache_clear()
        for server in self.stack.brokers if self.stack.status() else ():
            server.kill()  # three that stop at once wait in vain for each other, half a minute
        self.stack.down()
        self.disk.close()

    # Load.

    def publish(self, load: Load, per_second: float = 3_000) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.stack.kafka,
            bootstrap_timeout_ms=300_000,
            delivery_timeout_ms=300_000,
            linger_ms=10,
            max_block_ms=300_000,
        )
        began = time.monotonic()
        sent = []
        for number, message in enumerate(load.messages):
            sent.append(producer.send("feedback.events", message.value, key=message.key))
            while time.monotonic() - began < number / per_second:
                time.sleep(0.01)
        producer.flush()
        for future in sent:
            future.get(timeout=0)
        producer.close()
        self._expect(load)

    def _expect(self, load: Load) -> None:
        for message in load.messages:
            self.outcome.published += 1
            if message.name is None or message.place is None:
                self.outcome.corrupt += 1
            else:
                self.outcome.places[message.name] = message.place

    @contextlib.contextmanager
    def publishing(self, loads: Iterable[Load], per_second: float = 3_000) -> Iterator[threading.Thread]:
        """Publish in the background, one load after the other; the block ends when all is published.

        After an error in the block no further load is begun.
        """
        failures: list[BaseException] = []
        given_up = threading.Event()

        def run() -> None:
            try:
                for load in loads:
                    if given_up.is_set():
                        return
                    self.publish(load, per_second)
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield thread
        except BaseException:
            given_up.set()
            raise
        finally:
            thread.join()
        if failures:
            raise failures[0]

    # Outcome.

    def settle(self, seconds: float = 180) -> None:
        """Wait until the workers have committed all that is in the logs, dirty minutes included."""
        # Twice: what was stored before the first look may have left minutes for the second.
        for _ in range(2):
            eventually(lambda: not self.behind(), seconds, told=lambda: f"records behind: {self.behind()}")

    def behind(self) -> dict[str, int]:
        """Of each topic, the records that are not committed."""
        try:
            counts = lag(settings().group, (*EVENT_TOPICS, DIRTY_MINUTES_TOPIC))
        except KafkaTimeoutError:
            return {"unknown, Kafka does not answer": 1}  # a client that tries a lost broker first may need too long
        return {topic: count for topic, count in counts.items() if count}

    def check(self) -> None:
        """Each event stands once, at its latest place; the aggregates recount; what is corrupt has a dead letter.

        A second one is no fault: a worker may have died after it left the letter and before it committed.
        """
        with Client.from_url(self.stack.clickhouse.url) as client:
            rows = client.execute(
                "SELECT channel, customer_id, event_id, toUnixTimestamp(minute), product_id FROM events"
            )
            found = {Name(*name): Place(minute, product) for *name, minute, product in rows}
            assert len(rows) == len(found), "an event stands twice"
            lost = self.outcome.places.keys() - found.keys()
            assert not lost, f"{len(lost)} events lost, such as {sorted(lost)[:3]}"
            wrong = {key for key, place in self.outcome.places.items() if found[key] != place}
            assert not wrong, f"{len(wrong)} events at an old place, such as {sorted(wrong)[:3]}"
            assert found.keys() == self.outcome.places.keys()
            counts = client.execute(
                "SELECT toUnixTimestamp(minute), product_id, sum(primary_events) FROM gap_minute GROUP BY 1, 2"
            )
        expected: dict[Place, int] = {}
        for place in self.outcome.places.values():
            expected[place] = expected.get(place, 0) + 1
        assert {Place(minute, product): count for minute, product, count in counts if count} == expected
        assert len(self.dead_letters()) == self.outcome.corrupt

    def recount(self) -> None:
        """`gapwatch recount`, which compares aggregates, events and offsets by itself."""
        done = CliRunner().invoke(gapwatch, ["recount"])
        assert done.exit_code == 0, done.output

    def dead_letters(self) -> Counter[tuple[str, int, int]]:
        """How many dead letters there are of each record, by its topic, partition and offset."""
        letters = read_letters(Selection())
        return Counter((letter.source_topic, letter.source_partition, letter.source_offset) for letter in letters)


@contextlib.contextmanager
def _without(leave: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
    leave()
    try:
        yield
    finally:
        come_back()


def killed(server: Service) -> AbstractContextManager[None]:
    return _without(server.kill, server.start)


def stopped(server: Service) -> AbstractContextManager[None]:
    return _without(server.stop, server.start)


def frozen(server: Service) -> AbstractContextManager[None]:
    process = psutil.Process(server.pid)
    return _without(process.suspend, process.resume)


LOSSES = {"killed": killed, "stopped": stopped, "hangs": frozen, "away": stopped}
"""What may happen to a server, by name; `away` is a stop for longer."""


def disturb_broker(broker: Service, loss: str, rng: random.Random) -> None:
    """It is back, on the same port and data, when this returns."""
    # Hanging below and above what groups (10 s) and outboxes (20 s) wait.
    seconds = {"hangs": rng.uniform(0.5, 25), "away": rng.uniform(10, 30)}.get(loss, 0.0)
    with LOSSES[loss](broker):
        time.sleep(seconds)


class Workers:
    """One `gapwatch worker`, its processes and its endpoint."""

    def __init__(self, world: World, processes: int = 2) -> None:
        world.directory.mkdir(exist_ok=True)
        self.log = world.directory / f"workers-{time.monotonic_ns()}.log"
        self._file = self.log.open("wb")
        self.supervisor = psutil.Popen(
            [sys.executable, "-m", "gapwatch", "worker", "--processes", str(processes)],
            stderr=self._file,
            stdout=self._file,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def processes(self, *, readers: bool = False) -> list[psutil.Process]:
        """The worker processes, and the processes of their readers if asked for."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in self.supervisor.children(recursive=readers):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process)
        return found

    def stop(self) -> int:
        """Stop cleanly; the exit code."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.supervisor.terminate()
        code = int(self.supervisor.wait(60))
        self._file.close()
        return code

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]

    def url(self) -> str:
        return eventually(lambda: next((line["url"] for line in self.lines() if "url" in line), None))

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url() + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self) -> None:
        eventually(lambda: self.get("/health/ready")[0] == 200)

    def waiting_seconds(self, stage: str) -> float:
        """How long it has waited, as it says itself."""
        return self._measured(f'waiting_seconds{{stage="{stage}"}}')

    def retries(self) -> float:
        """How often they have asked a server again."""
        return self._measured("retries_total{")

    def _measured(self, name: str) -> float:
        """The sum over the metrics whose names begin so."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"gapwatch_{name}"))

    def disturb(self, rng: random.Random) -> str:
        """Do something bad to one process; says what."""
        processes = self.processes(readers=True)
        if not processes:
            return "nothing runs"
        victim = rng.choice(processes)
        what = rng.choice(("kill", "kill", "stop and continue", "terminate"))
        with contextlib.suppress(psutil.NoSuchProcess):
            if what == "kill":
                victim.send_signal(signal.SIGKILL)
            elif what == "terminate":
                victim.terminate()
            else:
                victim.suspend()
                time.sleep(rng.uniform(0.5, 12))  # below and above the session timeout
                victim.resume()
        return what
