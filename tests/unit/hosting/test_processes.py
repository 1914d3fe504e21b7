"""A process that ends with another, and one that is found by its mark."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from gapwatch.pipeline.hosting.processes import find

SLEEP = "import time; time.sleep(600)"
# Tells how it ended: a handler of SIGTERM has had its turn, or not.
ENDING = """
import signal, sys, time
from gapwatch.pipeline.hosting.processes import end_with
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
end_with(int(sys.argv[1]), gracefully=sys.argv[2] == "gracefully")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SLEEP, "the mark of an owner"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("how", "code"), [("gracefully", 7), ("at once", 1)])
@pytest.mark.parametrize("reaped", [True, False])
def test_a_process_ends_with_the_one_that_it_belongs_to(
    owner: subprocess.Popen[bytes], how: str, code: int, reaped: bool
) -> None:
    process = subprocess.Popen([sys.executable, "-c", ENDING, str(owner.pid), how], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    owner.kill()
    if reaped:
        owner.wait()
    assert process.wait(60) == code
    process.stdout.close()


def test_a_process_whose_owner_is_gone_ends_at_once(owner: subprocess.Popen[bytes]) -> None:
    owner.kill()
    owner.wait()
    process = subprocess.run([sys.executable, "-c", ENDING, str(owner.pid), "gracefully"], check=False, timeout=60)
    assert process.returncode == 7


def test_a_mark_finds_a_process_whatever_id_is_recorded(owner: subprocess.Popen[bytes]) -> None:
    for recorded in (None, owner.pid, 1, 4_000_000):
        found = find("mark of an owner", recorded)
        assert found is not None
        assert found.pid == owner.pid
    assert find("mark of nobody", owner.pid) is None
