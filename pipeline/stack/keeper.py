"""Stops a stack when the process that it belongs to ends: `python -m pipeline.stack.keeper DATA_DIR`.

Kafka and ClickHouse are not told when their launcher is killed with SIGKILL; this small process is there for that.
"""

import contextlib
import os
import sys
from pathlib import Path

import psutil

from pipeline.stack.service import Service

# The start time that the system reports for a process moves by as much when the clock is set.
_SAME_START_SECONDS = 2.0


class Keeper(Service):
    """The watcher of one data directory and the record of whom its stack belongs to."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__("keeper", data_dir / "keeper")
        self._data_dir = data_dir

    @property
    def address(self) -> str:
        return ""

    @property
    def marker(self) -> str:
        return str(self.directory)

    @property
    def log_file(self) -> Path:
        return self.directory / "keeper.log"

    @property
    def owner(self) -> int | None:
        """The process the stack belongs to, None when it belongs to nobody and stays."""
        record = self._read_owner()
        return None if record is None else record[0]

    @property
    def owner_lives(self) -> bool:
        """Whether that process is still there."""
        return self.owner_process() is not None

    def owner_process(self) -> psutil.Process | None:
        """The owner, None when it has ended (and its id may be another's by now)."""
        record = self._read_owner()
        with contextlib.suppress(psutil.NoSuchProcess):
            if record is not None:
                process = psutil.Process(record[0])
                same = abs(process.create_time() - record[1]) < _SAME_START_SECONDS
                if same and process.status() != psutil.STATUS_ZOMBIE:
                    return process
        return None

    def watch(self, owner: int) -> None:
        """Bind the stack to a process and start watching it, unless that is so already."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.owner != owner:
            self._owner_file.write_text(f"{owner} {psutil.Process(owner).create_time()}", encoding="ascii")
        self.start(wait=False)

    def dismiss(self) -> None:
        """The stack belongs to nobody any more."""
        self._owner_file.unlink(missing_ok=True)
        if self.pid != os.getpid():
            self.stop()

    def prepare(self) -> None: ...

    def command(self) -> list[str]:
        return [sys.executable, "-m", "pipeline.stack.keeper", self.marker]

    def probe(self) -> None: ...

    @property
    def _owner_file(self) -> Path:
        return self.directory / "owner"

    def _read_owner(self) -> tuple[int, float] | None:
        try:
            pid, started = self._owner_file.read_text(encoding="ascii").split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid), float(started)


def main(directory: Path) -> None:
    """Wait for the end of the owner, then stop the stack."""
    from pipeline.stack.local import LocalStack  # noqa: PLC0415 - which imports this module

    data_dir = directory.parent
    owner = Keeper(data_dir).owner_process()
    if owner is not None:
        owner.wait()
    LocalStack(data_dir).down()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
