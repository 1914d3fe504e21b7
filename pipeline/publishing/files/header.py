"""The row of a table that names the columns: found among lines that stand before it, and checked."""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from gapwatch.pipeline.publishing.files.encodings import UNDECODABLE
from gapwatch.pipeline.publishing.files.record import UNSEEN, Expected, FileError, Reading
from gapwatch.pipeline.words.catalogue import message

# Payment providers put some twenty lines of account, period and sums before the header.
ROWS_SEARCHED = 60
# What sums and remarks among and below the rows begin with.
_SUM = re.compile(
    r"[#*\s]*(合\s*计|总\s*计|小\s*计|汇\s*总|统\s*计|本页小计|累\s*计|总记录数|总交易(单数|笔数)|导出(时间|日期|人)|制表(人|时间)|"
    r"打印|备\s*注|说\s*明|注|数据来源|共\s*\d+\s*[条笔行页]|(grand |sub)?total|sum|[-—=*#_]{3,}).*|#.*",
    re.IGNORECASE | re.DOTALL,
)
# A sum and nothing else, even where it stands in a column of words.
_SUM_ALONE = re.compile(r"(合\s*计|总\s*计|小\s*计|(grand |sub)?total)\s*[:：]?[\s\d,.]*[条笔行元]?", re.IGNORECASE)
# What a spreadsheet is kept from counting with: ="0012", '0012, and `微信 as WeChat's bills have all their cells.
_KEPT_AS_TEXT = re.compile(r"""="([^"]*)"|'([\d.:/ +-]+)|`([^`]*)""")


class HeaderFit(NamedTuple):
    """How well a row fits as header; the greater fits better."""

    wanted: int
    known: int
    cells: int


def stripped(cells: Sequence[str]) -> list[str]:
    """Cells without what stands around them unseen, or to keep a spreadsheet from counting with them."""
    return [_bare(cell.strip(UNSEEN)) for cell in cells]


def _bare(cell: str) -> str:
    if cell[:1] not in {"=", "'", "`"} or not (kept := _KEPT_AS_TEXT.fullmatch(cell)):
        return cell
    return (kept[1] or kept[2] or kept[3] or "").strip(UNSEEN)


def fit(cells: Sequence[str], expected: Expected) -> HeaderFit:
    """How well a row of cells fits as the one that names the columns."""
    names = {cell for cell in cells if cell}
    return HeaderFit(len(names & expected.wanted), len(names & expected.known), len(names))


def fits_wholly(found: HeaderFit, expected: Expected) -> bool:
    """Whether there is no need to look further. Where nothing is wanted, the names that are known tell the header."""
    return found.cells > 0 and found.wanted == len(expected.wanted) and bool(expected.wanted or not expected.known)


def best_row(fits: Sequence[HeaderFit]) -> int:
    """Which of the first rows names the columns: the one with most of the names that are looked for.

    Where no row has any, the one with most cells, the first of them.
    """
    named = [found[:2] for found in fits]
    if any(map(any, named)):
        return named.index(max(named))
    cells = [found.cells for found in fits]
    return cells.index(max(cells))


def chosen_row(rows: int, reading: Reading) -> int | None:
    """The row that was named as header, counted from 0, or None.

    Raises FileError when there are fewer rows.
    """
    if reading.header_row and reading.header_row > rows:
        raise FileError(
            "there is no line {line} to name the columns; there are {rows}", line=reading.header_row, rows=rows
        )
    return reading.header_row - 1 if reading.header_row else None


def columns_of(cells: Sequence[str], name: str, expected: Expected) -> list[str]:
    """The names of the columns.

    Raises FileError when they cannot be used, or lack what is expected.
    """
    columns = [column or f"column {number}" for number, column in enumerate(stripped(cells), 1)]
    if not any(cells):
        raise FileError("{name} is empty; its first line names the columns", name=name)
    if any(map(UNDECODABLE.search, columns)):
        raise FileError(
            "the line of {name} that names the columns is in another encoding; name it with --encoding", name=name
        )
    if twice := {column for column in columns if columns.count(column) > 1} & expected.known:
        raise FileError(
            "{name} has two columns named {columns}; rename one", name=name, columns=", ".join(sorted(twice))
        )
    columns = _distinct(columns)
    if absent := expected.columns - set(columns):
        raise FileError(_absent(name, absent, columns))
    if missing := expected.fields - set(columns):
        raise FileError(_missing(name, missing, columns))
    return columns


def _distinct(columns: list[str]) -> list[str]:
    """Columns of one name, numbered from the second on: 备注, 备注 (2)."""
    names: list[str] = []
    for column in columns:
        number = next(n for n in itertools.count(1) if (column if n == 1 else f"{column} ({n})") not in names)
        names.append(column if number == 1 else f"{column} ({number})")
    return names


def _absent(name: str, absent: frozenset[str], columns: list[str]) -> str:
    return message(
        "{name} has no column {absent}; it has {columns}",
        name=name,
        absent=", ".join(sorted(absent)),
        columns=", ".join(columns),
    )


def _missing(name: str, missing: frozenset[str], columns: list[str]) -> str:
    return message(
        "{name} has no column for {missing}; it has {columns}. Name the column of a field with --map FIELD=COLUMN, or "
        "give one value to all rows with --set FIELD=VALUE. If another line names the columns: --header-row N",
        name=name,
        missing=", ".join(sorted(missing)),
        columns=", ".join(columns),
    )


def why_skipped(cells: Sequence[str], columns: Sequence[str], expected: Expected) -> str:
    """Why a row below the header is no event: a line of sums or remarks, or the header once more. Empty if it is one.

    A line of sums begins like one, and lacks what each event needs; or it is nothing but a sum.
    """
    if list(cells) == list(columns):
        return message("the names of the columns once more")
    first = next((cell for cell in cells if cell), "")
    filled = {column for column, cell in zip(columns, cells, strict=False) if cell}
    if (expected.needed - filled and _SUM.fullmatch(first)) or _SUM_ALONE.fullmatch(first):
        return message("a line of sums or a remark, not a row")
    return ""
