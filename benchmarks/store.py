"""What storing and deriving cost, on a ClickHouse of its own.

    .venv/bin/python benchmarks/store.py [EVENTS] [--known IDS]

EVENTS complaints and reviews (200,000 unless given) over 14 days are stored in batches of 5,000 and their aggregates
derived. `--known` first fills event_places with that many other ids, for the cost of the look-up in a grown table.
Times of this process are CPU time of its thread, times of the server CPU time of its process; `wall` is what it took.
Of steps done once a batch, the median batch is shown.
"""

import argparse
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table
from workbench import local_stack

from gapwatch.pipeline.events.columns import EventColumns, version_of
from gapwatch.pipeline.events.instants import milliseconds
from gapwatch.pipeline.events.privacy import MaskedEvent, mask_event
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import Clause, Evidence, Reading
from gapwatch.pipeline.store import Aggregates, ClickHouse, EventStore, migrate
from gapwatch.schemas.events import Complaint, EventType, Feedback, topic_of

BATCH = 5_000
MINUTES = 14 * 24 * 60
CHANNELS = ("app", "wechat", "phone", "site", "weibo", "marketplace", "physical", "email")
TEXTS = (
    "物流太慢了，说好三天到结果等了一个星期，客服也不理人，以后不会再买了，包装也破了，非常失望的一次购物体验。",
    "质量不错，物流也快，就是价格稍微贵了一点点，整体来说还是满意的，推荐购买，客服回复也很及时。",
)
END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=1)

rng = random.Random(20261122)


class Spent(NamedTuple):
    """Seconds."""

    wall: float
    own: float
    server: float


class Stopwatch:
    """What each step took, each time."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self.steps: dict[str, list[Spent]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        before = self._now()
        yield
        self.steps.setdefault(name, []).append(
            Spent(*(now - then for now, then in zip(self._now(), before, strict=True)))
        )

    def _now(self) -> Spent:
        times = self._server.cpu_times()
        return Spent(time.perf_counter(), time.thread_time(), times.user + times.system)


def voice(number: int) -> tuple[MaskedEvent, Reading, int]:
    angry = rng.random() < 0.4
    text = TEXTS[not angry]
    about = {
        "event_id": f"e-{number:012d}-{rng.getrandbits(32):08x}",
        "event_time": END - timedelta(minutes=rng.randrange(MINUTES), seconds=rng.randrange(60)),
        "channel": rng.choice(CHANNELS),
        "customer_id": f"c{rng.randrange(50_000)}",
        "order_id": f"o{rng.randrange(10**9)}",
        "product_id": f"P{int(50 * rng.random() ** 1.8):02d}",
        "region": f"r{int(10 * rng.random() ** 1.5)}",
        "text": text,
    }
    event = (
        Complaint(**about, status="open") if rng.random() < 0.3 else Feedback(**about, rating=rng.choice([None, 1, 5]))
    )
    found = (Evidence("fulfillment", text[:5], 0, 5), Evidence("communication", text[15:21], 15, 21)) if angry else ()
    reading = Reading(
        text=text,
        sentiment="negative" if angry else "positive",
        sentiment_score=rng.uniform(-1, 0) if angry else rng.uniform(0, 1),
        gaps=("fulfillment", "communication") if angry else (),
        primary_gap="fulfillment" if angry else "none",
        dimension="reliability" if angry else "none",
        stage=rng.choice(["in_sale", "after_sale"]),
        severity=rng.random() if angry else 0.0,
        evidence=found,
        clauses=tuple(Clause(9 * place, 9 * place + 8, "logistics", 0.5) for place in range(4)),
    )
    event_type: EventType = "complaint" if isinstance(event, Complaint) else "feedback"
    record = Record(topic_of(event_type), 0, number, milliseconds(END) + number, None, None)
    return mask_event(event), reading, version_of(event_type, record)


def store_events(url: str, watch: Stopwatch, count: int) -> set[int]:
    store, dirty = EventStore(url), set[int]()
    for start in range(0, count, BATCH):
        voices = [voice(number) for number in range(start, min(start + BATCH, count))]
        columns = EventColumns("benchmark")
        with watch.step("append"):
            for one in voices:
                columns.append(*one)
        with watch.step("columns"):
            list(columns.columns())
        with watch.step("insert (columns, encoding, places, look-up)"):
            dirty |= store.insert(columns, str(start))
    return dirty


def grow(url: str, ids: int) -> None:
    clickhouse = ClickHouse(url)
    for start in range(0, ids, 1_000_000):
        clickhouse.execute(
            "INSERT INTO event_places SELECT halfMD5(number + 1000000000), "  # noqa: S608
            f"toDateTime({int(END.timestamp())}) - 60 * (number % 500000) "
            f"FROM numbers({start}, {min(1_000_000, ids - start)})"
        )


def report(watch: Stopwatch, events: int) -> Table:
    table = Table(title=f"µs per event of {events:,}")
    for column in ("step", "this thread", "server", "wall"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for name, times in watch.steps.items():
        each = events / len(times) / 1e6
        medians = (median(getattr(spent, kind) for spent in times) / each for kind in ("own", "server", "wall"))
        table.add_row(name, *(f"{value:.2f}" for value in medians))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", nargs="?", type=int, default=200_000)
    parser.add_argument("--known", type=int, default=0)
    options = parser.parse_args()
    with local_stack() as stack:
        url = stack.clickhouse.url
        migrate(url)
        grow(url, options.known)
        watch = Stopwatch(psutil.Process(stack.clickhouse.pid))
        dirty = store_events(url, watch, options.events)
        aggregates = Aggregates(url)
        with watch.step("derive minutes"):
            aggregates.derive_minutes(dirty)
        with watch.step("derive hours and days"):
            aggregates.derive_hours_and_days(dirty)
        Console().print(report(watch, options.events))
        one = Stopwatch(psutil.Process(stack.clickhouse.pid))
        with one.step("derive one minute, its hour and day"):
            aggregates.derive([max(dirty)])
        (spent,) = one.steps.popitem()[1]
        print(f"one minute, its hour and day: wall {spent.wall:.3f} s, server {spent.server:.3f} s")


if __name__ == "__main__":
    main()
