"""Runs worker processes: starts them, starts them again when they end, ends them when it ends itself."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

import msgspec

from gapwatch.pipeline.logs import logger
from gapwatch.pipeline.worker import metrics
from gapwatch.pipeline.worker.heartbeat import (
    HEARTBEAT_SECONDS,
    SOCKET_VARIABLE,
    STOP_SECONDS,
    SUPERVISOR_VARIABLE,
    WORKER_VARIABLE,
    Heartbeat,
)

log = logger("gapwatch.supervisor")

# A worker that ends soon is given a pause that doubles up to a quarter of a minute: long enough to spare the log and
# the group, short enough that nobody waits in vain once the cause is gone. After half a minute it starts afresh.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
HELD_OUT_SECONDS = 30.0
# A worker whose event loop has sent no heartbeat for so long hangs, or is stopped, or its machine is overloaded.
SILENT_SECONDS = 30.0
# After so long it will not come back by itself. Ending it loses nothing: what it has not committed is done again.
HUNG_SECONDS = 90.0
_TICK_SECONDS = 0.2
# What keeps the memory of a worker and its reader small, unless it is set otherwise.
MEMORY_ENVIRONMENT = {
    # The ClickHouse driver makes a table of all dates from 1900 to 2299 when it is loaded: 25 MB and half a second.
    "CLICKHOUSE_DRIVER_LASY_DATE_LUT": "none beforehand",
    # Each thread that allocates takes a heap of its own, which keeps what it once needed. Two are enough where one lock
    # lets one thread work at a time.
    "MALLOC_ARENA_MAX": "2",
    # A buffer this large goes back to the system when it is freed. Unless told so, glibc keeps ever larger ones in the
    # heap, which grew to twice its size while ClickHouse was slow, and stayed. 2 MB would keep those of a batch, and
    # save 4 % of the processor time, for 55 MB more.
    "MALLOC_MMAP_THRESHOLD_": "131072",
    "MALLOC_TRIM_THRESHOLD_": "262144",
}
# By -c, not by -m: the reader's process, which is spawned, would import a main module and with it all of Faust.
WORKER_COMMAND = (sys.executable, "-c", "from gapwatch.agents.process import main; main()")


@dataclass
class Slot:
    """One of the workers asked for."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    connection: socket.socket | None = None
    started: float = 0.0
    start_at: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    heartbeat: Heartbeat = field(default_factory=lambda: Heartbeat(ready=False))
    heartbeat_at: float = 0.0
    restarts: int = 0
    exit_code: int | None = None
    """Of the process that ended last, negative for a signal."""

    @property
    def alive(self) -> bool:
        """Running, and its last heartbeat is recent."""
        return self.process is not None and time.monotonic() - self.heartbeat_at < SILENT_SECONDS


class Supervisor:
    """`processes` workers, each started with `command`."""

    def __init__(self, processes: int, command: Sequence[str] = WORKER_COMMAND) -> None:
        self.slots = [Slot(number) for number in range(1, processes + 1)]
        self._command = command
        self._stop = False
        self._selector = selectors.DefaultSelector()

    @property
    def live(self) -> bool:
        """No worker hangs. One that is about to be started again does not count against it."""
        return all(slot.alive for slot in self.slots if slot.process)

    @property
    def ready(self) -> bool:
        """Every worker takes part and can store."""
        return all(slot.alive and slot.heartbeat.ready for slot in self.slots)

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT; the workers have ended when this returns, or raises."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            received_at = time.monotonic()
            while not self._stop:
                if time.monotonic() - received_at > SILENT_SECONDS:
                    self._restart_heartbeats()  # it was stopped itself, and has not read their heartbeats
                for slot in self.slots:
                    self._check(slot)
                self._receive(_TICK_SECONDS)
                received_at = time.monotonic()
        finally:
            self._end_all()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        self._stop = True

    def _restart_heartbeats(self) -> None:
        for slot in self.slots:
            slot.heartbeat_at = time.monotonic()

    def _check(self, slot: Slot) -> None:
        now = time.monotonic()
        if slot.process is None:
            if now >= slot.start_at:
                self._start(slot)
        elif slot.process.poll() is not None:
            self._on_end(slot, now)
        elif now - slot.heartbeat_at > HUNG_SECONDS:
            log.warning("worker hangs, killed", worker=slot.number, pid=slot.process.pid)
            _signal_group(slot.process.pid, signal.SIGKILL)

    def _start(self, slot: Slot) -> None:
        ours, theirs = socket.socketpair()
        named = {
            SUPERVISOR_VARIABLE: str(os.getpid()),
            SOCKET_VARIABLE: str(theirs.fileno()),
            WORKER_VARIABLE: str(slot.number),
        }
        environment = MEMORY_ENVIRONMENT | os.environ | named
        # A session of its own: Ctrl-C reaches the supervisor alone, which then ends the workers in good order.
        slot.process = subprocess.Popen(
            self._command, env=environment, pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
        )
        theirs.close()
        ours.setblocking(False)
        slot.connection, slot.started, slot.heartbeat_at = ours, time.monotonic(), time.monotonic()
        slot.heartbeat = Heartbeat(ready=False)
        self._selector.register(ours, selectors.EVENT_READ, slot)
        log.info("worker started", worker=slot.number, pid=slot.process.pid)

    def _on_end(self, slot: Slot, now: float) -> None:
        assert slot.process  # noqa: S101 - the caller looked
        code, pid = slot.process.returncode, slot.process.pid
        self._release(slot)
        slot.restarts, slot.exit_code = slot.restarts + 1, code
        slot.pause = FIRST_PAUSE_SECONDS if now - slot.started > HELD_OUT_SECONDS else slot.pause
        slot.start_at = now + slot.pause
        log.warning("worker ended", worker=slot.number, pid=pid, code=code, starts_again_in=slot.pause)
        slot.pause = min(slot.pause * 2, LONGEST_PAUSE_SECONDS)
        metrics.RESTARTS.inc()
        metrics.forget_process(pid)

    def _release(self, slot: Slot) -> None:
        if slot.process:
            _signal_group(slot.process.pid, signal.SIGKILL)
        if slot.connection:
            self._selector.unregister(slot.connection)
            slot.connection.close()
        slot.process, slot.connection = None, None

    def _receive(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            slot: Slot = key.data
            received: bytes = key.fileobj.recv(65536)  # type: ignore[union-attr]
            if received:
                slot.heartbeat_at = time.monotonic()
                if lines := received[: received.rfind(b"\n") + 1].splitlines():  # the last may be cut
                    with contextlib.suppress(msgspec.DecodeError):  # and so the first, if it is the only one
                        slot.heartbeat = msgspec.json.decode(lines[-1], type=Heartbeat)
            else:
                time.sleep(_TICK_SECONDS)  # closed: the process is about to end

    def _end_all(self) -> None:
        running = [slot.process for slot in self.slots if slot.process]
        for process in running:
            process.terminate()
            _signal_group(process.pid, signal.SIGCONT)  # one that was stopped would not hear of it
        deadline = time.monotonic() + STOP_SECONDS + 2 * HEARTBEAT_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker does not end, killed", pid=process.pid)
                process.kill()
                process.wait()
        for slot in self.slots:
            self._release(slot)


def _signal_group(worker: int, number: signal.Signals) -> None:
    """Signal a worker and its reader, which are a process group of their own; or what is left of them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker, number)
