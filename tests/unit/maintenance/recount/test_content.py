"""What counts as the same content: what is stored alike."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from gapwatch.pipeline.maintenance.recount.content import content_of, hash_of_content
from gapwatch.schemas.events import Chat, Feedback, Turn

AT = datetime(2026, 11, 2, 3, 4, 5, 678_900, tzinfo=UTC)
FEEDBACK = Feedback(
    event_id="e", event_time=AT, channel="app", customer_id="c", text="慢", attributes={"a": "1", "b": "2"}
)


@pytest.mark.parametrize(
    "alike",
    [
        {"event_time": AT.astimezone(timezone(timedelta(hours=8)))},
        {"event_time": AT.replace(microsecond=678_000)},
        {"order_id": ""},
        {"attributes": {"b": "2", "a": "1"}},
    ],
)
def test_what_is_stored_alike_is_the_same(alike: dict[str, Any]) -> None:
    other = msgspec.structs.replace(FEEDBACK, **alike)
    assert content_of(other) == content_of(FEEDBACK)
    assert hash_of_content(other) == hash_of_content(FEEDBACK)


@pytest.mark.parametrize(
    "other", [{"text": "慢 "}, {"rating": 1}, {"order_id": "o"}, {"event_time": AT + timedelta(milliseconds=1)}]
)
def test_anything_else_differs_in_the_field_that_says_it(other: dict[str, Any]) -> None:
    changed = msgspec.structs.replace(FEEDBACK, **other)
    said, says = content_of(FEEDBACK), content_of(changed)
    assert {name for name in says if says[name] != said[name]} == other.keys()
    assert hash_of_content(changed) != hash_of_content(FEEDBACK)


def test_turns_in_another_order_are_the_same_where_their_times_tell() -> None:
    turns = [Turn(role="customer", text="在吗", at=AT), Turn(role="agent", text="在", at=AT + timedelta(seconds=5))]
    chat = Chat(event_id="e", event_time=AT, channel="app", customer_id="c", conversation_id="k", turns=turns)
    assert hash_of_content(msgspec.structs.replace(chat, turns=turns[::-1])) == hash_of_content(chat)
    assert hash_of_content(msgspec.structs.replace(chat, turns=turns[:1])) != hash_of_content(chat)
