"""Who looked at raw records, and when: one line of JSON each, in the data directory, readable by its owner only."""

import getpass
import os
import socket
from datetime import UTC, datetime

import msgspec

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.settings import settings

AUDIT_FILE = "audit.jsonl"
"""In the data directory. Lines are appended, never changed."""


class Entry(msgspec.Struct):
    """Who did what to which record, and when."""

    at: datetime
    who: str
    host: str
    action: str
    subject: str


def note(action: str, subject: str) -> Entry:
    """Append an entry, before the action. Raises GapwatchError where it cannot be written: nothing is done unseen."""
    entry = Entry(datetime.now(UTC), _who(), socket.gethostname(), action, subject)
    file = settings().data_dir / AUDIT_FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as handle:
            handle.write(msgspec.json.encode(entry) + b"\n")
    except OSError as error:
        raise GapwatchError(
            "{action} must be noted in {file}, which cannot be written: {problem}",
            action=action,
            file=file,
            problem=error.strerror,
        ) from None
    return entry


def _who() -> str:
    """The user, and behind sudo also who that was."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    before = os.environ.get("SUDO_USER")
    return f"{before} as {user}" if before else user
