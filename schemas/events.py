"""The event contract, version 1: what the channels publish to Kafka, as strict typed records.

A record is decoded against these types; what does not fit becomes a dead letter with the reason.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

CONTRACT_VERSION = 1

Channel = Literal[
    "physical",
    "phone",
    "site",
    "app",
    "wechat",
    "weibo",
    "qq",
    "email",
    "marketplace",
    "forum",
    "mystery_shopper",
    "monitoring",
]
Role = Literal["customer", "agent", "bot"]
Status = Literal["open", "answered", "resolved"]

Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
Label = Annotated[str, Meta(max_length=500)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with offset.")]


class Event(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every event carries. Two records with one `event_id` are the same event; the later published stands."""

    event_id: Annotated[Identifier, Meta(description="Unique. A second record with it is a duplicate or a correction.")]
    event_time: Instant
    channel: Channel
    customer_id: Annotated[Identifier, Meta(description="Opaque: no name, no number of the person.")]
    order_id: Label | None = None
    product_id: Label | None = None
    region: Label | None = None
    attributes: dict[str, str] = {}


class Feedback(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer's opinion: a review, a post, a remark at the counter."""

    text: str
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None


class Complaint(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer asks for something to be put right. Promise and delivery times show a broken promise."""

    text: str
    subject: Label | None = None
    promised_at: Instant | None = None
    delivered_at: Instant | None = None
    status: Status | None = None


class Turn(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One message of a chat."""

    role: Role
    text: str
    at: Instant | None = None


class Chat(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The transcript of one conversation."""

    conversation_id: Identifier
    agent_id: Label | None = None
    turns: Annotated[list[Turn], Meta(min_length=1)]
    ended_at: Instant | None = None


EventType = Literal["feedback", "complaint", "chat"]
AnyEvent = Feedback | Complaint | Chat
EVENT_TYPES: dict[EventType, type[Feedback] | type[Complaint] | type[Chat]] = {
    "feedback": Feedback,
    "complaint": Complaint,
    "chat": Chat,
}


def topic_of(event_type: EventType) -> str:
    """The topic that carries events of this type: `feedback.events` and so on."""
    return f"{event_type}.events"


def dead_letter_topic_of(topic: str) -> str:
    """Where records of a topic go that cannot be processed."""
    return f"{topic}.dead-letter"
