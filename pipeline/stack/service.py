"""One server process of the local stack: started in its own process group, found again by any later process."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import psutil

from pipeline.errors import StackError

_START_SECONDS = 90.0  # a cold disk and eight busy neighbours; 6 s is usual
_STOP_SECONDS = 30.0  # Kafka's controlled shutdown and ClickHouse's last merges end well before
_POLL_SECONDS = 0.05
_LOG_LINES_SHOWN = 5


class Service(ABC):
    """A server with its own directory. Its process carries `marker` on the command line, by which it is recognised."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._child: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients reach it, host:port."""

    @property
    @abstractmethod
    def marker(self) -> str:
        """An argument that only the process of this very directory has."""

    @property
    @abstractmethod
    def log_file(self) -> Path:
        """Where it writes its log."""

    @abstractmethod
    def prepare(self) -> None:
        """Write the configuration; format the storage where that has not been done."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line. No secret stands on it."""

    @abstractmethod
    def probe(self) -> None:
        """One real request as a client would make it; raises when it is not answered."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        if self._child is not None:
            self._child.poll()  # reaps it when it has ended
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(self._pid_file.read_text(encoding="ascii")))
            if self._is_mine(process):
                return process.pid
        return None

    @property
    def running(self) -> bool:
        """Whether the process is there and answers."""
        return self.pid is not None and self._answers()

    def start(self, *, wait: bool = True) -> None:
        """Start it unless it runs. Raises StackError with the end of its log when it does not come up."""
        if self.pid is None:
            self._kill_orphans()
            self.directory.mkdir(parents=True, exist_ok=True)
            self.prepare()
            self._spawn()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Block until it answers a client."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.pid is None:
                raise StackError(f"{self.name} ended while starting. {self._last_words()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} does not answer after {_START_SECONDS:.0f} s. {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it cleanly; after 30 seconds with SIGKILL. Nothing happens when it does not run."""
        pid = self.pid
        if pid is not None:
            self._end(psutil.Process(pid))
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as a power cut would; for fault tests."""
        pid = self.pid
        if pid is not None:
            process = psutil.Process(pid)
            process.kill()
            self._wait(process, _STOP_SECONDS)

    def restart(self) -> None:
        """Stop it cleanly and start it on the same data and ports."""
        self.stop()
        self.start()

    @property
    def _pid_file(self) -> Path:
        return self.directory / "pid"

    def _spawn(self) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        # Paths need not be ASCII, whatever locale the user has.
        environment = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
        with self._console_file.open("wb") as console:
            self._child = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid), encoding="ascii")

    @property
    def _console_file(self) -> Path:
        return self.log_file.with_suffix(".out")

    def _answers(self) -> bool:
        host, port = self.address.split(":")
        try:
            # Client libraries log a refused connection loudly, and while it starts that is no news.
            socket.create_connection((host, int(port)), timeout=2).close()
            self.probe()
        except Exception:  # noqa: BLE001 - any failure of any client means: not yet
            return False
        return True

    def _is_mine(self, process: psutil.Process) -> bool:
        return self.marker in process.cmdline()

    def _kill_orphans(self) -> None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and self._is_mine(process):
                    self._end(process)

    def _end(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
            if not self._wait(process, _STOP_SECONDS):
                process.kill()
                self._wait(process, _STOP_SECONDS)

    def _wait(self, process: psutil.Process, seconds: float) -> bool:
        """Whether it ended in time. A zombie has ended: its parent may be someone who never reaps."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._child is not None:
                self._child.poll()
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _last_words(self) -> str:
        for file in (self._console_file, self.log_file):
            with contextlib.suppress(OSError):
                lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                if lines:
                    return f"The end of {file}:\n" + "\n".join(lines[-_LOG_LINES_SHOWN:])
        return f"It left no log in {self.log_file.parent}"
