"""The disk under ClickHouse's data, to be filled or made read-only.

Where mounts are allowed it is a file system of its own in memory, and the faults are real ones. Elsewhere the server
may let no file grow, which is as a full disk is to it.
"""

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from pipeline.stack.clickhouse import ClickHouse

BYTES = 6 * 1024**3


class Disk:
    """Made before the server first starts; `close` when it has ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.mounted = _mount("-t", "tmpfs", "-o", f"size={BYTES}", "none", str(directory))

    def close(self) -> None:
        if self.mounted:
            _unmount(str(self.directory))

    @contextlib.contextmanager
    def full(self, server: ClickHouse) -> Iterator[None]:
        """No byte is free."""
        if not self.mounted:
            with _no_growth(server):
                yield
            return
        while not _mount("-o", f"remount,size={self._used()}", str(self.directory)):
            time.sleep(0.001)  # it holds more by now
        try:
            yield
        finally:
            assert _mount("-o", f"remount,size={BYTES}", str(self.directory))

    @contextlib.contextmanager
    def read_only(self, server: ClickHouse) -> Iterator[None]:
        """Nothing can be written, made or removed."""
        if not self.mounted:
            with _no_growth(server):
                yield
            return
        # A read-only view of the tables' directory on top of it: a remount would need every file closed.
        tables = str(self.directory / "store")
        assert _mount("--bind", tables, tables)
        assert _mount("-o", "remount,bind,ro", tables)
        try:
            yield
        finally:
            _unmount(tables)

    def _used(self) -> int:
        """Bytes; a size of 0 would mean without a limit, so there is always one block."""
        found = os.statvfs(self.directory)
        return max(1, found.f_blocks - found.f_bfree) * found.f_frsize


def _mount(*arguments: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    return False


def _unmount(directory: str) -> None:
    subprocess.run(["umount", "--lazy", directory], check=True)


@contextlib.contextmanager
def _no_growth(server: ClickHouse) -> Iterator[None]:
    process = psutil.Process(server.pid)
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.rlimit(resource.RLIMIT_FSIZE, before)
