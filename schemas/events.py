"""The event contract, version 1: what the channels publish to Kafka, as strict typed records.

A record is decoded against these types; what does not fit becomes a dead letter with the reason.
`docs/reference/events.md` says what the types cannot: limits on time, and how odd characters are stored.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

CONTRACT_VERSION = 1

# Thirty times the longest text of the corpora that the models were made with, yet read in well under a second, so that
# no single record stalls a worker.
MAX_TEXT = 100_000
MAX_TURNS = 10_000
MAX_CHAT_TEXT = 1_000_000

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

# The schema documents state the pattern; the decoder enforces it, and only on records that could break it (a JSON text
# cannot hold these characters unescaped), which is cheaper than a pattern on every name of every event.
_NO_CONTROL = {"pattern": "^[^\\u0000-\\u001f]*$"}
Identifier = Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema=_NO_CONTROL)]
Label = Annotated[str, Meta(max_length=500, extra_json_schema=_NO_CONTROL)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with offset, 2000 or later.")]
AttributeName = Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema=_NO_CONTROL)]
AttributeValue = Annotated[str, Meta(max_length=10_000)]
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Meta(max_length=100, description="Anything else worth keeping. Top-level fields unknown to the contract join it."),
]


class Event(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every event carries.

    Two records of one type, `channel`, `customer_id` and `event_id` are one event; the later published stands.
    """

    event_id: Annotated[
        Identifier,
        Meta(description="Names the event among those of its type, channel and customer. The key of its record."),
    ]
    event_time: Annotated[Instant, Meta(description="When the customer spoke: RFC 3339 with offset, 2000 or later.")]
    channel: Annotated[Channel, Meta(description="Where the customer spoke.")]
    customer_id: Annotated[Identifier, Meta(description="Opaque: no name, no number of the person.")]
    order_id: Annotated[Label | None, Meta(description="The order spoken of. Empty is the same as absent.")] = None
    product_id: Annotated[Label | None, Meta(description="The product spoken of. Empty is the same as absent.")] = None
    region: Annotated[Label | None, Meta(description="Where the customer is. Empty is the same as absent.")] = None
    attributes: Attributes = {}


class Feedback(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer's opinion: a review, a post, a remark at the counter."""

    text: Annotated[Text, Meta(description="The customer's words. May be blank only beside a rating.")]
    rating: Annotated[
        Annotated[int, Meta(ge=1, le=5)] | None, Meta(description="Stars, 1 (worst) to 5, where the channel asks.")
    ] = None


class Complaint(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A customer asks for something to be put right. Promise and delivery times show a broken promise."""

    text: Annotated[Text, Meta(description="The customer's words; not blank.", extra_json_schema={"pattern": r"\S"})]
    subject: Annotated[Label | None, Meta(description="What the complaint is about, as the channel filed it.")] = None
    promised_at: Annotated[Instant | None, Meta(description="When delivery was promised for.")] = None
    delivered_at: Annotated[Instant | None, Meta(description="When delivery happened.")] = None
    status: Annotated[Status | None, Meta(description="How far the complaint has come.")] = None


class Turn(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One message of a chat."""

    role: Annotated[Role, Meta(description="Who speaks; `agent` is a person, `bot` is not.")]
    text: Annotated[Text, Meta(description="May be blank, for a picture or a sticker.")]
    at: Annotated[Instant | None, Meta(description="When it was sent. Response times need it on every turn.")] = None


class Chat(Event, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The transcript of one conversation."""

    conversation_id: Annotated[Identifier, Meta(description="One per conversation; its records keep their order.")]
    agent_id: Annotated[Label | None, Meta(description="Who served the customer. Opaque.")] = None
    turns: Annotated[
        list[Turn],
        Meta(min_length=1, max_length=MAX_TURNS, description="In any order if every turn has a time, else as spoken."),
    ]
    ended_at: Annotated[Instant | None, Meta(description="When the conversation was closed.")] = None


EventType = Literal["feedback", "complaint", "chat"]
AnyEvent = Feedback | Complaint | Chat
EVENT_TYPES: dict[EventType, type[Feedback] | type[Complaint] | type[Chat]] = {
    "feedback": Feedback,
    "complaint": Complaint,
    "chat": Chat,
}
TYPE_NAMES: dict[type, EventType] = {kind: name for name, kind in EVENT_TYPES.items()}

NAME_FIELDS: Final = (
    "event_id",
    "customer_id",
    "order_id",
    "product_id",
    "region",
    "conversation_id",
    "agent_id",
    "subject",
)
"""Fields, of whichever type, that hold a name."""

TIME_FIELDS: Final = ("event_time", "promised_at", "delivered_at", "ended_at")
"""Fields, of whichever type, that hold a time."""

CLOSED_FIELDS: Final[dict[str, tuple[str, ...]]] = {"channel": get_args(Channel), "status": get_args(Status)}
"""Fields that hold one of a few words, and the words."""


def topic_of(event_type: EventType) -> str:
    """The topic that carries events of this type: `feedback.events` and so on."""
    return f"{event_type}.events"


def dead_letter_topic_of(topic: str) -> str:
    """Where records of a topic go that cannot be processed."""
    return f"{topic}.dead-letter"
