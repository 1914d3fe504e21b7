"""Records of JSON: one a line, an array, one after the other over several lines, or a list within a document."""

import io
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from itertools import chain

import msgspec
from msgspec import Raw

from gapwatch.pipeline.publishing.files.record import UNSEEN, FileError, Reading, Record
from gapwatch.pipeline.publishing.files.tables import LONGEST_LINE, bounded_lines
from gapwatch.pipeline.words.catalogue import message

# A document whose list stands somewhere within it is read at once, and takes some three times its size of memory.
LARGEST_DOCUMENT = 256 * 1024**2
_CHUNK = 64 * 1024
# An error so near to the end of what is read may be one only because the value goes on.
_LONGEST_WORD = 64
_BLANKS = re.compile(f"[{UNSEEN}]*")
_PARTS = msgspec.json.Decoder(dict[str, Raw])
_VALUE = json.JSONDecoder()
_DEEPEST_LIST = 8


def json_records(text: io.TextIOBase, name: str, reading: Reading, tell: Callable[[str], object]) -> Generator[Record]:
    """The objects of a JSON file, whichever way they stand in it; an object that is broken is a record too.

    Raises FileError when it is not told where the records are, or when what follows a broken place cannot be read.
    """
    number, first = 1, text.readline(LONGEST_LINE)
    while first and not first.strip(UNSEEN):
        number, first = number + 1, text.readline(LONGEST_LINE)
    if reading.file_format == "jsonl":
        yield from _of_lines(chain([first], bounded_lines(text, name)), number)
        return
    document = _Document(text, name, first, number)
    if reading.records is None and first.lstrip(UNSEEN).startswith("["):
        tell(message("one JSON array"))
        yield from _of_array(document)
    elif reading.records is None and reading.file_format is None and _stands_in_lines(first, document, reading):
        yield from _of_lines(document.lines(), number)
    else:
        yield from _of_document(document, reading, tell)


def _stands_in_lines(first: str, document: "_Document", reading: Reading) -> bool:
    """Whether each line is a record: not where a value goes on over several, or one alone holds a list of records."""
    if (parts := parts_of(first.strip(UNSEEN))) is not None:
        return not _holds_records(parts, reading) or document.goes_on(len(first))
    value = document.value()
    document.back()
    return value is None or len(value) <= len(first)


def _holds_records(parts: Mapping[str, Raw], reading: Reading) -> bool:
    """Whether an object is none of the records, but has a list of them: no column is wanted of it, or few are known."""
    expected = reading.expected
    is_record = parts.keys() & expected.wanted if expected.wanted else len(parts.keys() & expected.known) > 1
    return bool(expected.wanted or expected.known) and not is_record and bool(_lists(parts))


def _of_lines(lines: Iterator[str], number: int) -> Iterator[Record]:
    for line, content in enumerate(lines, number):
        if text := content.strip(UNSEEN):
            yield _record(line, text)


def _record(line: int, text: str) -> Record:
    # Bytes that are not of the encoding come back as they were, so that decoding names them.
    return Record(line, text, parts_of(text) or {}, text.encode("utf-8", "surrogateescape"))


def parts_of(text: str) -> dict[str, Raw] | None:
    """The fields of a JSON object, each as it stands; None where the text is none."""
    with suppress(ValueError, RecursionError):
        parts: dict[str, Raw] = _PARTS.decode(text.encode("utf-8", "surrogateescape"))
        return parts
    return None


def _of_array(document: "_Document") -> Iterator[Record]:
    document.skip("[")
    while not document.skip("]"):
        line = document.line
        value = document.value()
        if value is None:
            raise document.broken()
        yield _record(line, value)
        if not document.skip(",") and not document.at("]"):
            raise document.broken()
    if document.goes_on():
        raise document.broken()


def _of_document(document: "_Document", reading: Reading, tell: Callable[[str], object]) -> Iterator[Record]:
    line = document.line
    value = document.value()
    parts = None if value is None else parts_of(value)
    if value is None:
        raise document.broken()
    if reading.records is not None or (parts and _holds_records(parts, reading) and not document.goes_on()):
        yield from _of_list(value, line, document.name, reading, tell)
        return
    yield _record(line, value)
    while document.goes_on():
        document.skip(",")
        line, value = document.line, document.value()
        if value is None:
            raise document.broken()
        yield _record(line, value)


def _of_list(value: str, line: int, name: str, reading: Reading, tell: Callable[[str], object]) -> Iterator[Record]:
    lists = _lists(parts_of(value) or {})
    path = reading.records
    if path is None and len(lists) == 1:
        (path,) = lists
    if path not in lists:
        raise FileError(
            "{name} holds several lists, or none as named: {lists}; name the one of the records with --records PATH",
            name=name,
            lists=", ".join(lists) or "—",
        )
    tell(message("the records are the list {path}", path=path))
    text = lists[path]
    at = value.index(text)
    yield from _of_array(_Document(io.StringIO(), name, text, line + value.count("\n", 0, at)))


def _lists(parts: Mapping[str, Raw], path: str = "", depth: int = 1) -> dict[str, str]:
    """The lists of objects within an object by their path; empty lists where there are no others."""
    found = dict(_every_list(parts, path, depth))
    filled = {name: text for name, text in found.items() if text[1:].lstrip().startswith("{")}
    return filled or {name: text for name, text in found.items() if text[1:].lstrip().startswith("]")}


def _every_list(parts: Mapping[str, Raw], path: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, raw in parts.items():
        text = bytes(raw).decode("utf-8", "surrogateescape")
        if text.startswith("["):
            yield path + name, text
        elif text.startswith("{") and depth < _DEEPEST_LIST:
            yield from _every_list(parts_of(text) or {}, f"{path}{name}.", depth + 1)


class _Document:
    """JSON that is read as far as it is needed: one value after the other, with the line on which it starts."""

    def __init__(self, text: io.TextIOBase, name: str, start: str, line: int) -> None:
        self.name = name
        self.line = line
        self._text = text
        self._held = start
        self._at = 0
        self._began = (0, line)

    def value(self) -> str | None:
        """The next value as it stands; None where there is none, or one that is broken or too large."""
        self._pass_blanks()
        self._began = (self._at, self.line)
        size = _CHUNK
        while True:
            try:
                _, end = _VALUE.raw_decode(self._held, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if not self._may_go_on(error) or not self._read(size):
                    return None
                size = max(_CHUNK, len(self._held) - self._at)
            else:
                if end == len(self._held) and self._read(_CHUNK):
                    continue  # a number may go on
                return self._pass(end)

    def _may_go_on(self, error: Exception) -> bool:
        if not isinstance(error, json.JSONDecodeError) or len(self._held) - self._at > LARGEST_DOCUMENT:
            return False
        return error.msg.startswith("Unterminated") or error.pos > len(self._held) - _LONGEST_WORD

    def back(self) -> None:
        """Take back the value that was read last."""
        self._at, self.line = self._began

    def at(self, mark: str) -> bool:
        self._pass_blanks()
        return self._held.startswith(mark, self._at)

    def skip(self, mark: str) -> bool:
        """Pass over a mark, if it stands here."""
        found = self.at(mark)
        self._at += found
        return found

    def goes_on(self, after: int = 0) -> bool:
        """Whether there is more than blanks from here, or so many characters after here."""
        while self._after_blanks(self._at + after) >= len(self._held):
            if not self._read(_CHUNK):
                return False
        return True

    def lines(self) -> Iterator[str]:
        """All lines from here."""
        rest = self._held[self._at :]
        if not rest.endswith("\n"):
            rest += self._text.readline(LONGEST_LINE)
        held = io.StringIO(rest, newline="")
        yield from bounded_lines(held, self.name)
        yield from bounded_lines(self._text, self.name)

    def broken(self) -> FileError:
        """What to raise where the file cannot be read on."""
        return FileError(
            "{name} is no JSON from line {line} on; what follows is not read. Mend it, or write one object a line",
            name=self.name,
            line=self.line,
        )

    def _pass_blanks(self) -> None:
        while True:
            self._pass(self._after_blanks(self._at))
            if self._at < len(self._held) or not self._read(_CHUNK):
                return

    def _after_blanks(self, at: int) -> int:
        blanks = _BLANKS.match(self._held, at)
        return blanks.end() if blanks else at

    def _pass(self, end: int) -> str:
        passed = self._held[self._at : end]
        self.line += passed.count("\n")
        self._at = end
        return passed

    def _read(self, size: int) -> bool:
        more = self._text.read(size)
        if self._at > _CHUNK * 16:
            self._held, self._at, self._began = self._held[self._at :], 0, (0, self.line)
        self._held += more
        return bool(more)
