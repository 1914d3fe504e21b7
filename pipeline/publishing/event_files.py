"""Events in files: JSON Lines and CSV, in the encodings and with the columns that they happen to have."""

import codecs
import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.events.decode import Reason, Rejected

FileFormat = Literal["jsonl", "csv"]

# Enough lines to tell UTF-8 from GB 18030, little enough to be read at once.
SAMPLE_BYTES = 1024**2
_DELIMITERS = ",\t;"
_TIMES = ("event_time", "promised_at", "delivered_at", "ended_at")
_JSON_CELLS = ("attributes", "turns")
_LOCAL_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]*(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,6})\d*)?秒?|分)?)?"
)
# What stands around cells without being seen: every blank, and characters of no width.
_UNSEEN = (
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d"
)
_UNDECODABLE = re.compile("[\ud800-\udfff]")
_PARTS = msgspec.json.Decoder(dict[str, Raw])

# A cell may hold a whole chat; csv's own limit is 128 KiB.
csv.field_size_limit(8 * 1024**2)


class FileError(GapwatchError):
    """A file cannot be read as events at all."""


class Row(NamedTuple):
    """One event of a file: the line it starts on, the text it has there, and its bytes as JSON.

    `event_id` is the one that the file gives, empty where it gives none. `fault` tells why there are no bytes, where
    the file itself is broken.
    """

    line: int
    text: str
    value: bytes = b""
    event_id: str = ""
    fault: Rejected | None = None


@dataclass(frozen=True)
class Shape:
    """How the columns of a CSV file, or the fields of a JSON Lines file, become fields of the contract.

    `columns` maps a field to its name in the file; other columns keep their names. `constants` are for events whose
    field is absent. `timezone` is that of times without offset. A CSV file must have a column or a constant for each
    field that is `required`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    timezone: ZoneInfo | None = None
    required: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.columns or self.constants or self.timezone)

    def fields(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the contract from those of the file.

        Raises Rejected when a column would displace another.
        """
        names = {column: name for name, column in self.columns.items()}
        fields = {names.get(column, column): value for column, value in found.items()}
        if len(fields) < len(found):
            raise Rejected(Reason.ATTRIBUTE_CLASH, "two columns are to become one field")
        fields |= {name: _cell(name, value) for name, value in self.constants.items() if name not in fields}
        if self.timezone:
            for name in fields.keys() & set(_TIMES):
                fields[name] = _with_offset(fields[name], self.timezone)
        return fields


def detect_encoding(sample: bytes) -> str:
    """The encoding of Chinese text, by its byte-order mark or by what most of its lines are.

    UTF-8, unless more of the lines with Chinese are broken UTF-8 than valid; then GB 18030, which GBK and GB 2312 are
    part of. So a damaged line in a UTF-8 file stays one damaged line.
    """
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    lines = sample.split(b"\n")
    whole = lines[:-1] or lines  # the sample may end amid a character
    chinese = [line for line in whole if not line.isascii()]
    broken = sum(not _is_utf8(line) for line in chinese)
    return "gb18030" if broken > len(chinese) - broken else "utf-8"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_events(
    stream: "io.BufferedReader[Any]", file_format: FileFormat, name: str, shape: Shape, encoding: str | None = None
) -> Generator[Row]:
    """The events of a file, each as soon as it is read; blank lines are passed over.

    An event without `event_id` gets one made of `name`, line, the text of the row and the constants. So the same row is
    the same event each time the file is read with the same constants, also when other options are corrected; other
    constants make another event. Give a `name` that does not change between runs, and differs between files.
    Raises FileError when the file has no usable header, lacks what the shape names, or is in another encoding.
    """
    codec = _codec(encoding or detect_encoding(stream.peek(SAMPLE_BYTES)))
    text = io.TextIOWrapper(stream, codec, errors="surrogateescape", newline="")
    try:
        yield from (_csv_rows if file_format == "csv" else _jsonl_rows)(text, name, shape)
    except UnicodeError as error:
        raise FileError(f"{name} is not {codec} ({error}); name its encoding with --encoding") from None
    finally:
        text.detach()


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise FileError(f"{encoding} is no encoding known here; try utf-8 or gb18030") from None
    return "utf-8-sig" if name == "utf-8" else name  # which takes a byte-order mark or none


def _jsonl_rows(text: io.TextIOWrapper, name: str, shape: Shape) -> Iterator[Row]:
    absent = set(shape.columns.values())
    found: set[str] = set()
    for line, content in enumerate(text, 1):
        row = Row(line, content.strip())
        if not row.text:
            continue
        # Bytes that are not of the encoding come back as they were, so that decoding names them.
        value = row.text.encode("utf-8", "surrogateescape")
        try:
            fields: dict[str, Any] = _PARTS.decode(value)
        except ValueError:
            yield row._replace(value=value)
            continue
        if absent:
            absent -= fields.keys()
            found |= fields.keys()
        yield _jsonl_row(row, value, fields, name, shape)
    if absent and found:
        raise FileError(_no_column(f"no row of {name}", absent, sorted(found)))


def _jsonl_row(row: Row, value: bytes, fields: dict[str, Any], name: str, shape: Shape) -> Row:
    if shape or "event_id" not in fields:
        return _encoded(row, fields, name, shape)
    return row._replace(value=value, event_id=_text(fields["event_id"]))


def _no_column(place: str, absent: set[str], found: list[str]) -> str:
    return (
        f"{place} has a column {' or '.join(sorted(absent))}, which --map names; there are: {', '.join(found)}. "
        "Correct it and run the whole file again"
    )


def _csv_rows(text: io.TextIOWrapper, name: str, shape: Shape) -> Iterator[Row]:
    lines = _Lines(text)
    header = next(lines, "")
    lines.put_back()
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=header.count), strict=True)
    columns = _header(reader, name, shape)
    while True:
        lines.forget()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(lines.start, lines.first, fault=_not_csv(lines, str(error)))
            lines.put_back(keep=1)
            continue
        if any(cell.strip(_UNSEEN) for cell in cells):
            yield from _csv_row(lines, columns, cells, name, shape)


def _header(reader: Iterator[list[str]], name: str, shape: Shape) -> list[str]:
    try:
        return _columns(next(reader, []), name, shape)
    except csv.Error as error:
        raise FileError(f"the first line of {name} names no columns: {error}") from None


def _not_csv(lines: "_Lines", error: str) -> Rejected:
    if lines.count == 1:
        return Rejected(Reason.NOT_CSV, f"{error}; a quotation mark within a quoted cell is written twice")
    return Rejected(
        Reason.NOT_CSV,
        f"a quotation mark that opens here is not closed properly; it spans {lines.count} lines, up to line "
        f"{lines.number}, which are read again one by one",
    )


def _csv_row(lines: "_Lines", columns: list[str], cells: list[str], name: str, shape: Shape) -> Iterator[Row]:
    row = Row(lines.start, lines.text)
    cells = [cell.strip(_UNSEEN) for cell in cells]
    if any(cells[len(columns) :]) or (len(cells) < len(columns) and lines.count > 1):
        detail = f"{len(cells)} cells under {len(columns)} columns"
        if lines.count > 1:
            detail += f", over {lines.count} lines, which are read again one by one; a quotation mark may be missing"
        yield row._replace(text=lines.first, fault=Rejected(Reason.NOT_CSV, detail))
        # A quotation mark too many or too few may have swallowed whole rows.
        lines.put_back(keep=1)
    elif _UNDECODABLE.search(row.text):
        yield row._replace(fault=Rejected(Reason.NOT_UTF8, "a character is not of the file's encoding"))
    else:
        contract = {column: field_name for field_name, column in shape.columns.items()}
        found = {
            column: _cell(contract.get(column, column), cell)
            for column, cell in zip(columns, cells, strict=False)  # empty cells at the end may be absent, or too many
            if cell or contract.get(column, column) == "text"
        }
        yield _encoded(row, found, name, shape)


class _Lines:
    """The lines of a text, counted, and remembered until told to forget: what the current row of a CSV file is."""

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


def _columns(header: list[str], name: str, shape: Shape) -> list[str]:
    columns = [column.strip(_UNSEEN) or f"column {number}" for number, column in enumerate(header, 1)]
    if not header:
        raise FileError(f"{name} is empty; its first line names the columns")
    if any(map(_UNDECODABLE.search, columns)):
        raise FileError(f"the first line of {name} is in another encoding; name it with --encoding")
    if twice := {column for column in columns if columns.count(column) > 1}:
        raise FileError(f"{name} has two columns named {', '.join(sorted(twice))}")
    if absent := set(shape.columns.values()) - set(columns):
        raise FileError(f"{name} has no column {', '.join(sorted(absent))}; it has {', '.join(columns)}")
    if missing := shape.required - set(columns) - shape.columns.keys() - shape.constants.keys():
        raise FileError(
            f"{name} has no column for {', '.join(sorted(missing))}; it has {', '.join(columns)}. "
            "Name the column of a field with --map FIELD=COLUMN, or give one value to all rows with --set FIELD=VALUE"
        )
    return columns


def _cell(name: str, cell: str) -> Any:
    """What a cell says: a number for the rating, JSON for what is nested, else its text."""
    if name == "rating":
        with suppress(ValueError):
            return int(float(cell)) if float(cell).is_integer() else cell
    if name in _JSON_CELLS:
        with suppress(ValueError):
            return msgspec.json.decode(cell)
    return cell


def _with_offset(value: Any, timezone: ZoneInfo) -> Any:
    """A time as RFC 3339, if it is one without offset; anything else as it is."""
    text = value
    if isinstance(value, Raw):
        with suppress(ValueError):
            text = msgspec.json.decode(value)
    found = _LOCAL_TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return value
    *parts, fraction = found.groups(default="0")
    try:
        local = datetime(*map(int, parts), int(fraction.ljust(6, "0")), tzinfo=timezone)  # type: ignore[misc,arg-type]
    except ValueError:
        return value
    return local.isoformat()


def _encoded(row: Row, found: Mapping[str, Any], name: str, shape: Shape) -> Row:
    try:
        fields = shape.fields(found)
    except Rejected as rejected:
        return row._replace(fault=rejected)
    given = _text(fields.get("event_id", ""))
    made = {} if "event_id" in fields else {"event_id": _made_id(row, name, shape)}
    return row._replace(value=msgspec.json.encode(made | fields), event_id=given)


def _made_id(row: Row, name: str, shape: Shape) -> str:
    parts = [name, str(row.line), row.text, *(f"{field}={value}" for field, value in sorted(shape.constants.items()))]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _text(value: Any) -> str:
    """The text of a field, which is JSON where it comes from a JSON file."""
    if isinstance(value, Raw):
        with suppress(ValueError):
            value = msgspec.json.decode(value)
    return value if isinstance(value, str) else ""
