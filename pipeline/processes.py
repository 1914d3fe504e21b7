"""Processes of this machine: found by a mark on their command line, and ended with another."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import psutil


def find(mark: str, recorded: int | None = None) -> psutil.Process | None:
    """A running process of which an argument ends with `mark`; that of the id `recorded`, if it has the mark.

    A process id alone may be another's by now, and a clock that is set changes start times; the mark stays.
    """
    for process in _candidates(recorded):
        with contextlib.suppress(psutil.Error):
            if any(argument.endswith(mark) for argument in process.cmdline()):
                return process
    return None


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
        psutil.Process(pid).wait()
    if gracefully:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os._exit(1)
