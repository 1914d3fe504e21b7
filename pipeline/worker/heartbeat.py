"""The heartbeat of worker processes: what they tell their supervisor, over one socket per worker.

A worker sends one each second. The supervisor notices by the closed socket that a worker is gone, however it went.
"""

import os
import socket
import threading

import msgspec

SUPERVISOR_VARIABLE = "GAPWATCH_SUPERVISOR_PID"
SOCKET_VARIABLE = "GAPWATCH_SUPERVISOR_FD"
WORKER_VARIABLE = "GAPWATCH_WORKER"
HEARTBEAT_SECONDS = 1.0

# Longer than a worker needs to finish what it holds and leave its group (5 s, see agents/transport/driver.py); shorter
# than the 30 s that container platforms grant.
STOP_SECONDS = 20.0


class Heartbeat(msgspec.Struct, frozen=True):
    """`ready`: the worker takes part in its group and can store. `waiting` says what it waits for, if anything."""

    ready: bool
    waiting: str | None = None


class SupervisorConnection:
    """The worker's side: `supervisor` is the id of the process that started it."""

    def __init__(self, supervisor: int, connection: socket.socket) -> None:
        self.supervisor = supervisor
        self._connection = connection

    @classmethod
    def from_environment(cls) -> "SupervisorConnection | None":
        """As the supervisor handed it to this process; None when it was started by hand."""
        descriptor = os.environ.pop(SOCKET_VARIABLE, None)
        if descriptor is None:
            return None
        return cls(int(os.environ.pop(SUPERVISOR_VARIABLE)), socket.socket(fileno=int(descriptor)))

    def send(self, heartbeat: Heartbeat) -> None:
        """Never blocks: a heartbeat that finds no room is left out."""
        try:
            self._connection.send(msgspec.json.encode(heartbeat) + b"\n", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return


def exit_after(seconds: float, code: int = 1) -> None:
    """End this process when `seconds` have passed, whatever hangs then."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
