"""Unpacking piece by piece, beside what the codecs make of the same bytes at once."""

import contextlib
import gzip

import cramjam
import lz4.frame
import pytest
import zstandard
from aiokafka.codec import snappy_encode
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.kafka.compression import PIECE_BYTES, Codec, UnpackingError, pieces

PACK = {
    Codec.NONE: bytes,
    Codec.GZIP: gzip.compress,
    Codec.SNAPPY: lambda data: bytes(cramjam.snappy.compress_raw(data)),
    Codec.LZ4: lz4.frame.compress,
    Codec.ZSTANDARD: zstandard.compress,
}
CODECS = list(PACK)
COMPRESSING = CODECS[1:]
LARGE = bytes(range(256)) * 12_000


@pytest.mark.parametrize("codec", CODECS)
@given(st.binary(max_size=300), st.integers(1, 3))
def test_pieces_are_what_was_packed(codec: Codec, data: bytes, times: int) -> None:
    assert b"".join(pieces(codec, PACK[codec](data * times))) == data * times


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.LZ4, Codec.ZSTANDARD])
def test_a_piece_is_bounded(codec: Codec) -> None:
    found = list(pieces(codec, PACK[codec](LARGE)))
    assert b"".join(found) == LARGE
    assert max(map(len, found)) <= PIECE_BYTES


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.LZ4, Codec.ZSTANDARD])
def test_one_after_the_other(codec: Codec) -> None:
    assert b"".join(pieces(codec, PACK[codec](b"one") + PACK[codec](b"two"))) == b"onetwo"


def test_snappy_as_java_writes_it() -> None:
    packed = snappy_encode(LARGE, xerial_compatible=True, xerial_blocksize=32 * 1024)
    found = list(pieces(Codec.SNAPPY, packed))
    assert b"".join(found) == LARGE
    assert len(found) > 10


@pytest.mark.parametrize("codec", COMPRESSING)
@given(st.binary(min_size=1, max_size=64))
def test_other_bytes_raise_nothing_else(codec: Codec, data: bytes) -> None:
    with contextlib.suppress(UnpackingError):
        b"".join(pieces(codec, data))


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4])
def test_bytes_that_end_early(codec: Codec) -> None:
    with pytest.raises(UnpackingError):
        list(pieces(codec, PACK[codec](LARGE)[:-9]))


def test_a_block_of_snappy_that_would_take_gigabytes_is_not_begun() -> None:
    with pytest.raises(UnpackingError, match="a block of 4294967295 bytes"):
        list(pieces(Codec.SNAPPY, b"\xff\xff\xff\xff\x0f" + bytes(20)))
