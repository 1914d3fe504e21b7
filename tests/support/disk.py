"""The disk under ClickHouse's data, to be filled or made read-only: a file system of its own in memory.

Where mounts are not allowed there is none, and tests of it are skipped.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from gapwatch.pipeline.stack.clickhouse import KEPT_FREE_BYTES

_BYTES = 6 * 1024**3
_CHUNK = bytes(4 * 1024**2)
_CHUNKS_PER_SECOND = 50  # 200 MB/s, as a disk would be filled


class Disk:
    """Made before the server first starts; `close` when it has ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.mounted = _mount("-t", "tmpfs", "-o", f"size={_BYTES}", "none", str(directory))

    def close(self) -> None:
        if self.mounted:
            _unmount(str(self.directory))

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Somebody else's file takes the disk, to the last byte."""
        assert self._resize(shutil.disk_usage(self.directory).used + KEPT_FREE_BYTES + KEPT_FREE_BYTES // 2)
        filler = self.directory / "filler"
        try:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(_CHUNK):
                    time.sleep(1 / _CHUNKS_PER_SECOND)
            while not self._resize(shutil.disk_usage(self.directory).used):
                time.sleep(0.001)  # it holds more by now
            yield
        finally:
            assert self._resize(_BYTES)
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written, made or removed."""
        # A read-only view of the tables' directory on top of it: a remount would need every file closed.
        tables = str(self.directory / "store")
        assert _mount("--bind", tables, tables)
        try:
            while not _mount("-o", "remount,bind,ro", tables):
                time.sleep(0.001)  # a file was opened in between
            yield
        finally:
            _unmount(tables)

    def _resize(self, size: int) -> bool:
        return _mount("-o", f"remount,size={size}", str(self.directory))


def _mount(*arguments: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    return False


def _unmount(directory: str) -> None:
    subprocess.run(["umount", "--lazy", directory], check=True)
