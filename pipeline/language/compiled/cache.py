"""Where machine code is kept for the next process: under `__pycache__`, or in NUMBA_CACHE_DIR.

Who can write there decides what a reader runs, so only what is ours or root's, and nobody else may write, is used.
"""

import hashlib
import logging
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)  # not structlog's, which writes to standard output until it is configured


@cache
def cache_directory() -> Path | None:
    """A directory for these very sources, made if it is missing; None where none can be made or others may write.

    numba looks for changes in a function's own file alone, not in those it calls into, so all sources name it.
    """
    package = Path(__file__).parents[1]
    sources = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(package.rglob("*.py")))).hexdigest()[:12]
    directory = Path(os.environ.get("NUMBA_CACHE_DIR") or package / "__pycache__") / sources
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o755, exist_ok=True)
        return directory if _is_trusted(directory.lstat(), directory) else None
    except OSError:
        return None


def read(file: Path) -> bytes | None:
    """A kept file; None where there is none, or one that others own or may write."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
            return opened.read() if _is_trusted(os.fstat(opened.fileno()), file) else None
    except OSError:
        return None


def write(file: Path, content: bytes) -> None:
    """Keep a file, whole or not at all, whoever else does the same; nothing happens where it cannot be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as unfinished:
            unfinished.write(content)
        Path(unfinished.name).replace(file)
    except OSError:
        pass


def _is_trusted(status: os.stat_result, path: Path) -> bool:
    if status.st_uid not in {0, os.geteuid()}:
        fault = f"belongs to user {status.st_uid}"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or stat.S_ISLNK(status.st_mode):
        fault = "can be written by others"
    else:
        return True
    log.warning(
        "Compiled code in %s is not used, because it %s. This process compiles its own, which takes some "
        "half a minute; delete it, or let NUMBA_CACHE_DIR name a directory of this user.",
        path,
        fault,
    )
    return False
