"""Batches unpacked to a bounded size: what is small stays as it is, what is large leaves its place."""

import re
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import zstandard
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy
from aiokafka.record.util import encode_varint
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.kafka import bounded_batch
from gapwatch.pipeline.kafka.bounded_batch import BATCH_BYTES, UNREAD_HEADER, Unread, bounded
from gapwatch.pipeline.kafka.compression import Codec
from gapwatch.pipeline.kafka.topics import MAX_RECORD_BYTES

BASE = 700
HEADER_BYTES = 61
COMPRESSED = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTANDARD]
Given = tuple[bytes | None, bytes | None]


def batch_of(records: Sequence[Given], codec: Codec) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, False, -1, 0, 0, 1 << 40)
    for number, (key, value) in enumerate(records):
        builder.append(number, 1_000 + number, key, value, [("h", b"x")])
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, BASE)
    return bytes(made)


def records_of(batch: bytes) -> list[Any]:
    return list(DefaultRecordBatch(batch))


def unread(record: Any) -> Unread:
    found = Unread.of(record.headers)
    assert found is not None
    return found


@pytest.mark.parametrize("codec", COMPRESSED)
@given(st.lists(st.tuples(st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=300)), min_size=1))
def test_a_small_batch_holds_what_it_held(codec: Codec, records: list[Given]) -> None:
    found = records_of(bounded(batch_of(records, codec)))
    assert [(r.key, r.value) for r in found] == records
    assert [(r.offset, r.timestamp, r.headers) for r in found] == [
        (BASE + number, 1_000 + number, [("h", b"x")]) for number in range(len(records))
    ]


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_record_that_is_too_large_leaves_its_place(codec: Codec) -> None:
    bomb = bytes(3 * MAX_RECORD_BYTES)
    found = records_of(bounded(batch_of([(b"a", b"1"), (b"bomb", bomb), (b"c", b"3")], codec)))
    assert [(r.offset, r.timestamp, r.key, r.value) for r in found] == [
        (BASE, 1_000, b"a", b"1"),
        (BASE + 1, 1_001, b"bomb", None),
        (BASE + 2, 1_002, b"c", b"3"),
    ]
    left = unread(found[1])
    assert left.size > len(bomb)
    assert not left.unreadable
    assert str(MAX_RECORD_BYTES) in left.why
    assert Unread.of(found[0].headers) is None


def test_records_that_are_too_much_together() -> None:
    records = [(b"%d" % number, bytes(MAX_RECORD_BYTES - 100)) for number in range(10)] + [(b"last", b"1")]
    found = records_of(bounded(batch_of(records, Codec.ZSTANDARD)))
    assert [r.key for r in found] == [key for key, _ in records]
    assert [r.value is None for r in found] == [False] * 8 + [True] * 2 + [False]
    assert "together" in unread(found[8]).why


def test_so_many_records_that_the_rest_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_batch, "MAX_RECORD_BYTES", 50)
    monkeypatch.setattr(bounded_batch, "_SCANNED_RECORDS", 3)
    found = records_of(bounded(batch_of([(None, b"1")] * 9, Codec.GZIP)))
    assert [r.offset for r in found] == [BASE, BASE + 1, BASE + 2, BASE + 3]
    assert unread(found[3]).why == f"offsets {BASE + 3} to {BASE + 8}: the batch holds 9 records"


def test_what_unpacks_to_gigabytes_is_not_unpacked_to_its_end() -> None:
    begin = batch_of([(b"a", b"1")] * 5, Codec.NONE)
    length = bytearray()
    encode_varint(2**40, length.append)
    packing = zstandard.ZstdCompressor(level=1).compressobj()
    # Attributes, a time, an offset, no key, and a value without end.
    packed = packing.compress(begin[HEADER_BYTES:] + length + b"\0\0\x0a\x01")
    for _ in range(12):
        packed += packing.compress(bytes(64 * 1024**2))
    packed += packing.flush()
    header = bytearray(begin[:HEADER_BYTES])
    struct.pack_into(">hi", header, 21, Codec.ZSTANDARD, 99)  # attributes, the offset of the last record
    struct.pack_into(">i", header, 57, 100)  # records
    found = records_of(bounded(bytes(header) + packed))
    assert [r.key for r in found[:5]] == [b"a"] * 5
    assert len(found) == 6
    assert re.fullmatch(
        rf"offsets {BASE + 5} to {BASE + 99}: the batch unpacks to more than \d+ bytes", unread(found[5]).why
    )


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4])
def test_a_batch_that_cannot_be_unpacked_is_one_record(codec: Codec) -> None:
    batch = batch_of([(b"a", b"text" * 100)] * 9, codec)
    (record,) = records_of(bounded(batch[:-12]))
    assert record.offset == BASE
    left = unread(record)
    assert left.unreadable
    assert left.why.startswith(f"offsets {BASE} to {BASE + 8}: the batch cannot be unpacked: {codec.name.lower()}")


def test_a_codec_that_nobody_knows() -> None:
    batch = bytearray(batch_of([(b"a", b"1")], Codec.NONE))
    struct.pack_into(">h", batch, 21, 6)
    (record,) = records_of(bounded(bytes(batch)))
    assert unread(record).unreadable


sizes = st.lists(st.integers(0, 400), min_size=1, max_size=30)


@pytest.mark.parametrize("codec", COMPRESSED)
@given(sizes)
def test_only_what_is_too_large_is_left_out(codec: Codec, lengths: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_batch, "MAX_RECORD_BYTES", 200)
        patch.setattr(bounded_batch, "BATCH_BYTES", 10**6)
        found = records_of(bounded(batch_of([(b"k%d" % n, bytes(size)) for n, size in enumerate(lengths)], codec)))
    assert [(r.offset - BASE, r.key) for r in found] == [(n, b"k%d" % n) for n in range(len(lengths))]
    for record, size in zip(found, lengths, strict=True):
        # A whole batch that is small is not looked at, and 20 bytes stand beside a value.
        if record.value is None:
            assert size > 170
        else:
            assert len(record.value) == size
            assert size <= 200


@given(st.integers(0, 2**63), st.booleans(), st.text())
def test_what_a_record_that_was_left_out_tells(size: int, unreadable: bool, why: str) -> None:
    told = Unread(size, unreadable, why.strip().encode("utf-8", "replace").decode())
    assert Unread.of([("other", b""), told.header]) == told


@given(st.binary())
def test_headers_of_others(value: bytes) -> None:
    assert Unread.of([(UNREAD_HEADER, value)]) is not None


def test_memory_is_bounded() -> None:
    """A process that may take a few hundred megabytes unpacks a batch of gigabytes."""
    packing = zlib.compressobj(wbits=31)
    packed = b"".join(packing.compress(bytes(16 * 1024**2)) for _ in range(128)) + packing.flush()
    header = bytearray(batch_of([(b"a", b"1")], Codec.GZIP)[:HEADER_BYTES])
    program = (
        "import sys; from gapwatch.pipeline.kafka.bounded_batch import bounded;"
        "print(len(bounded(sys.stdin.buffer.read())))"
    )
    limit = 600 * 1024**2
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=bytes(header) + packed,
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    assert int(done.stdout) < BATCH_BYTES + 1024
