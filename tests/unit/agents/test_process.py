import subprocess
import sys

CRASH = """
import time
import gapwatch.agents.process
gapwatch.agents.process.STOP_SECONDS = 0.2
worker = gapwatch.agents.process.Worker(gapwatch.agents.process.app)
assert not gapwatch.agents.process.app.ready
worker._crash(RuntimeError("fetching failed"))
time.sleep(60)
"""


def test_a_worker_that_crashes_is_gone_in_time_whatever_hangs_while_it_stops() -> None:
    assert subprocess.run([sys.executable, "-c", CRASH], check=False, timeout=50).returncode == 1
