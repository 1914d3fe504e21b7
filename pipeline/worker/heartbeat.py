"""The heartbeat of worker processes: what they tell their supervisor, over one socket per worker.

A worker sends one each second. Either side notices by the closed socket that the other is gone, however it went.
"""

import os
import signal
import socket
import threading

import msgspec

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


class Supervision:
    """The worker's side of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.setblocking(True)

    @classmethod
    def from_environment(cls) -> "Supervision | None":
        """That of the supervisor that started this process; None when it was started by hand."""
        descriptor = os.environ.pop(SOCKET_VARIABLE, None)
        return None if descriptor is None else cls(socket.socket(fileno=int(descriptor)))

    def stop_with_supervisor(self) -> None:
        """From now on, stop this process as SIGTERM does when the supervisor is gone."""
        threading.Thread(target=self._wait_for_end, name="supervisor", daemon=True).start()

    def send(self, heartbeat: Heartbeat) -> None:
        """Never blocks: a heartbeat that finds no room is left out."""
        try:
            self._connection.send(msgspec.json.encode(heartbeat) + b"\n", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            return

    def _wait_for_end(self) -> None:
        while self._connection.recv(64):
            pass
        os.kill(os.getpid(), signal.SIGTERM)


def exit_after(seconds: float, code: int = 1) -> None:
    """End this process when `seconds` have passed, whatever hangs then."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
