"""Compressed bytes of Kafka's four codecs, unpacked piece by piece, so that memory is taken only for what is wanted.

A few hundred kilobytes may unpack to gigabytes. What clients do with a batch, unpack it whole, ends their process.
"""

import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from struct import Struct

import cramjam
import lz4.frame  # type: ignore[import-untyped]
import zstandard

PIECE_BYTES = 1024 * 1024
"""What a piece holds at the most, where the codec can stop inside a block; the blocks of Snappy are mostly smaller."""

# Snappy makes of one byte at the most 21, and cannot stop inside a block. Larger blocks than this are not unpacked.
_LARGEST_SNAPPY_BLOCK = 64 * 1024 * 1024
# The length of what Kafka's Java clients write around blocks of Snappy, and how it begins.
_XERIAL_BEGIN = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_BLOCK_LENGTH = Struct(">i")
# Zstandard keeps a window of what it unpacked. 8 MiB is what its format asks every reader to support, 128 MiB the most
# that the command line tool takes unasked.
_LARGEST_ZSTANDARD_WINDOW = 128 * 1024 * 1024


class Codec(IntEnum):
    """As the lowest three bits of a batch's attributes tell it."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTANDARD = 4


class UnpackingError(ValueError):
    """The bytes are none of the codec's, or are cut."""


def pieces(codec: Codec, packed: bytes) -> Iterator[bytes]:
    """What `packed` holds, in pieces.

    Raises UnpackingError, perhaps after some pieces.
    """
    try:
        yield from _UNPACKERS[codec](packed)
    except (zlib.error, RuntimeError, zstandard.ZstdError, cramjam.DecompressionError, EOFError) as error:
        raise UnpackingError(f"{codec.name.lower()}: {error}") from None


def _plain(packed: bytes) -> Iterator[bytes]:
    yield packed


def _gzip(packed: bytes) -> Iterator[bytes]:
    rest = packed
    while rest:  # a file of gzip may have several members
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while rest and not member.eof:
            yield member.decompress(rest, PIECE_BYTES)
            rest = member.unconsumed_tail
        if not member.eof:
            raise EOFError("the bytes end early")
        rest = member.unused_data


def _lz4(packed: bytes) -> Iterator[bytes]:
    rest = packed
    while rest:
        frame = lz4.frame.LZ4FrameDecompressor()
        yield frame.decompress(rest, PIECE_BYTES)
        while not frame.eof:
            if frame.needs_input:
                raise EOFError("the bytes end early")
            yield frame.decompress(b"", PIECE_BYTES)
        rest = frame.unused_data or b""


def _zstandard(packed: bytes) -> Iterator[bytes]:
    unpacking = zstandard.ZstdDecompressor(max_window_size=_LARGEST_ZSTANDARD_WINDOW)
    with unpacking.stream_reader(packed, read_across_frames=True) as reader:
        while piece := reader.read(PIECE_BYTES):
            yield piece


def _snappy(packed: bytes) -> Iterator[bytes]:
    if not packed.startswith(_XERIAL_BEGIN):
        yield _snappy_block(packed)
        return
    begin = _XERIAL_HEADER_BYTES
    while begin < len(packed):
        end = begin + _BLOCK_LENGTH.size
        if end > len(packed):
            raise EOFError("the bytes end early")
        (length,) = _BLOCK_LENGTH.unpack_from(packed, begin)
        begin = end + length
        if length < 0 or begin > len(packed):
            raise EOFError("the bytes end early")
        yield _snappy_block(packed[end:begin])


def _snappy_block(block: bytes) -> bytes:
    if not block:
        raise EOFError("the bytes end early")
    if (length := cramjam.snappy.decompress_raw_len(block)) > _LARGEST_SNAPPY_BLOCK:
        raise EOFError(f"a block of {length} bytes")
    return bytes(cramjam.snappy.decompress_raw(block))


_UNPACKERS: dict[Codec, Callable[[bytes], Iterator[bytes]]] = {
    Codec.NONE: _plain,
    Codec.GZIP: _gzip,
    Codec.SNAPPY: _snappy,
    Codec.LZ4: _lz4,
    Codec.ZSTANDARD: _zstandard,
}
