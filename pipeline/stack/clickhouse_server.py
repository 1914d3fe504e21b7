"""The ClickHouse of the local stack: `python -m pipeline.stack.clickhouse_server gapwatch.service=DIRECTORY`.

The engine in the `chdb-core` wheel is a whole ClickHouse that opens its native and HTTP listeners when asked to. It
reads `config.xml` of the working directory and serves as long as its last statement, which waits for a FIFO.
"""

import os
import resource
import signal
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout

EXIT_FAILED = 1
EXIT_DIRECTORY_IN_USE = 3

_STOP_FIFO = Path("stop.fifo")
_JOIN_SECONDS = 1.0
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
            query(_SERVE, "TabSeparated", path="data")
        except RuntimeError as error:
            self._failure = str(error)

    def stop(self, *_: object) -> None:
        """Ask it to end; returns at once, for the FIFO opens only when the engine has come to read it."""
        self._stop_asked = True
        threading.Thread(target=lambda: _STOP_FIFO.open("w").close(), daemon=True).start()

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
    server = _Server()
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    server.start()
    while server.is_alive():
        server.join(_JOIN_SECONDS)  # returns now and then so that signal handlers get their turn
    if server.failure is not None:
        print(server.failure, file=sys.stderr)
        return EXIT_FAILED
    return 0


def _prepare() -> None:
    Path("data", "metadata").mkdir(parents=True, exist_ok=True)  # without it background merges never start
    _STOP_FIFO.unlink(missing_ok=True)
    os.mkfifo(_STOP_FIFO, 0o600)
    _allow_open_files()


def _allow_open_files() -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1].partition("=")[2])))
