"""Publishing and checking whole files: what is wrong is listed by line, and a broken run goes on where it stopped."""

import hashlib
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.events.decode import Reason, Rejected, decode
from gapwatch.pipeline.publishing.event_files import Row
from gapwatch.pipeline.publishing.publisher import InvalidEventError, Publisher
from gapwatch.schemas.events import EVENT_TYPES, EventType

# A file is known by its beginning: appending to it does not make it another one.
_HEAD_BYTES = 64 * 1024
_ROWS_PER_SAVE = 1_000
# So many ids are remembered: about 200 MB. Those of larger files are compared with the first so many.
_MAX_IDS = 1_000_000
_LINES_NAMED = 5
# What a spreadsheet makes of a long number, and its last digits are lost by that.
_SHORTENED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)


class Rejects:
    """The rows that were not published: counted by reason, listed as they come, kept as JSON Lines in `sink`."""

    def __init__(self, tell: Callable[[str], object], sink: TextIO | None = None) -> None:
        self._tell = tell
        self._sink = sink
        self.reasons: Counter[Reason] = Counter()

    def add(self, row: Row, reason: Reason, detail: str) -> None:
        self.reasons[reason] += 1
        self._tell(f"line {row.line}: {reason}: {detail}")
        if self._sink:
            text = row.text.encode("utf-8", "replace").decode()
            kept = {"line": row.line, "reason": reason, "detail": detail, "row": text}
            self._sink.write(msgspec.json.encode(kept).decode() + "\n")


class DoubtfulIds:
    """The ids of a file that probably do not mean what they say: how many rows, and the first of their lines.

    `repeated` are ids that stand in an earlier row with other content; the later row will stand for both. `shortened`
    are numbers that a spreadsheet has shortened, as 4.75E+15: several ids may have become one.
    """

    def __init__(self) -> None:
        self.repeated = 0
        self.repeated_lines: list[int] = []
        self.shortened = 0
        self.shortened_lines: list[int] = []
        self._contents: dict[int, int] = {}

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, looked at as they pass."""
        for row in rows:
            if row.event_id:
                self._look_at(row)
            yield row

    def _look_at(self, row: Row) -> None:
        if _SHORTENED.fullmatch(row.event_id):
            self.shortened += 1
            self.shortened_lines += [row.line] if self.shortened <= _LINES_NAMED else []
        known, content = hash(row.event_id), hash(row.value)
        if len(self._contents) < _MAX_IDS:
            self._contents.setdefault(known, content)
        if self._contents.get(known, content) != content:
            self.repeated += 1
            self.repeated_lines += [row.line] if self.repeated <= _LINES_NAMED else []


class Bookmark:
    """How far a file has been published, in a file of its own under the data directory."""

    class _State(msgspec.Struct):
        file: str
        event_type: str
        head_bytes: int
        head_sha256: str
        line: int

    def __init__(self, file: Path, event_type: EventType, directory: Path) -> None:
        self._file = file.resolve()
        self._event_type = event_type
        name = hashlib.sha256(f"{event_type} {self._file}".encode()).hexdigest()[:16]
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
            raise PublishError(f"{self._file} is not the file that was published before; publish it without --resume")
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


def check_rows(event_type: EventType, rows: Iterable[Row], rejects: Rejects) -> int:
    """Check every row against the contract; returns how many are valid."""
    now = datetime.now(UTC)
    valid = 0
    for row in rows:
        try:
            _check_row(event_type, row, now)
        except Rejected as rejected:
            rejects.add(row, rejected.reason, _advice(event_type, row, rejected.reason, rejected.detail))
        else:
            valid += 1
    return valid


def _check_row(event_type: EventType, row: Row, now: datetime) -> None:
    if row.fault:
        raise row.fault
    decode(event_type, row.value, now)


def required_fields(event_type: EventType) -> frozenset[str]:
    """The fields that a file must give each event of this type; an absent `event_id` is made."""
    fields = msgspec.structs.fields(EVENT_TYPES[event_type])
    return frozenset(field.name for field in fields if field.required) - {"event_id"}


def _advice(event_type: EventType, row: Row, reason: Reason, detail: str) -> str:
    """The detail with what the publisher of a file can do."""
    if reason is Reason.MISSING_FIELD and detail.startswith("$.") and detail.count(".") == 1:
        found: dict[str, msgspec.Raw] = msgspec.json.decode(row.value, type=dict[str, msgspec.Raw])
        missing = ", ".join(sorted(required_fields(event_type) - found.keys()))
        return f"{missing} missing; the row has {', '.join(found)}. Use --map FIELD=COLUMN or --set FIELD=VALUE"
    if reason in {Reason.TIME_WITHOUT_OFFSET, Reason.TIME_UNPARSABLE}:
        return f"{detail}; a time without offset needs --timezone, as in --timezone Asia/Shanghai"
    if reason is Reason.WRONG_TYPE and detail.startswith("$.rating "):
        return "$.rating is no whole number from 1 to 5"
    return detail


def publish_rows(
    event_type: EventType, rows: Iterable[Row], publisher: Publisher, rejects: Rejects, bookmark: Bookmark | None = None
) -> int:
    """Publish the rows after the bookmark; returns how many Kafka acknowledged.

    The bookmark never passes a row that is not acknowledged, however the run ends.
    """
    run = _Run(publisher, bookmark)
    try:
        for row in rows:
            if bookmark and row.line <= bookmark.line:
                continue
            try:
                _publish_row(event_type, row, publisher)
            except InvalidEventError as invalid:
                rejects.add(row, invalid.reason, _advice(event_type, row, invalid.reason, invalid.detail))
                run.passed(row.line, published=False)
            else:
                run.passed(row.line, published=True)
        publisher.flush()
    finally:
        run.save()
    return run.acknowledged


def _publish_row(event_type: EventType, row: Row, publisher: Publisher) -> None:
    if row.fault:
        raise InvalidEventError(row.fault.reason, row.fault.detail)
    publisher.publish(row.value, event_type)


class _Run:
    """The line up to which every row is acknowledged or rejected."""

    def __init__(self, publisher: Publisher, bookmark: Bookmark | None) -> None:
        self.acknowledged = 0
        self._publisher = publisher
        self._acknowledged_before = publisher.acknowledged
        self._bookmark = bookmark
        self._waiting: deque[int] = deque()
        self._last = bookmark.line if bookmark else 0
        self._since_save = 0

    def passed(self, line: int, *, published: bool) -> None:
        self._last = line
        if published:
            self._waiting.append(line)
        self._since_save += 1
        if self._since_save == _ROWS_PER_SAVE:
            self.save()

    def save(self) -> None:
        self._since_save = 0
        acknowledged = self._publisher.acknowledged - self._acknowledged_before
        for _ in range(acknowledged - self.acknowledged):
            self._waiting.popleft()
        self.acknowledged = acknowledged
        if self._bookmark:
            self._bookmark.save(self._waiting[0] - 1 if self._waiting else self._last)
