"""One of three brokers takes connections and never answers: whoever asks Kafka for something gets it from the others."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.fault_world import World, frozen

from gapwatch.pipeline.kafka.outbox import Outbox, PlainMessage
from gapwatch.pipeline.kafka.topics import DIRTY_MINUTES_TOPIC, ensure_topics, lag
from gapwatch.pipeline.maintenance.recount.published import PublishedRecords
from gapwatch.pipeline.maintenance.replay import Selection, read_letters
from gapwatch.pipeline.publishing.publisher import Publisher
from gapwatch.pipeline.settings import settings

pytestmark = [pytest.mark.integration]

# A client asks the broker that hangs first in one of three cases.
TIMES = 6


def deliver() -> None:
    outbox = Outbox()
    try:
        outbox.deliver([PlainMessage(DIRTY_MINUTES_TOPIC, b"key", b"value")])
    finally:
        outbox.close()


ASKED: dict[str, Callable[[], object]] = {
    "status": lambda: lag(settings().group),
    "dead-letters": lambda: list(read_letters(Selection())),
    "recount": lambda: list(PublishedRecords().scan()),
    "init": ensure_topics,
    "publish": lambda: Publisher().close(),
    "outbox": deliver,
}


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    world = World(tmp_path_factory.mktemp("hung"), brokers=3)
    try:
        # What a cluster does once, it asks of its controller, which may be the one that hangs, and waits half a minute:
        # to make the topic of offsets, and for each broker, which producers draw at random, to get numbers for them.
        lag(settings().group)
        for _ in range(20):
            deliver()
        with frozen(world.stack.brokers[0]):
            yield
    finally:
        world.close()


@pytest.mark.parametrize("what", ASKED)
def test_is_answered_each_time(hung: None, what: str) -> None:
    with ThreadPoolExecutor(TIMES) as callers:
        for call in [callers.submit(ASKED[what]) for _ in range(TIMES)]:
            call.result()
