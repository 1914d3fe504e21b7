"""What the demo publishes: two weeks of customer voices with a daily and weekly rhythm, and a story at their end."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import cycle
from random import Random
from typing import NamedTuple, TypeVar

from msgspec import structs

from gapwatch.commands.demonstration.reviews import Family, Review, load_reviews
from gapwatch.commands.demonstration.scenarios import conversation
from gapwatch.schemas.events import AnyEvent, Channel, Chat, Complaint, Feedback, Turn

T = TypeVar("T")

CHINA = timezone(timedelta(hours=8))
HISTORY = timedelta(days=14)

# Voices by hour of the day in China (relative): quiet nights, a peak before noon, a higher one in the evening.
_HOURS = (4, 2, 1, 1, 1, 2, 4, 8, 14, 19, 21, 18, 15, 15, 17, 18, 17, 15, 15, 18, 22, 23, 17, 9)
_WEEKEND = 1.25

_PRODUCTS: dict[Family, tuple[str, ...]] = {
    "hotel": ("hotel-beijing", "hotel-hangzhou", "hotel-guangzhou"),
    "book": ("book-children", "book-history", "book-fiction"),
    "laptop": ("laptop-13", "laptop-14", "laptop-15"),
}
_FAMILIES: tuple[Family, ...] = tuple(_PRODUCTS)
_CHANNELS: dict[Family, dict[Channel, int]] = {
    "hotel": {"app": 34, "site": 24, "wechat": 18, "phone": 14, "physical": 10},
    "book": {"marketplace": 40, "app": 25, "site": 18, "weibo": 10, "wechat": 7},
    "laptop": {"marketplace": 44, "site": 20, "weibo": 12, "phone": 12, "forum": 12},
}
_CHAT_CHANNELS: dict[Channel, int] = {"app": 45, "wechat": 30, "site": 25}
_REGIONS = {"广东": 18, "浙江": 14, "江苏": 14, "北京": 12, "上海": 12, "四川": 10, "湖北": 8, "山东": 7, "陕西": 5}

_COMPLAINT_SHARE = 0.45  # of negative reviews: the rest stays an opinion
_CHAT_SHARE = 0.08
_STORY_SHARE = 0.012  # of all events
_STORY_LEAST = 150  # events: enough to stand out from the product's usual voices


class Story(NamedTuple):
    """What worsens, where, and for how long already."""

    product: str
    channel: Channel
    lasts: timedelta


STORY = Story("laptop-15", "marketplace", timedelta(hours=3))


def plan(count: int, now: datetime, seed: int) -> list[AnyEvent]:
    """`count` events of the two weeks before `now`, in order of their time, the story's among them."""
    random = Random(seed)
    in_story = min(count // 2, max(_STORY_LEAST, round(count * _STORY_SHARE)))
    chats = round((count - in_story) * _CHAT_SHARE)
    times = _times(random, count - in_story, now)
    random.shuffle(times)
    voices = _endless_reviews(random)
    events: list[AnyEvent] = [_chat(random, number, times[number], now) for number in range(chats)]
    events += [_voice(random, number, times[number], next(voices)) for number in range(chats, count - in_story)]
    events += _story(random, range(count - in_story, count), now)
    events.sort(key=lambda event: event.event_time)
    return events


def _times(random: Random, count: int, now: datetime) -> list[datetime]:
    hours = [now - timedelta(hours=back) for back in range(int(HISTORY.total_seconds() // 3600))]
    weights = [_weight(hour.astimezone(CHINA)) for hour in hours]
    return [hour - timedelta(seconds=random.uniform(0, 3600)) for hour in random.choices(hours, weights, k=count)]


def _weight(hour: datetime) -> float:
    return _HOURS[hour.hour] * (_WEEKEND if hour.weekday() >= 5 else 1.0)


def _endless_reviews(random: Random) -> Iterator[Review]:
    reviews = list(load_reviews())
    random.shuffle(reviews)
    return cycle(reviews)


def _voice(random: Random, number: int, at: datetime, review: Review) -> AnyEvent:
    family = review.family or _any_family(random)
    common = {
        "event_id": f"demo-{number}",
        "event_time": at,
        "channel": _draw(random, _CHANNELS[family]),
        "customer_id": f"customer-{random.randrange(6_000)}",
        "product_id": random.choice(_PRODUCTS[family]),
        "region": _draw(random, _REGIONS),
    }
    if not review.positive and random.random() < _COMPLAINT_SHARE:
        return _complaint(random, number, common, review.text)
    rating = random.choice((4, 5, 5)) if review.positive else random.choice((1, 1, 2))
    return Feedback(**common, text=review.text, rating=rating if random.random() < 0.6 else None)  # type: ignore[arg-type]


def _any_family(random: Random) -> Family:
    return random.choice(_FAMILIES)


def _complaint(random: Random, number: int, common: dict[str, object], text: str, *, late: float = 0.25) -> Complaint:
    at = common["event_time"]
    assert isinstance(at, datetime)  # noqa: S101 - narrows the type
    promised = at - timedelta(hours=random.uniform(2, 96))
    overrun = timedelta(hours=random.uniform(6, 60)) if random.random() < late else -timedelta(hours=1)
    delivered = promised + overrun
    return Complaint(
        **common,  # type: ignore[arg-type]
        order_id=f"order-{number}",
        text=text,
        promised_at=promised,
        delivered_at=delivered if delivered <= at else None,
        status=random.choice(("open", "answered", "resolved")),
    )


def _chat(random: Random, number: int, at: datetime, now: datetime) -> Chat:
    _, turns = conversation(random, at)
    ended = turns[-1].at
    if ended is not None and ended > now:
        shift = ended - now
        turns = [_moved(turn, shift) for turn in turns]
        ended, at = now, at - shift
    family = _any_family(random)
    return Chat(
        event_id=f"demo-{number}",
        event_time=at,
        channel=_draw(random, _CHAT_CHANNELS),
        customer_id=f"customer-{random.randrange(6_000)}",
        product_id=random.choice(_PRODUCTS[family]),
        region=_draw(random, _REGIONS),
        conversation_id=f"conversation-{number}",
        agent_id=f"agent-{random.randrange(24)}",
        turns=turns,
        ended_at=ended,
    )


def _moved(turn: Turn, shift: timedelta) -> Turn:
    return structs.replace(turn, at=turn.at - shift if turn.at else None)


def _story(random: Random, numbers: range, now: datetime) -> list[AnyEvent]:
    """Broken, missing and unrepaired laptops: real reviews that tell of a failure, more and more of them."""
    failures = [review for review in load_reviews() if review.family == "laptop" and review.tells_of_failure]
    random.shuffle(failures)
    texts = cycle(failures)
    events: list[AnyEvent] = []
    for number in numbers:
        common: dict[str, object] = {
            "event_id": f"demo-{number}",
            "event_time": now - STORY.lasts * (1 - random.random() ** 0.7),
            "channel": STORY.channel,
            "customer_id": f"customer-{random.randrange(6_000)}",
            "product_id": STORY.product,
            "region": _draw(random, _REGIONS),
        }
        events.append(_complaint(random, number, common, next(texts).text, late=0.7))
    return events


def _draw(random: Random, shares: dict[T, int]) -> T:
    return random.choices(list(shares), list(shares.values()))[0]
