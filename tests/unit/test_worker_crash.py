import subprocess
import sys

CRASH = """
import time
import agents.worker
agents.worker.STOP_SECONDS = 0.2
worker = agents.worker.Worker(agents.worker.app)
assert not agents.worker.app.ready
worker._crash(RuntimeError("fetching failed"))
time.sleep(60)
"""


def test_a_worker_that_crashes_is_gone_in_time_whatever_hangs_while_it_stops() -> None:
    assert subprocess.run([sys.executable, "-c", CRASH], check=False, timeout=50).returncode == 1
