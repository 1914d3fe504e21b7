"""The process that stops a stack when the one that it belongs to ends, however it ends; it runs `watch.py`."""

import contextlib
import os
import sys
from pathlib import Path

import psutil

from gapwatch.pipeline.hosting.processes import lives
from gapwatch.pipeline.stack.service import Service

# By as much a process's start time, as the system reports it, may move when the clock is adjusted.
_SAME_START_SECONDS = 2.0


class Keeper(Service):
    """The watcher of a data directory, and the record of the process that its stack belongs to."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__("keeper", data_dir / "keeper")

    @property
    def ports(self) -> list[int]:
        return []

    @property
    def log_file(self) -> Path:
        return self._console_file

    @property
    def owner(self) -> int | None:
        """The id of the process that the stack belongs to; None when it stays up by itself."""
        record = self._record()
        return None if record is None else record[0]

    def owner_process(self) -> psutil.Process | None:
        """The owner while it lives; its id may be another's later."""
        record = self._record()
        if record is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(record[0])
            if abs(process.create_time() - record[1]) < _SAME_START_SECONDS and lives(process):
                return process
        return None

    def watch(self, owner: int) -> None:
        """Record the owner and start watching it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._owner_file.write_text(f"{owner} {psutil.Process(owner).create_time()}", encoding="ascii")
        self.start(wait=False)

    def dismiss(self) -> None:
        """The stack belongs to nobody any more."""
        self._owner_file.unlink(missing_ok=True)
        if self.pid != os.getpid():
            self.stop()

    def prepare(self) -> None:
        pass

    def command(self) -> list[str]:
        return [sys.executable, "-P", "-m", "gapwatch.pipeline.stack.watch", self.marker]

    def probe(self) -> None:
        pass

    @property
    def _owner_file(self) -> Path:
        return self.directory / "owner"

    def _record(self) -> tuple[int, float] | None:
        try:
            pid, started = self._owner_file.read_text(encoding="ascii").split()
            return int(pid), float(started)
        except (OSError, ValueError):
            return None
