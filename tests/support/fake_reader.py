"""A reader of texts that fails as it is told to, records for it, and what their dead letters say."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reading import ChatReading, Reading

POISON = "poison"
YESTERDAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=1)


class FakeReader:
    version = "fake"

    def read(self, texts: Sequence[str], ratings: Sequence[int | None] | None = None) -> list[Reading]:
        if any(POISON in text for text in texts):
            raise ZeroDivisionError(POISON)
        return [Reading(text, "neutral", 0.0, (), "none", "none", "in_sale", 0.0, ()) for text in texts]

    def read_chat(self, said: Sequence[str], whole: str) -> ChatReading:
        readings = self.read([*said, whole])
        return ChatReading(readings[-1], tuple(float(place) for place, _ in enumerate(said)))


def record(offset: int, text: str = "还不错", **fields: Any) -> Record:
    event = {
        "event_id": f"e{offset}",
        "event_time": YESTERDAY.isoformat(),
        "channel": "app",
        "customer_id": "c",
        "text": text,
    }
    return Record("feedback.events", 0, offset, 1_700_000_000_000, None, json.dumps(event | fields).encode())


def header(letter: Any, name: str) -> str:
    return dict(letter.headers)[f"gapwatch.{name}"].decode()
