"""How far a file has been published, so that a broken run goes on where it stopped."""

import hashlib
import os
from pathlib import Path

import msgspec

from gapwatch.pipeline.errors import PublishError
from gapwatch.schemas.events import EventType

# A file is known by its beginning: appending to it does not make it another one.
_HEAD_BYTES = 64 * 1024


class Bookmark:
    """How far a file has been published, in a file of its own under the data directory."""

    class _State(msgspec.Struct):
        file: str
        event_type: str
        head_bytes: int
        head_sha256: str
        line: int

    def __init__(self, file: Path, event_type: EventType, directory: Path, part: str = "") -> None:
        """`part` is what of the file is published, where it holds several sheets or files."""
        self._file = file.resolve()
        self._event_type = event_type
        name = hashlib.sha256(f"{event_type} {self._file} {part}".rstrip().encode()).hexdigest()[:16]
        self._path = directory / "publish" / f"{name}.json"
        self._head = self._read_head(_HEAD_BYTES)
        self.line = 0

    def resume(self) -> None:
        """Take up the line that an earlier run reached; 0 where there was none.

        Raises PublishError when the file is no longer the same.
        """
        if not self._path.exists():
            return
        state = msgspec.json.decode(self._path.read_bytes(), type=self._State)
        if _sha256(self._read_head(state.head_bytes)) != state.head_sha256:
            raise PublishError(
                "{file} is not the file that was published before; publish it without --resume", file=self._file
            )
        self.line = state.line

    def save(self, line: int) -> None:
        self.line = line
        state = self._State(str(self._file), self._event_type, len(self._head), _sha256(self._head), line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self._path)

    def _read_head(self, size: int) -> bytes:
        with self._file.open("rb") as stream:
            return stream.read(size)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
