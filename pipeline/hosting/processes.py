"""Processes of this machine: found by a mark on their command line, and ended with another."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import psutil

_POLL_SECONDS = 0.2  # a look takes 0.1 ms


def find(mark: str, recorded: int | None = None) -> psutil.Process | None:
    """A running process of which an argument ends with `mark`; that of the id `recorded`, if it has the mark.

    A process id alone may be another's by now, and a clock that is set changes start times; the mark stays.
    """
    for process in _candidates(recorded):
        with contextlib.suppress(psutil.Error):
            if any(argument.endswith(mark) for argument in process.cmdline()):
                return process
    return None


def lives(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: its parent may never ask for it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def wait_for_end(process: psutil.Process) -> None:
    """Return when it has ended. psutil's own wait goes on while it is a zombie."""
    while lives(process):
        time.sleep(_POLL_SECONDS)


def end_with(pid: int, *, gracefully: bool = True) -> None:
    """From now on, end this process when the process `pid` ends, however that ends; at once when there is none.

    `gracefully` as SIGTERM does; else this instant, whatever is at work. A parent hands its id to the child: the system
    would name another process once the parent has ended.
    """
    threading.Thread(target=_end_after, args=(pid, gracefully), name="owner", daemon=True).start()


def _candidates(recorded: int | None) -> Iterator[psutil.Process]:
    if recorded is not None:
        with contextlib.suppress(ValueError, psutil.Error):
            yield psutil.Process(recorded)
    yield from psutil.process_iter()


def _end_after(pid: int, gracefully: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        wait_for_end(psutil.Process(pid))
    if gracefully:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os._exit(1)
