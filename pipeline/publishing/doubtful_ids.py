"""Ids of a file that probably do not mean what they say."""

import re
from collections.abc import Iterable, Iterator

from gapwatch.pipeline.publishing.files.shape import Row

# So many ids are remembered: about 200 MB. Those of larger files are compared with the first so many.
_MAX_IDS = 1_000_000
_LINES_NAMED = 5
# What a spreadsheet makes of a long number, and its last digits are lost by that.
_SHORTENED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)


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
