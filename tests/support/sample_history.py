"""Voices of a small company, straight into the store: two weeks of rhythm, and a story in the last hours."""

import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gapwatch.pipeline.store import ClickHouse
from gapwatch.pipeline.store.aggregates import Aggregates

NOW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
NASTY = 'it\'s "Q" <b>锅</b> {x} %(y)s; DROP TABLE events --'
PRODUCTS = {"净水器": 4, "空调": 4, "洗衣机": 3, NASTY: 2, "手机": 3, "冰箱": 2}
CHANNELS = {"app": 5, "wechat": 4, "phone": 2, "marketplace": 4, "physical": 2}
REGIONS = ("华东", "华南", "华北", "")
_COLUMNS = (
    "event_id, event_type, event_time, channel, customer_id, product_id, region, text, sentiment, gaps, primary_gap, "
    "dimension, stage, severity, evidence, promised_at, delivered_at, unanswered, first_response_seconds, version"
)
_TEXT = "说好三天到，一个星期还没到"


def usual(
    seed: int = 1, days: float = 14, hourly: float = 60, share: float = 0.3, until: datetime = NOW
) -> list[tuple]:
    """Voices as they usually come, busier in the day."""
    rng = random.Random(seed)
    voices = []
    hours = round(days * 24)
    for number in range(hours):
        hour = until - timedelta(hours=hours - number)
        busy = 0.3 + 1.4 * max(0.0, math.sin((hour.hour + 2) / 18 * math.pi)) if (hour.hour + 8) % 24 >= 6 else 0.3
        for _ in range(max(0, round(rng.gauss(hourly * busy, math.sqrt(hourly * busy))))):
            channel = rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
            product = rng.choices(list(PRODUCTS), list(PRODUCTS.values()))[0]
            at = hour + timedelta(seconds=rng.uniform(0, 3600))
            voices.append(voice(rng, at, channel, product, share))
    return voices


def story(
    count: int = 60,
    *,
    share: float = 0.8,
    hours: float = 3,
    product: str = "净水器",
    channel: str = "app",
    until: datetime = NOW,
    seed: int = 2,
    customer: str | None = None,
) -> list[tuple]:
    """More voices than usual, and most of them of one kind."""
    rng = random.Random(seed)
    times = (until - timedelta(seconds=rng.uniform(0, hours * 3600)) for _ in range(count))
    return [voice(rng, at, channel, product, share, customer) for at in times]


def voice(  # noqa: PLR0917
    rng: random.Random, at: datetime, channel: str, product: str, share: float, customer: str | None = None
) -> tuple:
    gaps = ["fulfillment"] if rng.random() < share else []
    gaps += [gap for gap, part in (("communication", 0.12), ("design", 0.06)) if rng.random() < part]
    number = rng.getrandbits(64)
    return (
        f"e{number}",
        "feedback",
        at,
        channel,
        customer or f"c{number % 100_000}",
        product,
        rng.choice(REGIONS),
        _TEXT,
        "negative" if gaps else "positive",
        gaps,
        gaps[0] if gaps else "none",
        "reliability" if gaps else "none",
        "after_sale",
        rng.choice((0.4, 0.6, 0.8)) if gaps else 0.0,
        [(gap, "一个星期还没到", 6, 13) for gap in gaps],
        None,
        None,
        False,
        None,
        1,
    )


def store(database: str, voices: Iterable[tuple]) -> None:
    rows = list(voices)
    ClickHouse(database).execute(f"INSERT INTO event_versions ({_COLUMNS}) VALUES", rows)
    Aggregates(database).derive({int(row[2].timestamp()) // 60 * 60 for row in rows})


def report(
    database: str,
    minutes_ago: float = 0,
    *,
    topic: str = "feedback.events",
    records: int = 1_000,
    lag: int = 0,
    dead_letters: int = 0,
) -> None:
    """What a worker might report of one topic."""
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    row = (at, f"host:{topic}", 10, [topic], [4], [lag], [records], [dead_letters], records, 5, 1.5, 20.0, 3, 0.4)
    ClickHouse(database).execute(
        "INSERT INTO worker_reports (at, worker, seconds, topics.topic, topics.partitions, topics.lag, topics.records, "
        "topics.dead_letters, stored, flushes, flush_seconds, delay_seconds, derived_minutes, derive_seconds) VALUES",
        [row],
    )
