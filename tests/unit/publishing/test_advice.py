import json
from typing import Any

import pytest

from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.publishing.advice import advice
from gapwatch.pipeline.publishing.files.shape import Row

EVENT = {"event_id": "e", "event_time": "2026-01-02T03:04:05Z", "channel": "app", "customer_id": "c", "text": "好"}


def advised(text: str) -> str:
    row = Row(1, text, text.encode())
    with pytest.raises(Rejected) as refused:
        decode("feedback", row.value)
    return str(advice("feedback", row, refused.value))


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"schema": {"type": "struct"}, "payload": EVENT}, "Kafka Connect"),
        ({"before": None, "after": EVENT, "op": "c", "ts_ms": 1}, "Debezium"),
        ({"schema": {}, "payload": {"before": None, "after": EVENT, "op": "c"}}, "Debezium"),
        ({"event_id": "e", "评论": "好"}, "channel, customer_id, event_time, text missing; the row has event_id, 评论"),
        (EVENT | {str(n): "x" for n in range(101)}, "--leave-out"),
        (EVENT | {"more": "x" * 10_001}, "--leave-out"),
        (EVENT | {"customer_id": 7}, "a text, which stands in quotes also where it is digits"),
        (EVENT | {"rating": "5"}, "a whole number, which stands without quotes"),
    ],
)
def test_what_to_do_about_a_refusal(record: dict[str, Any], told: str) -> None:
    assert told in advised(json.dumps(record, ensure_ascii=False))


def test_a_record_of_a_schema_registry_is_known() -> None:
    assert "schema registry" in advised("\0\0\0\0\7" + json.dumps(EVENT))
