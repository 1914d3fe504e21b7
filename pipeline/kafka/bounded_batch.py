"""A batch of Kafka's log, unpacked to a bounded size, whatever its publisher packed.

    compressed batch ── bounded ──> the same batch, not compressed, of some 64 MiB at the most

Batches that unpack to no more than a record may hold pass unread. In a larger one each record is looked at, and one
that is too large is left out: its key and its offset stay, and a header says what is missing. Whoever decodes the
record makes a dead letter of it. (Format: https://kafka.apache.org/documentation/#recordbatch.)
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from gapwatch.pipeline.kafka.compression import Codec, UnpackingError, pieces
from gapwatch.pipeline.kafka.topics import MAX_RECORD_BYTES

BATCH_BYTES = 8 * MAX_RECORD_BYTES
"""What the records of one batch may take together. Publishers bound batches by far less."""

# How far a batch is unpacked at all: half a second of work. What follows is left out, unseen.
_SCANNED_BYTES = 8 * BATCH_BYTES
# Of a batch so large that its records are looked at. Events are larger than what this leaves for each.
_SCANNED_RECORDS = 200_000
_KEPT_KEY_BYTES = 64 * 1024
UNREAD_HEADER = "gapwatch.unread"

_HEADER = Struct(">qiibIhiqqqhii")
_BASE_OFFSET, _LENGTH, _ATTRIBUTES, _LAST_OFFSET_DELTA, _RECORDS = 0, 1, 5, 6, 12
_BEFORE_LENGTH = 12  # the base offset and the length itself
_CODEC_BITS = 0b111
_LONGEST_VARINT = 10


class Unread(NamedTuple):
    """What a record that was left out tells: its size in bytes as far as known, and why it was left out."""

    size: int
    unreadable: bool
    why: str

    @classmethod
    def of(cls, headers: Sequence[tuple[str, bytes]]) -> "Unread | None":
        """What the headers of a record say; None if it is whole."""
        for name, value in headers:
            if name == UNREAD_HEADER:
                size, _, rest = value.decode("utf-8", "replace").partition(" ")
                kind, _, why = rest.partition(" ")
                return cls(int(size) if size.isdecimal() and len(size) < 20 else 0, kind == "unreadable", why)
        return None

    @property
    def header(self) -> tuple[str, bytes]:
        """The header that says it."""
        return UNREAD_HEADER, f"{self.size} {'unreadable' if self.unreadable else 'large'} {self.why}".encode()


def bounded(batch: bytes) -> bytes:
    """The batch without compression, each record that is too large left out. Never raises for what was packed."""
    header = list(_HEADER.unpack_from(batch))
    codec = header[_ATTRIBUTES] & _CODEC_BITS
    header[_ATTRIBUTES] &= ~_CODEC_BITS
    packed = batch[_HEADER.size :]
    try:
        unpacked = pieces(Codec(codec), packed)
        begin = _up_to(unpacked, MAX_RECORD_BYTES)
        if len(begin) <= MAX_RECORD_BYTES:
            return _put_together(header, begin)
    except (UnpackingError, ValueError) as error:
        records = _Records(b"", iter(()), header)
        rest = records.left_out(f"cannot be unpacked: {error}", unreadable=True)
        header[_RECORDS] = 1
        return _put_together(header, rest)
    records = _Records(begin, unpacked, header)
    kept = records.kept()
    header[_RECORDS] = records.number
    return _put_together(header, kept)


def _put_together(header: list[int], records: bytes | bytearray) -> bytes:
    header[_LENGTH] = _HEADER.size - _BEFORE_LENGTH + len(records)
    return _HEADER.pack(*header) + records


def _up_to(unpacked: Iterator[bytes], most: int) -> bytes:
    """All of it, or a little more than `most` bytes."""
    first = next(unpacked, b"")
    if len(first) > most:
        return first
    begin = [first]
    size = len(first)
    for piece in unpacked:
        begin.append(piece)
        size += len(piece)
        if size > most:
            break
    return b"".join(begin) if len(begin) > 1 else first


class _Records:
    """The records of one batch, read one after the other from what is being unpacked."""

    def __init__(self, begin: bytes, unpacked: Iterator[bytes], header: Sequence[int]) -> None:
        self.number = 0
        """How many records there are in what was kept."""
        self._window = bytearray(begin)
        self._at = 0
        self._unpacked = unpacked
        self._scanned = len(begin)
        self._header = header
        self._next_delta = 0

    def kept(self) -> bytearray:
        """The records, one after the other."""
        kept = bytearray()
        try:
            while self.number < min(self._header[_RECORDS], _SCANNED_RECORDS):
                kept += self._record(room=BATCH_BYTES - len(kept))
                self.number += 1
            if self.number < self._header[_RECORDS]:
                kept += self.left_out(f"holds {self._header[_RECORDS]} records", unreadable=False)
        except _TooMuch:
            kept += self.left_out(f"unpacks to more than {_SCANNED_BYTES} bytes", unreadable=False)
        except (UnpackingError, EOFError) as error:
            kept += self.left_out(f"cannot be unpacked: {error}", unreadable=True)
        return kept

    def _record(self, room: int) -> bytes | bytearray:
        """One record as it stands, or what is left of it when it is larger than `room` or than a record may be."""
        begin = self._at
        length = self._varint()
        if length < 0:
            raise EOFError("a record has a negative length")
        size = self._at - begin + length
        if size <= min(room, MAX_RECORD_BYTES):
            self._need(length)
            record = self._window[begin : begin + size]
            self._at += 1  # the attributes, which nobody uses
            self._varint()
            self._pass(self._varint())
            if (rest := begin + size - self._at) < 0:
                raise EOFError("a record is longer than it says")
            self._skip(rest)
            return record
        return self._cut(length)

    def _cut(self, length: int) -> bytes:
        """Goes past a record of `length` bytes that is too large, and returns what stands for it."""
        end = length + self._position
        self._need(1)
        self._at += 1
        timestamp, delta = self._varint(), self._varint()
        key_length = self._varint()
        key = None
        if 0 <= key_length <= min(_KEPT_KEY_BYTES, end - self._position):
            self._need(key_length)
            key = bytes(self._window[self._at : self._at + key_length])
        self._skip(end - self._position)
        self._pass(delta)
        why = f"the record holds {length} bytes, more than {MAX_RECORD_BYTES}"
        if length <= MAX_RECORD_BYTES:
            why = f"the records of its batch hold more than {BATCH_BYTES} bytes together"
        return _record_bytes(timestamp, delta, key, Unread(length, unreadable=False, why=why))

    def _pass(self, delta: int) -> None:
        """Offsets of records ascend, up to the one that the batch names as its last."""
        if not self._next_delta <= delta <= self._header[_LAST_OFFSET_DELTA]:
            raise EOFError("offsets do not ascend")
        self._next_delta = delta + 1

    def left_out(self, why: str, *, unreadable: bool) -> bytes:
        """What stands for the records that were not read: one, at the offset of the first of them."""
        base, last = self._header[_BASE_OFFSET], self._header[_LAST_OFFSET_DELTA]
        delta = min(self._next_delta, last)
        self.number += 1
        offsets = f"offset {base + delta}" if delta == last else f"offsets {base + delta} to {base + last}"
        unread = Unread(self._scanned, unreadable, f"{offsets}: the batch {why}")
        return _record_bytes(0, delta, None, unread)

    # What is unpacked and not gone past yet stands in the window from `_at` on.

    @property
    def _position(self) -> int:
        return self._scanned - (len(self._window) - self._at)

    def _need(self, size: int) -> None:
        while len(self._window) - self._at < size:
            self._window += self._piece()

    def _skip(self, size: int) -> None:
        while len(self._window) - self._at < size:
            size -= len(self._window) - self._at
            self._window, self._at = bytearray(), 0
            self._window += self._piece()
        self._at += size
        if self._at > MAX_RECORD_BYTES:
            del self._window[: self._at]
            self._at = 0

    def _piece(self) -> bytes:
        if self._scanned > _SCANNED_BYTES:
            raise _TooMuch
        if (piece := next(self._unpacked, None)) is None:
            raise EOFError("the bytes end early")
        self._scanned += len(piece)
        return piece

    def _varint(self) -> int:
        number = shift = 0
        for _ in range(_LONGEST_VARINT):
            self._need(1)
            byte = self._window[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise EOFError("a number has more than ten bytes")


class _TooMuch(Exception):  # noqa: N818 - it is no error of the program
    """So much was unpacked that the rest of the batch is left out."""


def _record_bytes(timestamp: int, delta: int, key: bytes | None, unread: Unread) -> bytes:
    name, value = unread.header
    body = b"\0" + _encoded(timestamp) + _encoded(delta)
    body += _encoded(-1) if key is None else _encoded(len(key)) + key
    body += _encoded(-1) + _encoded(1) + _encoded(len(name)) + name.encode() + _encoded(len(value)) + value
    return _encoded(len(body)) + body


def _encoded(number: int) -> bytes:
    """As a varint in zigzag."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
