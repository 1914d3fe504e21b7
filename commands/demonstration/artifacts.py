"""What the demo leaves to look at: a report, the live board, a picture of it."""

import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gapwatch.commands.demonstration.plan import HISTORY
from gapwatch.pipeline.endpoints import endpoints
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import ClickHouse

_BOARD_SECONDS = 60
_STOP_SECONDS = 5
_ADDRESS = re.compile(r"http://\S+")
_PICTURE_SIZE = "1440,1120"


class ServedBoard(NamedTuple):
    """A board in a process of its own."""

    address: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Return when it is gone. It may be waiting for an answer of ClickHouse, which is not waited for."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def write_report(folder: Path) -> Path:
    """The weekly report on the second of the demo's two weeks; it stays when the stack is gone."""
    from gapwatch.dashboards.report import Period, report  # noqa: PLC0415 - Plotly takes a second to load

    now = datetime.now(ZoneInfo(settings().time_zone))
    page = report(ClickHouse(endpoints().clickhouse), Period(now - HISTORY / 2, now), settings().locale)
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


def start_board(folder: Path, clickhouse: int) -> ServedBoard:
    """Serve the board until the process `clickhouse` ends; returns once it answers.

    Raises GapwatchError when it does not start.
    """
    log = folder / "board.log"
    command = [sys.executable, "-m", "gapwatch", "board", "--port", "0", "--until-end-of", str(clickhouse)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + _BOARD_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if address := _ADDRESS.search(log.read_text(encoding="utf-8")):
            return ServedBoard(address[0], process)
        time.sleep(0.2)
    process.kill()
    raise GapwatchError("the board did not start; its log: {log}", log=log)


def take_picture(folder: Path, address: str) -> Path:
    """The overview as it is now. Raises GapwatchError without Chromium."""
    from gapwatch.dashboards.browser import open_and  # noqa: PLC0415 - extra `board`

    file = folder / "board.png"
    open_and(f"--screenshot={file}", f"{address}d/gapwatch-overview", "--window-size=" + _PICTURE_SIZE)
    return file
