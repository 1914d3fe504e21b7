"""Brokers that come back under other addresses, while what the configuration names still leads to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from support.proxy import Proxy
from support.recording_worker import Worker, running

from gapwatch.pipeline.stack import state
from gapwatch.pipeline.stack.kafka import KafkaBroker
from gapwatch.pipeline.stack.local import LocalStack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def broker(stack: LocalStack, tmp_path: Path) -> Iterator[KafkaBroker]:
    created = state.create(1)
    made = KafkaBroker(tmp_path, created.nodes[0], created.nodes, created.cluster_id, stack.data_dir / "jars")
    made.start()
    yield made
    made.stop()


def moved(broker: KafkaBroker) -> KafkaBroker:
    """The same broker, with its data, on other ports."""
    broker.stop()
    port, controller_port = state.free_ports(2)
    node = broker._node._replace(port=port, controller_port=controller_port)
    return KafkaBroker(broker.directory, node, [node], broker._cluster_id, broker._jar_cache)


def publish(kafka: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    producer.send(topic, value).get(timeout=30)
    producer.close()


async def test_a_worker_finds_brokers_that_have_moved(broker: KafkaBroker, group: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.create_topics([NewTopic("moving", 1, 1)])
    admin.close()
    publish(broker.address, "moving", b"before")
    with Proxy("127.0.0.1", broker.ports[0]) as bootstrap:
        worker = Worker(f"127.0.0.1:{bootstrap.port}", "moving", group)
        async with running(worker):
            await worker.until(lambda: worker.count == 1)
            await worker.until(worker.committed_all)
            elsewhere = moved(broker)
            elsewhere.start()
            try:
                bootstrap.server = ("127.0.0.1", elsewhere.ports[0])
                publish(elsewhere.address, "moving", b"after")
                await worker.until(lambda: worker.count == 2)
                await worker.until(worker.committed_all)
            finally:
                elsewhere.stop()
    assert [record[1:3] for record in worker.seen[0]] == [(None, b"before"), (None, b"after")]
