"""Each fault test prints its seed; run it again with FAULT_SEED=seed."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = int(os.environ.get("FAULT_SEED") or secrets.randbelow(1_000_000))
    print(f"\nFAULT_SEED={chosen}")
    return chosen


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[World]:
    built = World(Path(tmp_path_factory.mktemp("faults")), seed)
    yield built
    built.close()
