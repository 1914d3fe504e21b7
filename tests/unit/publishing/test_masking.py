"""What is masked before Kafka, the workers store as it is."""

import json

import msgspec
import pytest

from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.pipeline.publishing.masking import mask_before_publishing
from gapwatch.schemas.examples import EXAMPLES

PUBLISHED = {
    "event_id": "e-13812345678",
    "event_time": "2026-11-01T12:00:00.123456+08:00",
    "channel": "app",
    "customer_id": "张伟",
    "region": "浙江省杭州市西湖区文三路88号",
    "receiver": {"tel": 13812345678, "13912345678": ["李雷"]},
}
CHAT = PUBLISHED | {
    "conversation_id": "k-1",
    "turns": [
        {"role": "customer", "text": "李雷", "at": "2026-11-01T12:00:02+08:00"},
        {"role": "agent", "text": "请问您贵姓", "at": "2026-11-01T12:00:01+08:00"},
    ],
}


@pytest.mark.parametrize(
    ("event_type", "published"), [("feedback", PUBLISHED | {"text": "打13812345678"}), ("chat", CHAT)]
)
def test_the_worker_stores_it_as_it_was_published(event_type, published):
    event, value = mask_before_publishing(decode(event_type, json.dumps(published).encode()))
    assert decode(event_type, value) == event
    assert mask_event(event).event == event == mask_event(decode(event_type, json.dumps(published).encode())).event
    for secret in ("12345678", "张伟", "李雷", "文三路"):
        assert secret not in value.decode()


@pytest.mark.parametrize(
    ("event_type", "example"), [(kind, example) for kind, named in EXAMPLES.items() for example in named.values()]
)
def test_an_event_without_personal_data_is_published_as_it_is(event_type, example):
    event = decode(event_type, msgspec.json.encode(example))
    assert mask_before_publishing(event) == (event, msgspec.json.encode(event))


def test_what_tokens_make_too_long_is_refused():
    text = "请打13812345678；我叫张三，" + "张先生，" * 24_990
    event = decode("feedback", json.dumps(PUBLISHED | {"text": text}).encode())
    with pytest.raises(Rejected, match="text_too_large"):
        mask_before_publishing(event)
