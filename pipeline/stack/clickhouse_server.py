"""The ClickHouse of the local stack: `python -m pipeline.stack.clickhouse_server DIRECTORY`.

The engine in the `chdb-core` wheel is a whole ClickHouse that opens its native and HTTP listeners when asked to. It
reads `config.xml` of the working directory and runs as long as its last statement, which waits on a FIFO.
Exit codes: 0 stopped as asked, 1 failed, 3 another server owns the directory.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout

STOP_FIFO = "stop.fifo"
LOCK_FILE = "server.lock"
EXIT_FAILED = 1
EXIT_OWNED = 3

# The listeners live while the statement list runs, so the last statement waits: opening and closing the FIFO ends it.
_SERVE = f"""
SYSTEM START LISTEN TCP;
SYSTEM START LISTEN HTTP;
SELECT * FROM file('{STOP_FIFO}', LineAsString) SETTINGS max_execution_time = 0 FORMAT Null
"""  # noqa: S608 - both parts are constants


def _wake(*_: object) -> None:
    threading.Thread(target=lambda: Path(STOP_FIFO).open("w").close(), daemon=True).start()


def _serve(failures: list[str]) -> None:
    from chdb._chdb import query  # noqa: PLC0415 - half a gigabyte, loaded only when the directory is ours

    try:
        result = query(_SERVE, "CSV", path="data")
        if result.has_error():
            failures.append(result.error_message())
    except Exception as error:  # noqa: BLE001 - chdb raises several types; the process ends either way
        failures.append(str(error))


def run(directory: Path) -> int:
    """Serve the directory until SIGTERM or SIGINT. Returns the exit code."""
    os.chdir(directory)
    stop_asked = threading.Event()
    try:
        lock = FileLock(LOCK_FILE)
        lock.acquire(blocking=False)
    except Timeout:
        print(f"another ClickHouse runs on {directory}", file=sys.stderr)
        return EXIT_OWNED
    # Without this directory the engine's background merges never start.
    Path("data", "metadata").mkdir(parents=True, exist_ok=True)
    Path(STOP_FIFO).unlink(missing_ok=True)
    os.mkfifo(STOP_FIFO, 0o600)
    failures: list[str] = []

    def stop(*_: object) -> None:
        stop_asked.set()
        _wake()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server = threading.Thread(target=_serve, args=(failures,), daemon=True)
    server.start()
    while server.is_alive():
        server.join(1.0)  # short, so that signal handlers get their turn
    lock.release()
    if failures or not stop_asked.is_set():
        print(failures[0] if failures else "the server ended without being asked to", file=sys.stderr)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
