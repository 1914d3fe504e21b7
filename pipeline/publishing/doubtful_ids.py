"""Ids of a file that probably do not mean what they say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gapwatch.pipeline.publishing.files.shape import Row

# So many ids are remembered: about 200 MB. Those of larger files are compared with the first so many.
_MAX_IDS = 1_000_000
_LINES_NAMED = 5
# What a spreadsheet makes of a long number, and its last digits are lost by that.
_SHORTENED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)


@dataclass
class Found:
    """How many rows, and the first of their lines."""

    rows: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.rows += 1
        if len(self.lines) < _LINES_NAMED:
            self.lines.append(line)


class DoubtfulIds:
    """The ids of a file that probably do not mean what they say.

    `copies` are rows that stand in the file before, `repeated` ids that stand before with other content; of these,
    `displacing` are of the same customer and channel, so that the last one stands for all. `shortened` are numbers that
    a spreadsheet has shortened, as 4.75E+15: several ids may have become one.
    """

    def __init__(self) -> None:
        self.copies, self.repeated, self.displacing, self.shortened = Found(), Found(), Found(), Found()
        self._contents: dict[int, int] = {}
        self._events: set[int] = set()

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, looked at as they pass."""
        for row in rows:
            if row.event_id:
                self._look_at(row)
            yield row

    def _look_at(self, row: Row) -> None:
        if _SHORTENED.fullmatch(row.event_id):
            self.shortened.add(row.line)
        known, event, content = hash(row.event_id), hash((row.event_id, row.of)), hash(row.value)
        if self._contents.get(known, content) != content:
            self.repeated.add(row.line)
            if event in self._events:
                self.displacing.add(row.line)
        elif known in self._contents:
            self.copies.add(row.line)
        if len(self._contents) < _MAX_IDS:
            self._contents.setdefault(known, content)
            self._events.add(event)
