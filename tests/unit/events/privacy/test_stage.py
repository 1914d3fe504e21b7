"""The privacy stage, field by field; what must never be left is tried in test_leaks.py."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from support.repository import ROOT

from gapwatch.pipeline.events.privacy import MaskedEvent, mask_event, mask_identity
from gapwatch.pipeline.events.privacy.pseudonyms import is_pseudonym
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.settings import settings
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


def test_an_event_without_personal_data_is_not_copied() -> None:
    clean = COMMON | {"attributes": {"shop": "7", "extra": '{"a":[1,"b"]}'}}
    for event in (
        Feedback(**clean, text="太慢了"),
        Complaint(**clean, text="太慢了", subject="慢"),
        Chat(**clean, conversation_id="k", turns=[Turn(role="customer", text="慢"), Turn(role="agent", text="好的")]),
    ):
        assert mask_event(event).event is event


def test_one_person_has_one_hash_in_every_field() -> None:
    phone = COMMON | {
        "customer_id": "+86 138-1234-5678",
        "order_id": "13812345678",
        "product_id": "１３８１２３４５６７８",
    }
    event = mask_event(Feedback(**phone, text="慢")).event
    assert event.customer_id == event.order_id == event.product_id
    assert is_pseudonym(event.customer_id)


def test_events_whose_ids_differ_stay_two() -> None:
    one, other = (
        mask_event(Feedback(**COMMON | {"event_id": event_id}, text="慢")).event.event_id
        for event_id in ("13812345678", "138 1234 5678")
    )
    assert is_pseudonym(one)
    assert is_pseudonym(other)
    assert one != other


def test_every_customer_is_hashed_on_request(settings_env) -> None:
    event = Feedback(**COMMON, text="慢")
    assert mask_event(event).event.customer_id == "c"
    settings_env.setenv("GAPWATCH_MASK_CUSTOMERS", "true")
    settings.cache_clear()
    once = mask_event(event)
    assert is_pseudonym(once.event.customer_id)
    assert mask_event(once.event) == once


def test_the_identity_is_the_stored_one() -> None:
    """A recount reads records again and must find the rows that the stage made of them."""
    event = Feedback(
        **COMMON | {"event_id": "13812345678", "customer_id": "张伟", "order_id": "13912345678"}, text="慢"
    )
    counted, stored = mask_identity(event), mask_event(event).event
    assert (counted.event_id, counted.customer_id) == (stored.event_id, stored.customer_id)


@pytest.mark.parametrize(
    ("region", "stored"),
    [
        ("浙江", "浙江"),
        ("杭州市西湖区", "杭州市西湖区"),
        ("north", "north"),
        ("吴江", "吴江"),
        ("浙江省杭州市西湖区文三路88号3幢502室", "浙江省杭州市"),
        ("北京朝阳区建国路93号院2号楼1203", "北京"),
        ("文三路88号3幢502室", "‹地址›"),
    ],
)
def test_of_an_address_the_region_is_kept(region: str, stored: str) -> None:
    assert mask_event(Feedback(**COMMON | {"region": region}, text="慢")).event.region == stored


TEXTS = st.text(alphabet="我叫李雷张伟先生电话号订单地址是中山路88号13812345678 \n：@a.cn贵姓？微信wx_", max_size=30)
TURNS = st.lists(st.tuples(st.sampled_from(["customer", "agent"]), TEXTS), min_size=1, max_size=6)


@settings_of_hypothesis(max_examples=300, deadline=None)
@given(TEXTS, TURNS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_masking_again_changes_nothing(
    text: str, turns: list[tuple[str, str]], name: str, attributes: dict[str, str]
) -> None:
    """Or to read a stored event again would change it, and what was masked before Kafka would be two events."""
    told = COMMON | {
        "attributes": attributes,
        "event_id": name,
        "customer_id": name,
        "product_id": name,
        "region": name,
    }
    for event in (
        Feedback(**told, text=text),
        Complaint(**told, text=text, subject=text),
        Chat(**told, conversation_id=name, turns=chat(*turns).turns),
    ):
        once: MaskedEvent = mask_event(event)
        assert mask_event(once.event) == once


def test_nothing_else_makes_a_masked_event() -> None:
    """Or something could be stored or read that did not pass the stage."""
    made = re.compile(r"(?<!class )\bMaskedEvent\(")
    rooms = ("agents", "benchmarks", "commands", "dashboards", "pipeline", "tests")
    makers = {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if made.search(path.read_text(encoding="utf-8"))
    }
    assert makers == {"pipeline/events/privacy/stage.py"}


@pytest.mark.parametrize("told", ["第{}句", "要{}件", "等了{}天"])
def test_what_is_counted_turn_by_turn_is_no_number_in_parts(told: str) -> None:
    turns = [("customer", told.format(number)) for number in range(1, 200, 2)]
    masked = mask_event(chat(*turns))
    assert isinstance(masked.event, Chat)
    assert [turn.text for turn in masked.event.turns] == [text for _, text in turns]
