"""Events in files: JSON Lines and CSV, in the encodings and with the columns that they happen to have."""

import codecs
import csv
import hashlib
import io
import re
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
_UNDECODABLE = re.compile("[\ud800-\udfff]")
_PARTS = msgspec.json.Decoder(dict[str, Raw])

# A cell may hold a whole chat; csv's own limit is 128 KiB.
csv.field_size_limit(8 * 1024**2)


class FileError(GapwatchError):
    """A file cannot be read as events at all."""


class Row(NamedTuple):
    """One event of a file: the line it starts on, the text it has there, and its bytes as JSON.

    `fault` tells why there are no bytes, where the file itself is broken.
    """

    line: int
    text: str
    value: bytes = b""
    fault: Rejected | None = None


@dataclass(frozen=True)
class Shape:
    """How the columns of a CSV file, or the fields of a JSON Lines file, become fields of the contract.

    `columns` maps a field to its name in the file; other columns keep their names. `constants` are for events whose
    field is absent. `timezone` is that of times without offset.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    timezone: ZoneInfo | None = None

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

    An event without `event_id` gets one made of `name`, line and content: the same each time the file is read.
    Raises FileError when the file has no usable header or is in another encoding.
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
        else:
            yield (
                row._replace(value=value) if "event_id" in fields and not shape else _encoded(row, fields, name, shape)
            )


def _csv_rows(text: io.TextIOWrapper, name: str, shape: Shape) -> Iterator[Row]:
    lines = _Remembered(text)
    header = next(lines, "")
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=header.count))
    lines.put_back(header)
    columns = _columns(next(reader, []), name, shape)
    while True:
        start = reader.line_num + 1
        lines.forget()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(start, lines.text, fault=Rejected(Reason.NOT_CSV, str(error)))
            continue
        if any(map(str.strip, cells)):
            yield _csv_row(Row(start, lines.text), columns, cells, name, shape)


def _csv_row(row: Row, columns: list[str], cells: list[str], name: str, shape: Shape) -> Row:
    if len(cells) != len(columns):
        detail = f"{len(cells)} cells under {len(columns)} columns"
        return row._replace(fault=Rejected(Reason.NOT_CSV, detail))
    if _UNDECODABLE.search(row.text):
        return row._replace(fault=Rejected(Reason.NOT_UTF8, "a character is not of the file's encoding"))
    contract = {column: field_name for field_name, column in shape.columns.items()}
    found = {
        column: _cell(contract.get(column, column), cell)
        for column, cell in zip(columns, cells, strict=True)
        if cell.strip() or contract.get(column, column) == "text"
    }
    return _encoded(row, found, name, shape)


class _Remembered:
    """Lines of a text, remembered until told to forget: what the current row of a CSV file looks like."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._seen: list[str] = []
        self._waiting: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else next(self._lines)
        self._seen.append(line)
        return line

    def put_back(self, line: str) -> None:
        self._waiting.append(line)

    def forget(self) -> None:
        self._seen.clear()

    @property
    def text(self) -> str:
        return "".join(self._seen).rstrip("\r\n")


def _columns(header: list[str], name: str, shape: Shape) -> list[str]:
    columns = [column.strip() or f"column {number}" for number, column in enumerate(header, 1)]
    if not header:
        raise FileError(f"{name} is empty; its first line names the columns")
    if any(map(_UNDECODABLE.search, columns)):
        raise FileError(f"the first line of {name} is in another encoding; name it with --encoding")
    if twice := {column for column in columns if columns.count(column) > 1}:
        raise FileError(f"{name} has two columns named {', '.join(sorted(twice))}")
    if absent := set(shape.columns.values()) - set(columns):
        raise FileError(f"{name} has no column {', '.join(sorted(absent))}; it has {', '.join(columns)}")
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
    identity = hashlib.sha256(f"{name}\n{row.line}\n{row.text}".encode("utf-8", "surrogateescape"))
    return row._replace(value=msgspec.json.encode({"event_id": identity.hexdigest()[:32]} | fields))
