"""Three brokers, three copies of each record, two of them in step: one is lost under load, and work goes on."""

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fault_world import Load, Workers, World, frozen, killed, stopped
from support.long_run import long_run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[World]:
    built = World(tmp_path, brokers=3)
    yield built
    built.close()


def test_a_broker_lost_under_load_loses_nothing_and_stops_nobody(three: World, rng: random.Random) -> None:
    with Workers(three) as workers:
        workers.wait_ready()
        for loss in (killed, stopped, frozen):
            print(loss.__name__)
            with contextlib.ExitStack() as lost:
                with three.publishing([Load(f"three-{loss.__name__}", 5_000, rng)], per_second=800):
                    time.sleep(rng.uniform(1, 4))
                    lost.enter_context(loss(rng.choice(three.stack.brokers)))
                three.settle()
                three.check()
    three.recount()


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_faults_at_random_among_three_brokers(three: World, rng: random.Random) -> None:
    long_run(three, rng, faults=50, events=200_000)
