"""The ClickHouse of the local stack: `python -m gapwatch.pipeline.stack.clickhouse_server gapwatch.service=DIRECTORY`.

The engine in the `chdb-core` wheel is a whole ClickHouse that opens its native and HTTP listeners when asked to. It
reads `config.xml` of the working directory and serves as long as its last statement, which waits for a FIFO.

This build takes no notice of a write that fails: where a ClickHouse server gives up the insert or the merge, it goes on
and commits a part of empty files. So it must not meet a full disk: it starts nothing new with less than
KEPT_FREE_BYTES free, and is ended in mid-work, as by a kill, with less than half of that. What it had merged wrongly by
then it finds broken when it starts again, and takes the parts that were merged, which it keeps for eight minutes.
"""

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from gapwatch.pipeline.stack.clickhouse import KEPT_FREE_BYTES

EXIT_FAILED = 1
EXIT_DIRECTORY_IN_USE = 3

_STOP_FIFO = Path("stop.fifo")
_DATA = "data"
_WATCH_SECONDS = 0.1  # half of the reserve lasts longer than that at 1 GB/s
_LOCK_SECONDS = 3.0  # a killed server of many threads holds its files for a moment after it has gone
_OPEN_FILES = 65_536  # a part of a table has dozens; the usual soft limit of 1,024 is for shells

# The listeners live while the statement list runs. Opening and closing the FIFO ends its last statement.
_SERVE = f"""
SYSTEM START LISTEN TCP;
SYSTEM START LISTEN HTTP;
SELECT * FROM file('{_STOP_FIFO}', LineAsString) SETTINGS max_execution_time = 0 FORMAT Null
"""  # noqa: S608 - both parts are constants


class _Server(threading.Thread):
    """The engine in a thread of its own: it takes no notice of signals, the main thread does."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stop_asked = False
        self._failure = "the server ended without being asked to"

    def run(self) -> None:
        # Half a gigabyte, so it is loaded only when the directory is ours; the public entry refuses to listen.
        from chdb._chdb import query  # type: ignore[attr-defined]  # noqa: PLC0415

        try:
            query(_SERVE, "TabSeparated", path=_DATA)
        except RuntimeError as error:
            self._failure = str(error)

    def stop(self, *_: object) -> None:
        """Ask it to end; returns at once, for the FIFO opens only when the engine has come to read it."""
        self._stop_asked = True
        threading.Thread(target=lambda: _STOP_FIFO.open("w").close(), daemon=True).start()

    @property
    def serves(self) -> bool:
        return self.is_alive() and not self._stop_asked

    @property
    def failure(self) -> str | None:
        return None if self._stop_asked else self._failure


def serve(directory: Path) -> int:
    """Serve the directory until SIGTERM or SIGINT; returns the exit code."""
    os.chdir(directory)
    lock = FileLock("server.lock")  # the engine itself would return from a second start without an error
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        print(f"another ClickHouse serves {directory}", file=sys.stderr)
        return EXIT_DIRECTORY_IN_USE
    _prepare()
    data = Path(_DATA).resolve()  # the engine changes the working directory while it starts
    _wait_for_space(data)
    server = _Server()
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    server.start()
    while server.is_alive():
        server.join(_WATCH_SECONDS)
        if server.serves and shutil.disk_usage(data).free < KEPT_FREE_BYTES // 2:
            _begin_anew()
    if server.failure is not None:
        print(server.failure, file=sys.stderr)
        return EXIT_FAILED
    return 0


def _prepare() -> None:
    Path(_DATA, "metadata").mkdir(parents=True, exist_ok=True)  # without it background merges never start
    _STOP_FIFO.unlink(missing_ok=True)
    os.mkfifo(_STOP_FIFO, 0o600)
    _allow_open_files()


def _wait_for_space(data: Path) -> None:
    if shutil.disk_usage(data).free < KEPT_FREE_BYTES:
        print(f"no start before {KEPT_FREE_BYTES >> 20} MB are free in {data}", file=sys.stderr, flush=True)
    while shutil.disk_usage(data).free < KEPT_FREE_BYTES:
        time.sleep(_WATCH_SECONDS)


def _begin_anew() -> None:
    """End the engine this instant, and serve again, under the same process id, when there is space."""
    for descriptor in (int(entry.name) for entry in Path("/dev/fd").iterdir()):
        if descriptor > sys.stderr.fileno():
            with contextlib.suppress(OSError):  # closed by now, as the one that listed them
                fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


def _allow_open_files() -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1].partition("=")[2])))
