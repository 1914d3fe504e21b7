"""What kafka-python reads through our consumer."""

import pytest
from kafka.record import MemoryRecords
from support.broker_log import GZIP, LZ4, content, whole

import gapwatch.pipeline.kafka.consumer  # noqa: F401 - what is tested takes effect with it


@pytest.mark.parametrize("codec", [0, GZIP, LZ4])
def test_header_names_that_are_not_utf_8_harm_no_record(codec: int) -> None:
    log = MemoryRecords(whole(0, 9, codec=codec, unreadable=True).to_bytes() + whole(9, 9, codec=codec).to_bytes())
    read = [(r.offset, r.key, r.value, r.headers) for batch in iter(log.next_batch, None) for r in batch]
    expected = [(offset, *content(offset)) for offset in range(18)]
    assert read[9:] == expected[9:]
    for found, (offset, key, value, headers) in zip(read, expected[:9], strict=False):
        assert found == (offset, key, value, [("\ufffd" + name, told) for name, told in headers])
