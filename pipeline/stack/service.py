"""One server process of the local stack, which any later process finds again and can stop."""

import contextlib
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import psutil

from gapwatch.pipeline.errors import StackError
from gapwatch.pipeline.hosting import processes
from gapwatch.pipeline.words.catalogue import Message, message

_START_SECONDS = 120.0  # 6 s is usual; a cold disk and busy neighbours have taken 40
_STOP_SECONDS = 30.0  # Kafka's controlled shutdown and ClickHouse's running merges end well before
_POLL_SECONDS = 0.05
_LOG_LINES_SHOWN = 8


class Service(ABC):
    """A server with a directory of its own. Its process is recognised by `marker` on its command line."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.marker = f"gapwatch.service={directory}"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def ports(self) -> list[int]:
        """The ports it listens on; clients use the first."""

    @property
    @abstractmethod
    def log_file(self) -> Path:
        """Where it writes its log."""

    @abstractmethod
    def prepare(self) -> None:
        """Write the configuration; format the storage where that has not been done."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line, with the marker and without any secret."""

    @abstractmethod
    def probe(self) -> None:
        """One real request as a client would make it; raises when it is not answered."""

    @property
    def address(self) -> str:
        """Where clients reach it, host:port."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        process = self._process()
        return None if process is None else process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there and answers."""
        return self.pid is not None and self._answers()

    def start(self, *, wait: bool = True) -> None:
        """Start it unless it runs. Raises StackError with the end of its log when it does not come up."""
        if self._process() is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.prepare()
            self._spawn()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Block until it answers a client, 120 seconds at most. Raises StackError."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process() is None:
                raise StackError(
                    "{name} ended while starting. {last_words}", name=self.name, last_words=self._last_words()
                )
            if time.monotonic() > deadline:
                raise StackError(
                    "{name} does not answer after {seconds:.0f} s. {last_words}",
                    name=self.name,
                    seconds=_START_SECONDS,
                    last_words=self._last_words(),
                )
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it cleanly, after 30 seconds with SIGKILL. Nothing happens when it does not run."""
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
            if not self._ended(process):
                self.kill()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it with SIGKILL, as a fault would."""
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
            self._ended(process)

    def restart(self) -> None:
        """Stop it cleanly and start it on the same data and ports."""
        self.stop()
        self.start()

    @property
    def _pid_file(self) -> Path:
        return self.directory / "pid"

    @property
    def _console_file(self) -> Path:
        return self.directory / "console.log"

    def _process(self) -> psutil.Process | None:
        # A child is known by its handle: while it becomes its command, it has no command line for a moment.
        if self._child is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                child = psutil.Process(self._child.pid)
                if self._is_child(child) and processes.lives(child):
                    return child
        # Not only the recorded one: a launcher may have been killed before it wrote the record.
        return processes.find(self.marker, self._recorded()) if self.directory.exists() else None

    def _is_child(self, process: psutil.Process) -> bool:
        """Whether it is ours and has not ended; one that has stays in the process table until it is asked for."""
        return self._child is not None and self._child.pid == process.pid and self._child.poll() is None

    def _recorded(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text(encoding="ascii"))
        return None

    def _spawn(self) -> None:
        # Paths may be Chinese, whatever locale the user has.
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

    def _answers(self) -> bool:
        try:
            # Client libraries log a refused connection loudly, and while it starts that is no news.
            socket.create_connection(("127.0.0.1", self.ports[0]), timeout=2).close()
            self.probe()
        except Exception:  # noqa: BLE001 - any failure of any client means: not yet
            return False
        return True

    def _ended(self, process: psutil.Process) -> bool:
        """Whether it ends within 30 seconds."""
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            # Of a child that was killed the first thread is a zombie while others still hold its files and ports.
            if not self._is_child(process) and not processes.lives(process):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _last_words(self) -> Message:
        for file in (self._console_file, self.log_file):
            with contextlib.suppress(OSError):
                lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                if lines:
                    return message("The end of {file}:\n{lines}", file=file, lines="\n".join(lines[-_LOG_LINES_SHOWN:]))
        return message("It left no log in {folder}", folder=self.directory)
