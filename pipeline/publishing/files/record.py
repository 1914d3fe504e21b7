"""What the readers of files hand on: one record a row, whatever the format, and how a file is to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.decode import Rejected

FileFormat = Literal["jsonl", "json", "csv", "transcript"]

# What stands around cells without being seen: every blank, and characters of no width.
UNSEEN = (
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u2060\u3000\ufeff\u180e"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f"
)


class FileError(GapwatchError):
    """A file cannot be read as events at all."""


class Record(NamedTuple):
    """One row of a file, before its fields become those of the contract.

    `line` is where it starts, counted from 1, and `text` what stands there. `fields` are by the names of the file: text
    from a table, typed values from a spreadsheet, `msgspec.Raw` from JSON. `value` is its JSON as it stands, where the
    file is JSON. `fault` tells why it has no fields, where the file itself is broken; `skipped` why it is no event,
    where that is as it should be: a line of sums, say. `rows` is of how many rows it was made, `part` the
    sheet or the file within an archive that it stands in.
    """

    line: int
    text: str
    fields: Mapping[str, Any] = {}
    value: bytes | None = None
    fault: Rejected | None = None
    skipped: str = ""
    rows: int = 1
    part: str = ""


@dataclass(frozen=True)
class Expected:
    """What a file should hold.

    `columns` are names that it must have; `fields` are fields of the contract that nothing else fills, so that it must
    have columns of those names; `needed` are the columns that no event can do without; `known` are all names that the
    contract gives a meaning.
    """

    columns: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()

    @property
    def wanted(self) -> frozenset[str]:
        return self.columns | self.fields


@dataclass(frozen=True)
class Reading:
    """How a file is to be read, where it is not left to be found out.

    `sheet` is of a spreadsheet, `member` of an archive, `header_row` the line that names the columns, counted from 1,
    `records` the path to the list of records in a JSON document, as `data.items`, `begins` an expression for the line
    that begins a conversation in a transcript.
    """

    file_format: FileFormat | None = None
    encoding: str | None = None
    sheet: str | None = None
    member: str | None = None
    header_row: int | None = None
    records: str | None = None
    begins: str | None = None
    expected: Expected = field(default_factory=Expected)
