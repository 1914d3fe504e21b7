"""What a file is by its first bytes, and what is in it where it is compressed: without end, it is refused."""

import contextlib
import gzip
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, cast

from gapwatch.pipeline.publishing.files.encodings import SAMPLE_BYTES
from gapwatch.pipeline.publishing.files.record import FileError
from gapwatch.pipeline.words.catalogue import message

# Text of events shrinks to a tenth; what unpacks to so many times its size is no text of events.
MOST_TIMES_LARGER = 200
_ALWAYS_UNPACKED = 64 * 1024**2
# A workbook is held in memory as a whole.
LARGEST_WORKBOOK = 1024**3
# What comes through a pipe and must be read from its end is kept on disk meanwhile.
_LARGEST_PIPED = 4 * 1024**3
_DEEPEST = 3
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError)
"""What reading a broken archive raises."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What is neither text nor unpacked here, by how it begins.
_OTHERS = {
    b"%PDF": "PDF",
    b"PAR1": "Parquet",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"Obj\x01": "Avro",
    b"ORC": "ORC",
    b"SQLite format 3": "SQLite",
}
_TAR_MARK = slice(257, 262)
_MARKUP = (b"<html", b"<!doctype html", b"<table", b"<?xml")


class Content(NamedTuple):
    """What there is to read: `part` names it within its archive, and is empty where the file is no archive."""

    stream: "io.BufferedReader[Any]"
    kind: Literal["text", "xlsx", "xls"]
    part: str = ""


@contextlib.contextmanager
def content_of(
    stream: "io.BufferedReader[Any]", name: str, member: str | None, tell: Callable[[str], object]
) -> Iterator[Content]:
    """The content of a file, unpacked where it is compressed. `member` chooses a file within an archive.

    Raises FileError where it is no text or workbook, holds several files and none is chosen, or unpacks without end.
    """
    with contextlib.ExitStack() as stack:
        yield _unpacked(Content(stream, "text"), name, member, tell, stack)


def _unpacked(
    content: Content, name: str, member: str | None, tell: Callable[[str], object], stack: contextlib.ExitStack
) -> Content:
    for _ in range(_DEEPEST):
        start = content.stream.peek(SAMPLE_BYTES)[:512]
        if start.startswith(_OLE):
            return content._replace(kind="xls", stream=_seekable(content.stream, stack))
        if not start.startswith((_GZIP, *_ZIP)):
            _check_is_text(start, name)
            return content
        stream = _seekable(content.stream, stack)
        size = _size_of(stream)
        if start.startswith(_GZIP):
            tell(message("compressed with gzip"))
            text = stack.enter_context(gzip.GzipFile(fileobj=stream))
            content = content._replace(stream=_bounded(text, size, name))
            continue
        archive = stack.enter_context(_archive(stream, name))
        if "xl/workbook.xml" in archive.namelist():
            return content._replace(kind="xlsx", stream=stream)
        if {"[Content_Types].xml", "mimetype"} & set(archive.namelist()):
            raise _not_read(name, ".ods, .xlsb, .docx")
        chosen = _chosen(archive, name, member)
        tell(message("{member} within the archive", member=_shown(chosen)))
        content = Content(_bounded(_member(archive, chosen, name), size, name), "text", _shown(chosen))
    raise FileError("{name} is an archive within an archive within an archive; unpack it first", name=name)


def _check_is_text(start: bytes, name: str) -> None:
    for beginning, kind in _OTHERS.items():
        if start.startswith(beginning):
            raise _not_read(name, kind)
    if start[_TAR_MARK].startswith(b"ustar"):
        raise _not_read(name, "tar")
    if start.lstrip().lower().startswith(_MARKUP):
        raise FileError(
            "{name} is a web page or XML, whatever its name says; open it in a spreadsheet and save it as .xlsx or CSV",
            name=name,
        )


def _not_read(name: str, kind: str) -> FileError:
    return FileError(
        "{name} is a {kind} file, which is not read here; write it as CSV, JSON Lines or .xlsx", name=name, kind=kind
    )


def _seekable(stream: "io.BufferedReader[Any]", stack: contextlib.ExitStack) -> "io.BufferedReader[Any]":
    if stream.seekable():
        return stream
    kept = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(_Bounded(stream, _LARGEST_PIPED, "-"), kept)
    kept.seek(0)
    return cast("io.BufferedReader[Any]", kept)


def _size_of(stream: "io.BufferedReader[Any]") -> int:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def _bounded(source: Any, packed: int, name: str) -> "io.BufferedReader[Any]":
    most = max(packed * MOST_TIMES_LARGER, _ALWAYS_UNPACKED)
    return io.BufferedReader(_Bounded(source, most, name), SAMPLE_BYTES)


class _Bounded(io.RawIOBase):
    """A stream that is unpacked as it is read, up to so many bytes."""

    def __init__(self, source: Any, most: int, name: str) -> None:
        self._source = source
        self._most = most
        self._name = name
        self._read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._source.seekable())

    def tell(self) -> int:
        return self._read

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self._faults():
            self._read = int(self._source.seek(offset, whence))
        return self._read

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except BROKEN as error:
            raise FileError(
                "{name} cannot be unpacked after {bytes} bytes: {error}",
                name=self._name,
                bytes=self._read,
                error=error,
            ) from None

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        with self._faults():
            data = self._source.read(len(view))
        view[: len(data)] = data
        self._read += len(data)
        if self._read > self._most:
            raise FileError(
                "{name} unpacks to more than {most} MB; unpack it first if that is right",
                name=self._name,
                most=self._most // 1024**2,
            )
        return len(data)


def _archive(stream: "io.BufferedReader[Any]", name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except BROKEN as error:
        raise FileError("{name} is a broken archive: {error}", name=name, error=error) from None


def _chosen(archive: zipfile.ZipFile, name: str, member: str | None) -> zipfile.ZipInfo:
    files = [one for one in archive.infolist() if not one.is_dir() and not _is_of_system(one.filename)]
    named = [one for one in files if member in (None, one.filename, _shown(one))]
    if len(named) == 1:
        return named[0]
    raise FileError(
        "{name} holds {files}; choose one with --member NAME",
        name=name,
        files=", ".join(map(_shown, files)) or "—",
    )


def _is_of_system(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] in {".DS_Store", "Thumbs.db"}


def _shown(member: zipfile.ZipInfo) -> str:
    """The name of a file in an archive; those made in China often have it in GBK, without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    with contextlib.suppress(UnicodeError):
        return member.filename.encode("cp437").decode("utf-8")
    with contextlib.suppress(UnicodeError):
        return member.filename.encode("cp437").decode("gb18030")
    return member.filename


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Any:
    if member.flag_bits & 0x1:
        raise FileError("{name} is encrypted; unpack it first", name=name)
    try:
        return archive.open(member)
    except BROKEN as error:
        raise FileError("{name} is a broken archive: {error}", name=name, error=error) from None
