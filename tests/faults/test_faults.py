"""Whatever is killed, stopped or slow: afterwards each event stands once and every aggregate recounts.

The short form takes minutes. The long form: pytest -m slow tests/faults -s
"""

import json
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from clickhouse_driver import Client
from support.fault_world import Load, Workers, World, frozen, stopped
from support.long_run import long_run
from support.waiting import eventually

from gapwatch.pipeline.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_an_idle_worker_notices_that_kafka_is_away_and_when_it_is_back(world: World, rng: random.Random) -> None:
    broker = world.stack.brokers[0]
    with Workers(world, processes=1) as workers:
        for away in (stopped, frozen):
            workers.wait_ready()
            with away(broker):
                eventually(lambda: workers.get("/health/ready")[0] == 503)
                assert "no broker has answered" in json.loads(workers.get("/health")[1])["workers"][0]["waiting"]
                # By then the client has given up its place in the group, too.
                eventually(lambda: workers.waiting_seconds("fetch") > 15)
                assert [workers.get(f"/health/{path}")[0] for path in ("live", "ready")] == [200, 503]
        workers.wait_ready()
        world.publish(Load("after", 1_000, rng))
        world.settle()
    world.check()
    world.recount()


def test_what_clickhouse_has_lost_comes_back_from_kafka(
    world: World, rng: random.Random, settings_env: pytest.MonkeyPatch
) -> None:
    with Workers(world) as workers:
        workers.wait_ready()
        world.publish(Load("gone", 2_000, rng))
        world.settle()
    with Client.from_url(world.stack.clickhouse.url) as client:
        client.execute(
            "ALTER TABLE event_versions DELETE WHERE cityHash64(event_id) % 3 = 0 SETTINGS mutations_sync = 1"
        )
    done = subprocess.run([sys.executable, "-m", "gapwatch", "recount"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "events published and not stored" in done.stdout
    assert "GAPWATCH_GROUP=again gapwatch worker" in done.stdout
    settings_env.setenv("GAPWATCH_GROUP", "again")
    settings.cache_clear()
    with Workers(world) as workers:
        workers.wait_ready()
        world.settle()
    world.check()
    world.recount()


def test_workers_join_and_leave_under_load(world: World, rng: random.Random) -> None:
    load = Load("join", 8_000, rng)
    with Workers(world, processes=1) as workers:
        workers.wait_ready()
        with world.publishing([load], per_second=600) as publishing:
            while publishing.is_alive():
                with Workers(world, processes=1) as others:
                    others.wait_ready()
                    time.sleep(rng.uniform(0, 2))
        world.settle()
    world.check()
    world.recount()


def test_clickhouse_away_for_a_while_is_waited_for_in_bounded_memory(world: World, rng: random.Random) -> None:
    load = Load("away", 30_000, rng)
    with Workers(world, processes=1) as workers:
        workers.wait_ready()
        world.stack.clickhouse.stop()
        world.publish(load, per_second=20_000)
        eventually(lambda: workers.get("/health/ready")[0] == 503)
        assert workers.get("/health/live")[0] == 200
        health = json.loads(workers.get("/health")[1])
        assert "store has waited" in health["workers"][0]["waiting"]
        full = resident(workers)
        eventually(lambda: workers.waiting_seconds("store") > 10)
        assert resident(workers) < full * 1.1 + 20e6
        world.stack.clickhouse.start()
        eventually(lambda: workers.get("/health/ready")[0] == 200)
        world.settle()
    world.check()
    world.recount()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_supervisor(world: World, how: signal.Signals) -> None:
    workers = Workers(world)
    workers.wait_ready()
    processes = workers.processes(readers=True)
    assert len(processes) >= 4
    workers.supervisor.send_signal(how)
    _, alive = psutil.wait_procs([workers.supervisor, *processes], timeout=40)
    assert not alive
    if how != signal.SIGKILL:
        assert workers.supervisor.returncode == 0


def test_workers_that_were_stopped_end_with_their_supervisor(world: World) -> None:
    workers = Workers(world)
    workers.wait_ready()
    processes = workers.processes(readers=True)
    for process in processes:
        process.suspend()
    assert workers.stop() == 0
    assert not psutil.wait_procs(processes, timeout=5)[1]


def test_a_stop_while_clickhouse_is_away_ends_in_time_and_loses_nothing(world: World, rng: random.Random) -> None:
    load = Load("stop", 2_000, rng)
    with Workers(world) as workers:
        workers.wait_ready()
        world.stack.clickhouse.stop()
        world.publish(load)
        eventually(lambda: workers.get("/health/ready")[0] == 503)
        began = time.monotonic()
        assert workers.stop() == 0
        assert time.monotonic() - began < 30
    world.stack.clickhouse.start()
    with Workers(world):
        world.settle()
    world.check()
    world.recount()


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_ten_kills_of_workers_and_one_of_clickhouse_in_100_000_events(world: World, rng: random.Random) -> None:
    load = Load("hundred", 100_000, rng)
    with Workers(world) as workers:
        workers.wait_ready()
        with world.publishing([load], per_second=4_000):
            for number in range(10):
                time.sleep(rng.uniform(1, 4))
                eventually(workers.processes)
                rng.choice(workers.processes()).kill()
                if number == 5:
                    world.stack.clickhouse.kill()
                    world.stack.clickhouse.start()
        world.settle()
    world.check()
    world.recount()


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_long_run(world: World, rng: random.Random) -> None:
    long_run(world, rng, faults=200, events=2_000_000)


def resident(workers: Workers) -> float:
    """Resident bytes of the workers and their readers."""
    return sum(float(process.memory_info().rss) for process in workers.processes(readers=True))
