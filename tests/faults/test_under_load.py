"""Workers under load while they, ClickHouse, its disk or Kafka are lost, again and again."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from support.fault_world import LOSSES, Load, Workers, World, disturb_broker, frozen, killed, stopped
from support.waiting import eventually

from gapwatch.pipeline.stack.service import Service

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def started(world: World) -> Iterator[Workers]:
    with Workers(world) as workers:
        yield workers


@pytest.fixture
def workers(started: Workers) -> Workers:
    """Two that go on from test to test, ready."""
    started.wait_ready()
    return started


def test_without_a_fault_a_record_given_up_has_one_dead_letter(
    world: World, workers: Workers, rng: random.Random
) -> None:
    before = world.dead_letters()
    world.publish(Load("calm", 2_000, rng))
    world.settle()
    assert set((world.dead_letters() - before).values()) == {1}
    world.check()
    world.recount()


def test_workers_killed_stopped_and_terminated_under_load(world: World, workers: Workers, rng: random.Random) -> None:
    load = Load("kill", 8_000, rng)
    with world.publishing([load], per_second=800) as publishing:
        while publishing.is_alive():
            time.sleep(rng.uniform(0.5, 2))
            print(workers.disturb(rng))
    world.settle()
    world.check()
    world.recount()


@pytest.mark.parametrize("loss", [killed, stopped])
def test_clickhouse_lost_again_and_again_under_load(
    world: World, workers: Workers, rng: random.Random, loss: Callable[[Service], AbstractContextManager[None]]
) -> None:
    load = Load(f"clickhouse-{loss.__name__}", 8_000, rng)
    with world.publishing([load], per_second=1_500) as publishing:
        while publishing.is_alive():
            time.sleep(rng.uniform(0.5, 2))
            with loss(world.stack.clickhouse):
                pass
    world.settle()
    world.check()
    world.recount()


def test_a_broker_disturbed_under_load(world: World, workers: Workers, rng: random.Random) -> None:
    load = Load("broker", 6_000, rng)
    with world.publishing([load], per_second=800):
        for fault in rng.sample(list(LOSSES), len(LOSSES)):
            time.sleep(rng.uniform(1, 3))
            print(fault)
            disturb_broker(world.stack.brokers[0], fault, rng)
    world.settle()
    world.check()
    world.recount()


@pytest.mark.parametrize("fault", ["full", "read_only"])
def test_a_disk_that_takes_no_data_is_waited_for(
    world: World, workers: Workers, rng: random.Random, fault: str
) -> None:
    if not world.disk.mounted:
        pytest.skip("needs the right to mount file systems")
    load = Load(f"disk-{fault}", 8_000, rng)
    with world.publishing([load], per_second=800) as publishing:
        while publishing.is_alive():
            before = workers.retries()
            with getattr(world.disk, fault)():
                eventually(lambda: workers.retries() > before or not publishing.is_alive())  # noqa: B023 - called here
                time.sleep(rng.uniform(0, 2))
            time.sleep(rng.uniform(0.5, 2))
    world.settle()
    world.check()
    world.recount()


def test_clickhouse_that_hangs_now_and_then_is_waited_for(world: World, workers: Workers, rng: random.Random) -> None:
    load = Load("slow", 6_000, rng)
    with world.publishing([load], per_second=1_000) as publishing:
        while publishing.is_alive():
            with frozen(world.stack.clickhouse):
                time.sleep(rng.uniform(0.5, 3))
            time.sleep(rng.uniform(0, 0.5))
    world.settle()
    world.check()
    world.recount()
