"""Topics that lose records, and topics that are deleted and made again, under `gapwatch worker`."""

import json
import random
import time
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, TopicPartition
from support.fault_world import Load, Workers, World
from support.waiting import eventually

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.kafka.topics import ensure_topics

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

TOPIC = "feedback.events"
# Two workers tell that a topic is gone and that their group changes. A line for each request would be a thousand.
LINES = 40


def with_admin(world: World, action: Callable[[KafkaAdminClient], object]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=world.stack.kafka)
    try:
        action(admin)
    finally:
        admin.close()


def empty(admin: KafkaAdminClient) -> None:
    """As retention does, had the workers been away for longer."""
    [topic] = admin.describe_topics([TOPIC])
    # -1: up to the end.
    admin.delete_records({TopicPartition(TOPIC, place["partition_index"]): -1 for place in topic["partitions"]})


def told_by(*command: str) -> dict[str, object]:
    done = CliRunner().invoke(gapwatch, [*command, "--json"])
    return json.loads(done.stdout[done.stdout.index("{") :])  # type: ignore[no-any-return]


def test_what_left_before_any_worker_ran_is_told_everywhere(world: World, rng: random.Random) -> None:
    world.publish(Load("unread", 1_000, rng))
    published = world.outcome.published
    with_admin(world, empty)
    lost = {TOPIC: published}
    assert told_by("status")["lost"] == lost, "before a worker notices"
    with Workers(world, processes=1) as workers:
        workers.wait_ready()
        eventually(lambda: workers._measured("records_lost_total") == published)
        world.settle()
        lines = [line for line in workers.lines() if line["event"].startswith("records left")]
    assert sum(line["records"] for line in lines) == published
    assert {line["level"] for line in lines} == {"error"}
    assert told_by("status")["lost"] == lost
    recounted = told_by("recount")
    assert (recounted["left"], recounted["final"], recounted["exact"]) == (lost, True, False)
    world.outcome.places.clear()
    world.outcome.corrupt = 0


def test_a_topic_is_deleted_for_a_while(world: World, rng: random.Random) -> None:
    with Workers(world) as workers:
        workers.wait_ready()
        world.publish(Load("old", 500, rng))
        world.settle()
        lines = len(workers.lines())
        with_admin(world, lambda admin: admin.delete_topics([TOPIC]))
        time.sleep(20)
        assert len(workers.lines()) - lines < LINES
        ensure_topics()
        world.publish(Load("new", 300, rng))
        world.settle()
    world.check()
