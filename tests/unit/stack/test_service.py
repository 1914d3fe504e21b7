"""The process of a server, by one that stands in for it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gapwatch.pipeline.stack.service import Service

SLEEP = "import time; time.sleep(600)"
# As a server of many threads that is killed: the first is a zombie, another needs a moment yet.
END_SLOWLY = """
import ctypes, os, signal, threading, time
def end(*_):
    threading.Thread(target=lambda: (time.sleep(1), os._exit(0))).start()
    ctypes.CDLL(None).pthread_exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""


class Sleeper(Service):
    code = SLEEP

    @property
    def ports(self) -> list[int]:
        return [1]

    @property
    def log_file(self) -> Path:
        return self.directory / "log"

    def prepare(self) -> None: ...

    def command(self) -> list[str]:
        return [sys.executable, "-c", self.code, self.marker]

    def probe(self) -> None:
        raise ConnectionError


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Sleeper]:
    service = Sleeper("sleeper", tmp_path)
    service.start(wait=False)
    yield service
    service.kill()


def test_a_child_that_has_no_command_line_yet_has_not_ended(sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "cmdline", lambda _: [])
        assert sleeper.pid is not None
    sleeper.kill()
    assert sleeper.pid is None


def test_another_process_finds_it_by_its_command_line(sleeper: Sleeper) -> None:
    found = Sleeper("sleeper", sleeper.directory)
    assert found.pid == sleeper.pid
    found.stop()
    assert sleeper.pid is None


def test_one_that_was_stopped_holds_nothing_any_more(tmp_path: Path) -> None:
    service = Sleeper("slow", tmp_path)
    service.code = END_SLOWLY
    service.start(wait=False)
    pid = service.pid
    assert pid is not None
    while "ready" not in (tmp_path / "console.log").read_text():
        assert service.pid == pid
    service.stop()
    assert not psutil.pid_exists(pid)
