"""Records of a workbook: the sheet that holds them, the row that names their columns, and cells as text."""

import contextlib
import io
import itertools
import re
import threading
import zipfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from gapwatch.pipeline.publishing.files.containers import BROKEN, LARGEST_WORKBOOK, Content
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

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

# A sheet is held as a rectangle of cells, filled or not, of some 32 bytes each.
MOST_CELLS = 30_000_000
# A spreadsheet keeps so many digits of a number; an id with more has lost the others.
_KEPT_DIGITS = 15
_HALF_A_MILLISECOND = timedelta(microseconds=500)
_ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\br=["'](\d{1,9})""")
_FAR_COLUMN = re.compile(rb"""\br=["']([A-Z]{2,3})\d""")
_CHUNK = 1024**2
# How long reading a workbook may take, many times what it takes.
_SECONDS = 30.0
_BYTES_A_SECOND = 256 * 1024
_OVERLAP = 256

Cell = str | int | float | bool | date | time | timedelta


def spreadsheet_records(
    content: Content, name: str, reading: Reading, tell: Callable[[str], object]
) -> Generator[Record]:
    """The rows of the sheet that was named, or of the one that holds the columns that are expected.

    Raises FileError where the workbook cannot be read, or it is not told which sheet holds the rows.
    """
    if content.kind == "xlsx":
        _check_size(content.stream, name)
    with contextlib.closing(_workbook(content.stream, name)) as workbook:
        sheet, rows = _sheet(workbook, name, reading)
        tell(message("sheet {sheet}", sheet=sheet.name))
        yield from _records(rows, sheet.name, name, reading, tell)


def _records(rows: "_Rows", sheet: str, name: str, reading: Reading, tell: Callable[[str], object]) -> Iterator[Record]:
    header = rows.header(reading)
    if header:
        tell(message("line {line} names the columns; the lines before it are no rows", line=header + 1))
    cells_of = iter(rows)
    columns = columns_of(next(itertools.islice(cells_of, header, None), []), name, reading.expected)
    for line, cells in enumerate(cells_of, header + 2):
        if any(cells):
            record = Record(line, "\t".join(cells).rstrip("\t"), part=sheet)
            skipped = why_skipped(cells, columns, reading.expected)
            yield (
                record._replace(skipped=skipped)
                if skipped
                else record._replace(fields=dict(zip(columns, cells, strict=False)))
            )
    for column in sorted(rows.shortened):
        tell(
            message(
                "numbers in column {column} have lost digits beyond the 15th; keep ids as text in the spreadsheet",
                column=columns[column] if column < len(columns) else column + 1,
            )
        )


def _workbook(stream: "io.BufferedReader[Any]", name: str) -> "CalamineWorkbook":
    try:
        from python_calamine import load_workbook  # noqa: PLC0415 - an extra, needed for workbooks alone
    except ModuleNotFoundError:
        raise FileError(
            "{name} is a workbook: pip install 'gapwatch[spreadsheets]', or save it as CSV", name=name
        ) from None
    stream.seek(0)
    with _faults_of_the_library(name):
        data = stream.read(LARGEST_WORKBOOK)
        return _in_time(lambda: load_workbook(io.BytesIO(data)), len(data))


def _in_time(read: "Callable[[], CalamineWorkbook]", size: int) -> "CalamineWorkbook":
    """What `read` returns or raises. A damaged workbook can keep the library going without end: it is given up then.

    Raises TimeoutError.
    """
    done: Future[CalamineWorkbook] = Future()

    def run() -> None:
        try:
            done.set_result(read())
        except BaseException as error:  # noqa: BLE001 - a panic of Rust too is for the caller
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()  # nothing else ends with the process while it goes on
    return done.result(_SECONDS + size / _BYTES_A_SECOND)


@contextlib.contextmanager
def _faults_of_the_library(name: str) -> Iterator[None]:
    """What the library raises about a file, as FileError; a panic of its Rust is no Exception."""
    from python_calamine import CalamineError, PasswordError  # noqa: PLC0415 - see above

    try:
        yield
    except PasswordError:
        raise _unreadable(name, message("it is protected by a password")) from None
    except TimeoutError:
        raise _unreadable(name, message("it is damaged")) from None
    except (CalamineError, OSError, ValueError) as error:
        raise _unreadable(name, str(error)) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(name, str(error)) from None


def _unreadable(name: str, why: str) -> FileError:
    return FileError("{name} cannot be read as a workbook: {why}. Save it anew as .xlsx", name=name, why=why)


def _check_size(stream: "io.BufferedReader[Any]", name: str) -> None:
    """Raises FileError where a workbook would need more memory than it should, which the library does not survive."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_WORKBOOK:
                raise _too_large(name)
            for member in archive.infolist():
                with archive.open(member) as part:
                    _check_cells(part, member.filename, name)
    except BROKEN as error:
        raise _unreadable(name, str(error)) from None


def _check_cells(part: Any, member: str, name: str) -> None:
    rows, columns = 1, 26
    rest = b""
    for chunk in iter(lambda: part.read(_CHUNK), b""):  # also of parts without cells, since their checksum is checked
        data = rest + chunk
        rest = data[-_OVERLAP:]
        if member.startswith("xl/") and not member.endswith("sharedStrings.xml"):
            rows = max(rows, *map(int, _ROW.findall(data)), 0)
            columns = max(columns, *map(_column_number, set(_FAR_COLUMN.findall(data))), 0)
    if rows * columns > MOST_CELLS:
        raise _too_large(name)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _too_large(name: str) -> FileError:
    return FileError(
        "{name} is too large a workbook: a sheet of at most {cells} cells, empty ones within it counted, is read; "
        "save it as CSV",
        name=name,
        cells=f"{MOST_CELLS:,}",
    )


def _sheet(workbook: "CalamineWorkbook", name: str, reading: Reading) -> "tuple[CalamineSheet, _Rows]":
    from python_calamine import SheetVisibleEnum  # noqa: PLC0415 - see above

    with _faults_of_the_library(name):
        names = [one.name for one in workbook.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
        if reading.sheet is not None:
            names = [one for one in workbook.sheet_names if one == reading.sheet]
        sheets = [sheet for sheet in map(workbook.get_sheet_by_name, names) if sheet.start is not None]
        found = [(sheet, _Rows(sheet)) for sheet in sheets]
    if len(found) > 1 and reading.expected.wanted:
        found = [one for one in found if one[1].fits_wholly(reading)] or found
    if len(found) == 1:
        return found[0]
    raise FileError(
        "{name} has the sheets {sheets}; name the one that holds the rows with --sheet NAME",
        name=name,
        sheets=", ".join(workbook.sheet_names),
    )


class _Rows:
    """The rows of a sheet as text, from its first line on."""

    def __init__(self, sheet: "CalamineSheet") -> None:
        self._sheet = sheet
        self.shortened: set[int] = set()
        self._first = [self._texts(cells) for cells in itertools.islice(sheet.iter_rows(), ROWS_SEARCHED)]

    def __iter__(self) -> Iterator[list[str]]:
        merged = _Merged(self._sheet)
        for line, cells in enumerate(self._sheet.iter_rows()):
            yield self._texts(merged.filled(line, cells))

    def fits_wholly(self, reading: Reading) -> bool:
        return any(fits_wholly(found, reading.expected) for found in self._fits(reading))

    def header(self, reading: Reading) -> int:
        """Which row names the columns, counted from 0."""
        row = chosen_row(self._sheet.total_height + 1, reading)
        return best_row(self._fits(reading)) if row is None else row

    def _fits(self, reading: Reading) -> list[HeaderFit]:
        return [fit(cells, reading.expected) for cells in self._first]

    def _texts(self, cells: list[Any]) -> list[str]:
        for number, cell in enumerate(cells):
            if isinstance(cell, float) and abs(cell) >= 10**_KEPT_DIGITS:
                self.shortened.add(number)
        return stripped([cell_text(cell) for cell in cells])


class _Merged:
    """Cells merged over several rows: their value is that of each of the rows."""

    def __init__(self, sheet: "CalamineSheet") -> None:
        self._until: dict[int, tuple[int, Any]] = {}
        self._begin: dict[int, list[tuple[int, int]]] = {}
        first_column = sheet.start[1] if sheet.start else 0
        for (row, column), (last_row, _) in sheet.merged_cell_ranges or []:
            if last_row > row:
                self._begin.setdefault(row, []).append((column - first_column, last_row))

    def filled(self, row: int, cells: list[Any]) -> list[Any]:
        for column, (last, value) in self._until.items():
            if row <= last and column < len(cells):
                cells[column] = value
        for column, last in self._begin.get(row, []):
            if column < len(cells):
                self._until[column] = (last, cells[column])
        return cells


def cell_text(cell: Cell) -> str:
    """A cell as text: whole numbers without a point and never shortened, times as 2026-11-03 09:05:07."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):  # a spreadsheet keeps a second only nearly
        return (cell + _HALF_A_MILLISECOND).isoformat(" ", "milliseconds").removesuffix(".000")
    return str(cell)
