"""Chromium, where there is one: it prints the report and takes pictures of the board."""

import shutil
import subprocess
import tempfile

from gapwatch.pipeline.errors import GapwatchError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-pdf-header-footer")
# By the page's own clock, which stands still while it waits for an answer.
_DRAWN_MS = 10_000
_SECONDS = 120


def chromium() -> str | None:
    """The command, None where it is not installed."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def open_and(action: str, address: str, *options: str) -> None:
    """Open a page, wait until it is drawn and do what `action`, one of Chromium's options, says.

    Raises GapwatchError when there is no Chromium or it fails.
    """
    command = chromium()
    if command is None:
        raise GapwatchError("there is no Chromium; on Debian and Ubuntu: apt install chromium fonts-noto-cjk")
    with tempfile.TemporaryDirectory() as profile:
        arguments = [
            command,
            *_FLAGS,
            f"--user-data-dir={profile}",
            f"--virtual-time-budget={_DRAWN_MS}",
            action,
            *options,
        ]
        try:
            done = subprocess.run([*arguments, address], check=False, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise GapwatchError("{command} did not end within {seconds} s", command=command, seconds=_SECONDS) from None
    if done.returncode != 0:
        raise GapwatchError("{command} failed: {told}", command=command, told=done.stderr.strip()[-300:])
