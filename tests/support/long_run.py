"""Faults at random for as long as events are published."""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

from support.fault_world import LOSSES, Load, Workers, World, disturb_broker, frozen, killed


def long_run(world: World, rng: random.Random, faults: int, events: int) -> None:
    """So many faults at the least over so many distinct events, which come in waves of 100,000.

    FAULT_COUNT and FAULT_EVENTS say others. After FAULT_SECONDS (no end) no further wave begins.
    """
    faults = int(os.environ.get("FAULT_COUNT", faults))
    events = int(os.environ.get("FAULT_EVENTS", events))
    seconds = float(os.environ.get("FAULT_SECONDS", "inf"))
    done: Counter[str] = Counter()
    began = time.monotonic()
    with Workers(world) as workers:
        workers.wait_ready()
        with world.publishing(waves(rng.random(), events, began + seconds), per_second=1_200) as publishing:
            while publishing.is_alive() or done.total() < faults:
                # Time to work in between: a worker needs a few seconds to start.
                time.sleep(rng.uniform(1, 6))
                done[one_fault(world, workers, rng)] += 1
                print(
                    f"{time.monotonic() - began:.0f} s, {world.outcome.published:,} published, {dict(done)}", flush=True
                )
        world.settle(1_800)
    world.check()
    world.recount()
    outcome = world.outcome
    print(
        f"{done.total()} faults: {dict(done)}; published {outcome.published:,}, distinct {len(outcome.places):,}, "
        f"corrupt {outcome.corrupt:,}; lost 0, doubled 0; {time.monotonic() - began:.0f} s"
    )


def waves(seed: float, events: int, deadline: float) -> Iterator[Load]:
    for number, start in enumerate(range(0, events, 100_000)):
        if time.monotonic() > deadline:
            return
        # A generator of its own: the faults are drawn at the same time.
        rng = random.Random(f"{seed} {number}")
        yield Load(f"long-{number}", min(100_000, events - start), rng)


def one_fault(world: World, workers: Workers, rng: random.Random) -> str:
    clickhouse, brokers, seconds = world.stack.clickhouse, world.stack.brokers, rng.uniform(0.5, 5)
    disk = 6 if world.disk.mounted else 0
    weights = {
        "worker": 62,
        "join and leave": 4,
        "clickhouse killed": 6,
        "clickhouse stopped": 2,
        "clickhouse hangs": 8,
        "disk full": disk,
        "read-only": disk,
        "most brokers killed": 3 if len(brokers) > 1 else 0,
        **{f"broker {fault}": 1.5 * len(brokers) for fault in LOSSES},
    }
    (what,) = rng.choices(list(weights), list(weights.values()))
    if what == "worker":
        return workers.disturb(rng)
    if what == "join and leave":
        with Workers(world, processes=1) as others:
            others.wait_ready()
            time.sleep(seconds)
    elif what.startswith("clickhouse"):
        loss = LOSSES[what.removeprefix("clickhouse ")]
        with loss(clickhouse):
            time.sleep(seconds if loss is frozen else 0)
    elif what == "most brokers killed":
        with contextlib.ExitStack() as lost:
            for broker in rng.sample(brokers, len(brokers) // 2 + 1):
                lost.enter_context(killed(broker))
            time.sleep(4 * seconds)
    elif what.startswith("broker"):
        disturb_broker(rng.choice(brokers), what.removeprefix("broker "), rng)
    else:
        with world.disk.full() if what == "disk full" else world.disk.read_only():
            time.sleep(seconds)
    return what
