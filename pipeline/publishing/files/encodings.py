"""Which encoding a file of Chinese text is in: by its byte-order mark, or by what most of its characters are."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

from gapwatch.pipeline.publishing.files.record import FileError

# Enough to tell the encoding of a stream that can be read only once, little enough to be read at once.
SAMPLE_BYTES = 1024**2
_ENOUGH = 16 * SAMPLE_BYTES
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UNDECODABLE = re.compile("[\ud800-\udfff]")

# A Chinese character or full-width mark in UTF-8. In other encodings such a run of bytes is rare.
_CHINESE_UTF8 = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}|\xef[\xbc-\xbd][\x80-\xbf]")
# The leading bytes of marks and of the commonest half of the characters, in the order of preference.
_COMMON = {"gb18030": ((0xA1, 0xA4), (0xB0, 0xD8)), "big5hkscs": ((0xA1, 0xC7),)}
_LEAST_COMMON = 0.5
_MOST_BROKEN = 0.1
_NUL_SHARE = 0.01
_ONE_SIDED = 4


def detect_encoding(sample: bytes) -> str:
    """The encoding of a text, or of its beginning.

    Raises FileError where no encoding fits.
    """
    return _detected([sample])


def encoding_of(stream: "io.BufferedReader[Any]") -> str:
    """The encoding of all that a stream holds where it can be read again, else of what it holds by now.

    Raises FileError where no encoding fits.
    """
    if not stream.seekable():
        return detect_encoding(stream.peek(SAMPLE_BYTES))
    start = stream.tell()
    try:
        return _detected(iter(lambda: stream.read(SAMPLE_BYTES), b""))
    finally:
        stream.seek(start)


def _detected(chunks: Iterable[bytes]) -> str:
    parts = iter(chunks)
    first = next(parts, b"")
    if first.startswith(_BOMS):
        return "utf-16"
    if wide := _wide(first):
        return wide
    return _of_lines(_lines(chain([first], parts)))


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: of what is ASCII in it, every other byte is NUL. Text in no other encoding has NUL."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) <= _NUL_SHARE * len(sample) or max(even, odd) < _ONE_SIDED * min(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The text in pieces of whole lines; of a line without end, its beginning. The last may end amid a character."""
    rest = b""
    for chunk in chunks:
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            yield whole
        elif len(rest) > _ENOUGH:
            break
    yield rest


def _of_lines(pieces: Iterator[bytes]) -> str:
    chinese = broken = 0
    others: list[bytes] = []
    size = 0
    for piece in pieces:
        if _is_utf8(piece):
            chinese += (len(piece) - len(piece.decode())) // 2  # three bytes a character
            continue
        chinese += len(_CHINESE_UTF8.findall(piece))
        broken += len(UNDECODABLE.findall(piece.decode("utf-8", "surrogateescape")))
        if size < SAMPLE_BYTES:
            lines = [line for line in piece.split(b"\n") if not _is_utf8(line)]
            others += lines
            size += sum(map(len, lines))
    if chinese >= broken:  # also where nothing is broken; a damaged line in a UTF-8 file stays one damaged line
        return "utf-8"
    return _of_two_bytes(b"\n".join(others))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _of_two_bytes(sample: bytes) -> str:
    plausible = {codec: _plausibility(sample, codec) for codec in _COMMON}
    best = max(plausible, key=lambda codec: plausible[codec])
    if plausible[best] >= _LEAST_COMMON:
        return best
    line = next((line for line in sample.split(b"\n") if line), sample)
    raise FileError(
        "the encoding cannot be told: bytes {bytes} are Chinese neither in UTF-8 nor in GB 18030 or Big5. "
        "Name it with --encoding, or mend what is cut",
        bytes=re.sub(rb"[\x00-\x7f]+", b" ", line)[:12].hex(" "),
    )


def _plausibility(sample: bytes, codec: str) -> float:
    """The share of the characters beyond ASCII that are common ones; 0 where too much is no character at all."""
    characters = [character for character in sample.decode(codec, "surrogateescape") if character > "\x7f"]
    broken = sum(map(bool, map(UNDECODABLE.match, characters)))
    if broken > _MOST_BROKEN * len(characters):
        return 0.0
    common = _common(codec)
    return sum(character in common for character in characters) / len(characters)


@cache
def _common(codec: str) -> frozenset[str]:
    leads = chain.from_iterable(range(*bounds) for bounds in _COMMON[codec])
    trails = [*range(0xA1, 0xFF)] if codec == "gb18030" else [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    return frozenset("".join(bytes((lead, trail)).decode(codec, "ignore") for lead in leads for trail in trails))


def text_of(stream: "io.BufferedReader[Any]", encoding: str) -> io.TextIOWrapper:
    """The text of a stream. Bytes that are not of the encoding become halves of surrogate pairs.

    Raises FileError when there is no such encoding.
    """
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)  # not each codec is one of texts
    except LookupError:
        raise FileError("{encoding} is no encoding known here; try utf-8 or gb18030", encoding=encoding) from None
    codec = "utf-8-sig" if codec == "utf-8" else codec  # which takes a byte-order mark or none
    return io.TextIOWrapper(stream, codec, errors="surrogateescape", newline="")


def is_utf8_within(text: str, encoding: str) -> bool:
    """Whether a line read in another encoding is UTF-8 with Chinese: two files were joined."""
    if text.isascii() or encoding.startswith("utf"):
        return False
    try:
        data = text.encode(encoding, "surrogateescape")
    except UnicodeError:
        return False
    return _is_utf8(data) and len(_CHINESE_UTF8.findall(data)) > 1
