import gzip
import io
import os
import zipfile
from collections.abc import Callable

import pytest

from gapwatch.pipeline.publishing.files import containers
from gapwatch.pipeline.publishing.files.containers import content_of
from gapwatch.pipeline.publishing.files.record import FileError


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def read(data: bytes, member: str | None = None) -> tuple[str, bytes, list[str]]:
    told: list[str] = []
    with content_of(io.BufferedReader(io.BytesIO(data)), "f", member, told.append) as content:
        return content.part, content.stream.read(), told


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda data: zipped(a=data), lambda data: gzip.compress(zipped(a=data))]
)
def test_content_is_unpacked_whatever_the_name(pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(b"text\nx\n"))[1] == b"text\nx\n"


def test_one_of_several_files_is_named() -> None:
    data = zipped(a=b"1", b=b"2", **{"__MACOSX/._a": b"3"})
    with pytest.raises(FileError, match="holds a, b; choose one with --member"):
        read(data)
    assert read(data, "b")[:2] == ("b", b"2")
    with pytest.raises(FileError, match="--member"):
        read(data, "c")


def test_names_in_gbk_are_shown_as_they_are() -> None:
    data = zipped(**{"评论.csv": b"1"})
    raw = data.replace("评论".encode(), "评论".encode("gbk") + b"__")
    for at in (i for i in range(len(raw)) if raw.startswith((b"PK\x03\x04", b"PK\x01\x02"), i)):
        flags = at + (6 if raw[at + 2] == 3 else 8)
        raw = raw[: flags + 1] + bytes([raw[flags + 1] & ~0x08]) + raw[flags + 2 :]
    assert read(raw)[0] == "评论__.csv"


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped(a=data)])
def test_what_unpacks_without_end_is_refused(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_ALWAYS_UNPACKED", 100_000)
    with pytest.raises(FileError, match="unpacks to more than"):
        read(pack(bytes(3_000_000)))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b"abc" * 100)[:-9], "cannot be unpacked"),
        (zipped(a=b"abc")[:-8], "broken archive"),
        (b"%PDF-1.7", "PDF"),
        (b"PAR1....", "Parquet"),
        (b"\n<html><table>", "web page"),
        (zipped(mimetype=b"application/vnd.oasis"), "ods"),
        (bytes(257) + b"ustar", "tar"),
        (gzip.compress(zipped(a=bytes(9_000)))[:-30], "cannot be unpacked"),
    ],
    # The bytes hold the time at which they were made; names of tests must not.
    ids=["gzip", "zip", "pdf", "parquet", "html", "ods", "tar", "zip in gzip"],
)
def test_what_cannot_be_read_is_told(data: bytes, told: str) -> None:
    with pytest.raises(FileError, match=told):
        read(data)


def test_an_archive_may_come_through_a_pipe() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as feeder:
        feeder.write(zipped(a=b"text"))
    with os.fdopen(reader, "rb") as stream, content_of(stream, "-", None, lambda _: None) as content:
        assert content.stream.read() == b"text"
