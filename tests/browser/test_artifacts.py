"""What the demo leaves to look at."""

import subprocess
import sys
import urllib.request

import pytest
from support.sample_history import store, story, usual
from support.waiting import eventually

from gapwatch.commands.demonstration import artifacts
from gapwatch.dashboards.browser import chromium
from gapwatch.pipeline.errors import GapwatchError

pytestmark = pytest.mark.browser


@pytest.fixture
def owner():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def test_the_board_answers_at_once_and_ends_with_clickhouse(database, kafka, owner, tmp_path):
    store(database, usual(days=3) + story())
    address, _ = artifacts.start_board(tmp_path, owner.pid)
    with urllib.request.urlopen(address) as answer:
        assert "服务差距总览" in answer.read().decode()
    if chromium():
        assert artifacts.take_picture(tmp_path, address).read_bytes().startswith(b"\x89PNG")
    owner.kill()
    owner.wait()
    eventually(lambda: not _answers(address))


def test_a_board_that_is_stopped_is_gone(database, kafka, owner, tmp_path):
    board = artifacts.start_board(tmp_path, owner.pid)
    board.stop()
    assert board.process.returncode is not None
    assert not _answers(board.address)


def _answers(address):
    try:
        urllib.request.urlopen(address).close()
    except OSError:
        return False
    return True


def test_the_report_is_one_file(database, kafka, tmp_path):
    store(database, story())
    assert "<html" in artifacts.write_report(tmp_path).read_text(encoding="utf-8")


def test_a_board_that_cannot_start_is_told(settings_env, owner, tmp_path):
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "nonsense")
    with pytest.raises(GapwatchError, match=r"did not start; its log: .*board\.log"):
        artifacts.start_board(tmp_path, owner.pid)
