"""The supervisor with workers that are small scripts."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from support.waiting import eventually

from gapwatch.pipeline.worker import supervisor as supervisor_module
from gapwatch.pipeline.worker.supervisor import Supervisor

HEARTBEATS = """
import os, socket, time
end = socket.socket(fileno=int(os.environ["GAPWATCH_SUPERVISOR_FD"]))
while True:
    end.send(b'{"ready":true}\\n')
    time.sleep(0.05)
"""


def supervise(supervisor: Supervisor, until: threading.Event) -> None:
    while not until.is_set():
        for slot in supervisor.slots:
            supervisor._check(slot)
        supervisor._receive(0.05)
    supervisor._end_all()


@pytest.fixture
def run(request: pytest.FixtureRequest) -> object:
    """Supervise in a thread until the test ends."""

    def start(script: str, processes: int = 1) -> Supervisor:
        supervisor = Supervisor(processes, [sys.executable, "-c", script])
        enough = threading.Event()
        thread = threading.Thread(target=supervise, args=(supervisor, enough))
        thread.start()
        request.addfinalizer(thread.join)
        request.addfinalizer(enough.set)
        return supervisor

    return start


def test_ready_when_every_worker_says_so(run) -> None:  # type: ignore[no-untyped-def]
    supervisor = run(HEARTBEATS, processes=2)
    eventually(lambda: supervisor.ready)
    assert supervisor.live


def test_workers_are_kept_small_unless_told_otherwise(
    run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    told = tmp_path / "told"
    names = ("MALLOC_ARENA_MAX", "CLICKHOUSE_DRIVER_LASY_DATE_LUT")
    run(
        f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(repr([os.environ[name] for name in {names}]))"
        + HEARTBEATS
    )
    eventually(lambda: told.exists() and told.read_text() == "['7', 'none beforehand']")


def test_a_worker_that_was_killed_is_started_again(run) -> None:  # type: ignore[no-untyped-def]
    supervisor = run(HEARTBEATS)
    eventually(lambda: supervisor.ready)
    first = supervisor.slots[0].process.pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.ready and supervisor.slots[0].process.pid != first)


def test_a_worker_that_hangs_is_started_again(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(supervisor_module, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(supervisor_module, "HUNG_SECONDS", 2.0)
    supervisor = run(HEARTBEATS)
    eventually(lambda: supervisor.ready)
    first = supervisor.slots[0].process.pid
    os.kill(first, signal.SIGSTOP)
    eventually(lambda: not supervisor.live)
    eventually(lambda: supervisor.ready and supervisor.slots[0].process.pid != first)


def test_pauses_grow_for_a_worker_that_ends_at_once(run) -> None:  # type: ignore[no-untyped-def]
    supervisor = run("raise SystemExit(3)")
    eventually(lambda: supervisor.slots[0].pause >= 2.0)
    assert not supervisor.ready


def test_a_worker_that_is_silent_is_not_alive(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("gapwatch.pipeline.worker.supervisor.SILENT_SECONDS", 0.5)
    supervisor = run("import time; time.sleep(60)")
    eventually(lambda: supervisor.slots[0].process)
    eventually(lambda: not supervisor.live)


def test_workers_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """By what the real one hands over, to a worker that does nothing else."""
    worker = (
        "import os, pathlib, time; from gapwatch.pipeline.hosting.processes import end_with; "
        "from gapwatch.pipeline.worker.heartbeat import SupervisorConnection; end_with(SupervisorConnection.from_environment().supervisor); "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    script = f"import sys; from gapwatch.pipeline.worker.supervisor import Supervisor; Supervisor(1, [sys.executable, '-c', {worker!r}]).run()"
    supervisor = subprocess.Popen([sys.executable, "-c", script])
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    process = psutil.Process(int((tmp_path / "pid").read_text()))
    supervisor.kill()
    supervisor.wait()
    assert not psutil.wait_procs([process], timeout=20)[1]
