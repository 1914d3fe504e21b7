"""Each fault test that fails shows its seed; the test alone, with FAULT_SEED=seed, draws the same faults again."""

import os
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fault_world import World


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("FAULT_SEED") or secrets.randbelow(1_000_000))


@pytest.fixture(autouse=True)
def rng(request: pytest.FixtureRequest, seed: int) -> random.Random:
    print(f"\nFAULT_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """A worker is ready when its reader is, which compiles at first: for minutes on a busy machine."""
    subprocess.run([sys.executable, "-m", "gapwatch", "analyse", "好"], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(Path(tmp_path_factory.mktemp("faults")))
    yield built
    built.close()
