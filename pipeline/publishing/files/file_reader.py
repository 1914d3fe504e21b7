"""A file of events, whatever it is: unpacked, in its encoding, as records."""

from collections.abc import Callable, Generator, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gapwatch.pipeline.publishing.files.containers import content_of
from gapwatch.pipeline.publishing.files.encodings import SAMPLE_BYTES, encoding_of, text_of
from gapwatch.pipeline.publishing.files.json_files import json_records
from gapwatch.pipeline.publishing.files.record import UNSEEN, FileError, FileFormat, Reading, Record
from gapwatch.pipeline.publishing.files.spreadsheets import spreadsheet_records
from gapwatch.pipeline.publishing.files.tables import table_records
from gapwatch.pipeline.publishing.files.transcript_files import transcript_records
from gapwatch.pipeline.words.catalogue import message

if TYPE_CHECKING:
    import io

_FORMATS: dict[str, FileFormat] = {".csv": "csv", ".tsv": "csv"}


def read_records(
    stream: "io.BufferedReader[Any]", name: str, reading: Reading, tell: Callable[[str], object]
) -> Generator[Record]:
    """The rows of a file, each as soon as it is read. `tell` hears what was found out about the file.

    Raises FileError when the file cannot be read, lacks the columns that are expected, or is in another encoding.
    """
    with content_of(stream, name, reading.member, tell) as content:
        read = _text_records(content.stream, name, reading, tell) if content.kind == "text" else None
        for record in read or spreadsheet_records(content, name, reading, tell):
            yield record._replace(part="/".join(filter(None, (content.part, record.part))))


def _text_records(
    stream: "io.BufferedReader[Any]", name: str, reading: Reading, tell: Callable[[str], object]
) -> Generator[Record]:
    encoding = reading.encoding or encoding_of(stream)
    text = text_of(stream, encoding)
    tell(message("encoding {encoding}", encoding=encoding))
    file_format = reading.file_format or _format(stream, name, text.encoding)
    try:
        if file_format == "transcript":
            yield from transcript_records(text, name, reading)
        elif file_format == "csv":
            yield from table_records(text, name, reading, tell)
        else:
            yield from _with_columns(json_records(text, name, reading, tell), name, reading.expected.columns)
    except UnicodeError as error:
        raise FileError(
            "{name} is not {encoding} ({error}); name its encoding with --encoding",
            name=name,
            encoding=encoding,
            error=error,
        ) from None
    finally:
        text.detach()


def _with_columns(records: Iterator[Record], name: str, columns: frozenset[str]) -> Iterator[Record]:
    """The same records. Raises FileError at their end when none of them has a column that was named."""
    absent = set(columns)
    found: set[str] = set()
    for record in records:
        if absent:
            absent -= record.fields.keys()
            found |= record.fields.keys()
        yield record
    if absent and found:
        raise FileError(
            "no row of {name} has a column {absent}; there are: {found}. Correct its name and run the whole file again",
            name=name,
            absent=", ".join(sorted(absent)),
            found=", ".join(sorted(found)),
        )


def _format(stream: "io.BufferedReader[Any]", name: str, encoding: str) -> FileFormat:
    """By the ending of the name, else by the first character: JSON begins with a bracket."""
    if known := _FORMATS.get(PurePath(name).suffix.lower()):
        return known
    start = stream.peek(SAMPLE_BYTES)[:4096].decode(encoding, "ignore").lstrip(UNSEEN)
    return "json" if start[:1] in {"{", "[", ""} or name.lower().endswith(("json", "jsonl", "ndjson")) else "csv"
