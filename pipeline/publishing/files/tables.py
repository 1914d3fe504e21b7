"""Records of delimited text, such as CSV. A broken row costs only itself."""

import csv
import io
from collections import deque
from collections.abc import Callable, Generator, Iterator

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.encodings import UNDECODABLE, is_utf8_within
from gapwatch.pipeline.publishing.files.header import (
    ROWS_SEARCHED,
    HeaderFit,
    best_row,
    chosen_row,
    columns_of,
    fit,
    fits_wholly,
    stripped,
    why_skipped,
)
from gapwatch.pipeline.publishing.files.record import FileError, Reading, Record
from gapwatch.pipeline.words.catalogue import message

DELIMITERS = ",\t;|"
# A cell may hold a whole chat; csv's own limit is 128 KiB.
csv.field_size_limit(8 * 1024**2)
LONGEST_LINE = 16 * 1024**2


def table_records(
    text: io.TextIOWrapper, name: str, reading: Reading, tell: Callable[[str], object]
) -> Generator[Record]:
    """The rows of a table below the row that names its columns; blank lines are passed over.

    Raises FileError when no row can be used as header.
    """
    lines = Lines(bounded_lines(text, name))
    delimiter = _to_header(lines, reading, tell)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns = _columns(reader, name, reading)
    while True:
        lines.forget()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(lines.start, lines.first, fault=_not_csv(lines, str(error)))
            lines.put_back(keep=1)
            continue
        cells = stripped(cells)
        if any(cells):
            yield _record(lines, columns, cells, text.encoding, reading)


def bounded_lines(text: io.TextIOBase, name: str) -> Iterator[str]:
    """The lines of a text, none longer than memory should hold.

    Raises FileError at a longer one.
    """
    for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE), ""), 1):
        if len(line) == LONGEST_LINE:
            raise FileError(
                "line {line} of {name} is longer than {most} characters: this is no file of rows",
                line=number,
                name=name,
                most=f"{LONGEST_LINE:,}",
            )
        yield line


def _to_header(lines: "Lines", reading: Reading, tell: Callable[[str], object]) -> str:
    """Go on to the line that names the columns; returns the delimiter."""
    fits: dict[str, list[HeaderFit]] = {delimiter: [] for delimiter in DELIMITERS}
    number = 0
    for number, line in enumerate(lines, 1):
        for delimiter, found in fits.items():
            found.append(fit(_split(line, delimiter), reading.expected))
        if _is_far_enough(number, [found[-1] for found in fits.values()], reading):
            break
    lines.put_back()
    if not number:
        return DELIMITERS[0]
    row = chosen_row(number, reading)
    delimiter = max(DELIMITERS, key=lambda one: max(fits[one]) if row is None else fits[one][row])
    row = best_row(fits[delimiter]) if row is None else row
    before = [next(lines) for _ in range(row)]
    if any(stripped(before)):
        tell(message("line {line} names the columns; the lines before it are no rows", line=row + 1))
    lines.forget()
    return delimiter


def _is_far_enough(number: int, fits: list[HeaderFit], reading: Reading) -> bool:
    if reading.header_row:
        return number == reading.header_row
    return number == ROWS_SEARCHED or any(fits_wholly(found, reading.expected) for found in fits)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return stripped(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return []


def _columns(reader: Iterator[list[str]], name: str, reading: Reading) -> list[str]:
    try:
        return columns_of(next(reader, []), name, reading.expected)
    except csv.Error as error:
        raise FileError("the first line of {name} names no columns: {error}", name=name, error=error) from None


def _not_csv(lines: "Lines", error: str) -> Rejected:
    if lines.count == 1:
        detail = message("{error}; a quotation mark within a quoted cell is written twice", error=error)
    else:
        detail = message(
            "a quotation mark that opens here is not closed properly; it spans {count} lines, up to line {last}, which "
            "are read again one by one",
            count=lines.count,
            last=lines.number,
        )
    return Rejected(Reason.NOT_CSV, detail)


def _record(lines: "Lines", columns: list[str], cells: list[str], encoding: str, reading: Reading) -> Record:
    record = Record(lines.start, lines.text)
    if any(cells[len(columns) :]) or (len(cells) < len(columns) and lines.count > 1):
        first = lines.first
        detail = _other_cells(len(cells), len(columns), lines.count)
        # A quotation mark too many or too few may have swallowed whole rows.
        lines.put_back(keep=1)
        return record._replace(text=first, fault=Rejected(Reason.NOT_CSV, detail))
    if UNDECODABLE.search(record.text) or is_utf8_within(record.text, encoding):
        return record._replace(fault=Rejected(Reason.NOT_UTF8, _undecodable(record.text, encoding)))
    if skipped := why_skipped(cells, columns, reading.expected):
        return record._replace(skipped=skipped)
    return record._replace(fields=dict(zip(columns, cells, strict=False)))  # empty cells at the end may be absent


def _other_cells(cells: int, columns: int, lines: int) -> str:
    if lines == 1:
        return message("{cells} cells under {columns} columns", cells=cells, columns=columns)
    return message(
        "{cells} cells under {columns} columns, over {lines} lines, which are read again one by one; a quotation mark "
        "may be missing",
        cells=cells,
        columns=columns,
        lines=lines,
    )


def _undecodable(text: str, encoding: str) -> str:
    place = UNDECODABLE.search(text)
    if place is None:
        return message("this line is UTF-8, the file is {encoding}", encoding=encoding)
    byte = len(text[: place.start()].encode(encoding, "surrogateescape"))
    return message("byte {byte} of the line is not {encoding}", byte=byte + 1, encoding=encoding.removesuffix("-sig"))


class Lines:
    """The lines of a text, counted, and remembered until told to forget: what the current row of a table is."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._seen: list[str] = []
        self._waiting: deque[str] = deque()
        self.number = 0
        self.start = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self._seen.append(line)
        self.number += 1
        return line

    def put_back(self, keep: int = 0) -> None:
        """Let all remembered lines but the first `keep` come again."""
        again = self._seen[keep:]
        self._waiting.extendleft(reversed(again))
        self.number -= len(again)
        del self._seen[keep:]

    def forget(self) -> None:
        self._seen.clear()
        self.start = self.number + 1

    @property
    def count(self) -> int:
        return len(self._seen)

    @property
    def first(self) -> str:
        return self._seen[0].rstrip("\r\n")

    @property
    def text(self) -> str:
        return "".join(self._seen).rstrip("\r\n")
