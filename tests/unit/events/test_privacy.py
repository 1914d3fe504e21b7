"""Behind the privacy stage no text of an event holds personal data."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.privacy import MaskedEvent, mask_event
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.schemas.events import Chat, Complaint, Feedback, Turn

TOLD = "请打13812345678"
MASKED = "请打‹电话›"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
COMMON: dict[str, Any] = {
    "event_id": "e",
    "event_time": NOON,
    "channel": "app",
    "customer_id": "c",
    "attributes": {"备注": TOLD, "shop": "7"},
}


def chat(*turns: tuple[str, str]) -> Chat:
    said: list[Any] = [Turn(role=role, text=text) for role, text in turns]  # type: ignore[arg-type]
    return Chat(**COMMON, conversation_id="k", turns=said)


def test_the_texts_of_feedback() -> None:
    event = Feedback(**COMMON, text=TOLD, rating=4)
    masked = mask_event(event)
    assert masked.event == msgspec.structs.replace(event, text=MASKED, attributes={"备注": MASKED, "shop": "7"})
    assert masked.text == MASKED


@pytest.mark.parametrize(("subject", "stored"), [(TOLD, MASKED), (None, None)])
def test_the_subject_of_a_complaint(subject: str | None, stored: str | None) -> None:
    event = mask_event(Complaint(**COMMON, text="慢", subject=subject, status="open")).event
    assert isinstance(event, Complaint)
    assert (event.subject, event.status, event.attributes["备注"]) == (stored, "open", MASKED)


def test_what_everybody_says_in_a_chat() -> None:
    masked = mask_event(chat(("customer", TOLD), ("agent", TOLD), ("bot", "好"), ("customer", "谢谢")))
    assert isinstance(masked.event, Chat)
    assert [turn.text for turn in masked.event.turns] == [MASKED, MASKED, "好", "谢谢"]
    assert masked.said == (MASKED, "谢谢")
    assert masked.text == f"{MASKED}\n谢谢"
    assert masked.event.attributes["备注"] == MASKED


def test_the_turns_of_a_chat_are_in_order() -> None:
    turns = [Turn(role="customer", text=text, at=NOON + timedelta(seconds=at)) for text, at in (("二", 2), ("一", 1))]
    masked = mask_event(msgspec.structs.replace(chat(), turns=turns))
    assert isinstance(masked.event, Chat)
    assert [turn.text for turn in masked.event.turns] == ["一", "二"]
    assert masked.text == "一\n二"


def test_what_only_the_whole_tells_is_masked_in_the_whole() -> None:
    assert mask_event(chat(("customer", "联系人："), ("customer", "李雷"))).text == "联系人：\n‹姓名›"


def test_what_a_turn_tells_is_masked_in_the_whole() -> None:
    """As an order number it would stay, but the number is a turn of its own, and there it is a telephone's."""
    number = "01065529988"
    assert mask(f"订单号：\n{number}").text == f"订单号：\n{number}"
    assert mask_event(chat(("customer", "订单号："), ("customer", number))).text == "订单号：\n‹电话›"


def test_a_chat_in_which_the_customer_says_nothing() -> None:
    masked = mask_event(chat(("agent", "在吗")))
    assert (masked.text, masked.said) == ("", ())


TEXTS = st.text(alphabet="我叫李雷张伟先生电话号订单地址是中山路88号13812345678 \n：@a.cn", max_size=30)


@given(TEXTS, st.lists(st.tuples(st.sampled_from(["customer", "agent"]), TEXTS), min_size=1, max_size=4))
def test_masking_again_changes_nothing(text: str, turns: list[tuple[str, str]]) -> None:
    """Or to read a stored event again would change it, though no rule has learnt anything."""
    for event in (Feedback(**COMMON, text=text), Complaint(**COMMON, text=text, subject=text), chat(*turns)):
        once: MaskedEvent = mask_event(event)
        assert mask_event(once.event) == once
