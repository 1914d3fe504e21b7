"""Whatever reads a topic reads it by any compression, and no record that is not committed."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaProducer
from support.filled_topics import fill_compressed

from gapwatch.pipeline.alerts.signal_consumer import SignalConsumer
from gapwatch.pipeline.kafka.topics import DEAD_LETTER_TOPICS, SIGNALS_TOPIC, lag
from gapwatch.pipeline.maintenance.recount.published import PublishedRecords
from gapwatch.pipeline.maintenance.replay import Selection, read_letters, read_marks

pytestmark = pytest.mark.usefixtures("event_topics", "group")


class CountingCourier:
    """In the place of `Courier`: counts what the consumer of signals read."""

    def __init__(self) -> None:
        self.read = 0

    def take(self, *_: object) -> None:
        self.read += 1

    skip = take

    def work(self) -> None:
        pass

    def offsets(self) -> dict[int, int]:
        return {}

    def drop(self, _partitions: object) -> None:
        pass

    undelivered = 0


def signals() -> int:
    courier = CountingCourier()
    with closing(SignalConsumer(courier, uuid.uuid4().hex)) as consumer:  # type: ignore[arg-type]
        consumer.catch_up(threading.Event())
    return courier.read


def recounted() -> int:
    published = PublishedRecords()
    list(published.scan())
    return published.records["feedback.events"]


READERS: dict[str, tuple[str, Callable[[], int]]] = {
    "recount": ("feedback.events", recounted),
    "dead letters": (DEAD_LETTER_TOPICS[0], lambda: len(list(read_letters(Selection())))),
    "marks of replayed letters": ("gapwatch.replayed", lambda: len(read_marks())),
    "signals": (SIGNALS_TOPIC, signals),
}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("reader", READERS)
async def test_every_compression_is_read(kafka: str, reader: str, codec: str) -> None:
    topic, read = READERS[reader]
    await fill_compressed(kafka, topic, 300, codec)
    assert read() == 300


@contextmanager
def transactional(kafka: str, name: str) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(bootstrap_servers=kafka, transactional_id=name)
    producer.init_transactions()
    yield producer
    producer.close()


def send(producer: KafkaProducer, topic: str, begin: int, count: int) -> None:
    producer.begin_transaction()
    for number in range(begin, begin + count):
        producer.send(topic, b"value", key=b"%d" % number, partition=0)
    producer.flush()


@pytest.mark.parametrize("reader", READERS)
def test_what_is_not_committed_is_not_read(kafka: str, reader: str) -> None:
    topic, read = READERS[reader]
    with transactional(kafka, f"{topic} {reader}") as producer:
        send(producer, topic, 0, 10)
        producer.abort_transaction()
        assert read() == 0, "it was aborted, and only the marker of that stands behind it"
        send(producer, topic, 10, 5)
        assert read() == 0, "it is open"
        producer.commit_transaction()
        assert read() == 5
        send(producer, topic, 20, 10)
        producer.abort_transaction()
        assert read() == 5


def test_an_open_transaction_is_no_lag(kafka: str, group: str) -> None:
    before = lag(group)["feedback.events"]
    with transactional(kafka, group) as producer:
        send(producer, "feedback.events", 0, 10)
        assert lag(group)["feedback.events"] == before
        producer.commit_transaction()
        assert lag(group)["feedback.events"] == before + 11, "the marker is part of the log"
