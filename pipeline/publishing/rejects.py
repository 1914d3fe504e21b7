"""The rows of a file that were not published: told, counted and kept."""

from collections import Counter
from collections.abc import Callable
from typing import TextIO

import msgspec

from gapwatch.pipeline.events.decode import Reason
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.words.catalogue import message


class Rejects:
    """The rows that were not published: counted by reason, listed as they come, kept as JSON Lines in `sink`."""

    def __init__(self, tell: Callable[[str], object], sink: TextIO | None = None) -> None:
        self._tell = tell
        self._sink = sink
        self.reasons: Counter[Reason] = Counter()
        self.skipped = 0

    def add(self, row: Row, reason: Reason, detail: str) -> None:
        self.reasons[reason] += 1
        self._tell(message("line {line}: {reason}: {detail}", line=row.line, reason=str(reason), detail=detail))
        self._keep(row, reason, detail)

    def skip(self, row: Row) -> None:
        """Count and tell of a row that is no event, as it should be."""
        self.skipped += 1
        self._tell(message("line {line}: passed over: {why}", line=row.line, why=row.skipped))
        self._keep(row, "passed_over", row.skipped)

    def _keep(self, row: Row, reason: str, detail: str) -> None:
        if self._sink:
            text = row.text.encode("utf-8", "replace").decode()
            kept = {"line": row.line, "reason": reason, "detail": str(detail), "row": text}
            self._sink.write(msgspec.json.encode(kept).decode() + "\n")
