"""Three brokers, three copies of each record, two of them in step: one is lost under load, and work goes on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import Load, Workers, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), pytest.mark.xdist_group("faults")]


@pytest.fixture
def three(tmp_path: Path, seed: int) -> Iterator[World]:
    built = World(tmp_path, seed, brokers=3)
    yield built
    built.close()


def test_a_broker_lost_under_load_loses_nothing_and_stops_nobody(three: World) -> None:
    with Workers(three) as workers:
        workers.wait_ready()
        for number, broker in enumerate(three.rng.sample(three.stack.brokers, 2)):
            with three.publishing([Load(f"three-{number}", 5_000, three.rng)], per_second=800):
                time.sleep(three.rng.uniform(1, 4))
                broker.kill()
            three.settle()
            three.check()
            assert broker.pid is None
            broker.start()
    three.recount()
