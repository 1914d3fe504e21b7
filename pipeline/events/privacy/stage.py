"""The whole event through the privacy stage: identifiers, region, attributes, texts, turns."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gapwatch.pipeline.events.conversations import ordered
from gapwatch.pipeline.events.privacy.attributes import masked_attributes
from gapwatch.pipeline.events.privacy.identifiers import masked_identifier, masked_record_id
from gapwatch.pipeline.events.privacy.regions import masked_region
from gapwatch.pipeline.events.privacy.turns import masked_turns
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.pipeline.settings import settings
from gapwatch.schemas.events import AnyEvent, Chat, Complaint


class MaskedEvent(Struct, frozen=True):
    """An event without personal data; `mask_event` alone makes it, so that no text passes by this stage unnoticed.

    `event` is the event as it was decoded, each of its fields masked, the turns of a chat in order. `text` is what the
    customer said; of a chat it holds line by line the customer's turns, which are `said`.
    """

    event: AnyEvent
    text: MaskedText
    said: tuple[MaskedText, ...] = ()


def mask_event(event: AnyEvent) -> MaskedEvent:
    """Mask an event: what names a person in its identifiers becomes a keyed hash, what texts and attributes tell a
    token of its kind. Masking a masked event changes nothing.

    Raises SettingsError where an identifier is to be hashed and there is no key.
    """
    # Most events hold no personal data, and a copy takes as long as the search for them.
    changes = _identifier_changes(event)
    if event.attributes and (attributes := masked_attributes(event.attributes)) is not event.attributes:
        changes["attributes"] = attributes
    if isinstance(event, Chat):
        return _masked_chat(event, changes)
    text = mask(event.text).text
    if text != event.text:
        changes["text"] = text
    if isinstance(event, Complaint) and event.subject and (subject := mask(event.subject).text) != event.subject:
        changes["subject"] = subject
    return MaskedEvent(replace(event, **changes) if changes else event, text)


def mask_identity(event: AnyEvent) -> AnyEvent:
    """The event with the identifiers that say which event it is as they are stored, for whoever counts events again."""
    changes = _changed(event, _identity(event))
    return replace(event, **changes) if changes else event


def _identity(event: AnyEvent) -> dict[str, str]:
    return {
        "event_id": masked_record_id(event.event_id),
        "customer_id": masked_identifier(event.customer_id, "person", certain=settings().mask_customers),
    }


def _identifier_changes(event: AnyEvent) -> dict[str, Any]:
    masked = _identity(event)
    if event.order_id:
        masked["order_id"] = masked_identifier(event.order_id, "record")
    if event.product_id:
        masked["product_id"] = masked_identifier(event.product_id, "product")
    if event.region:
        masked["region"] = masked_region(event.region)
    if isinstance(event, Chat):
        masked["conversation_id"] = masked_identifier(event.conversation_id, "record")
        if event.agent_id:
            masked["agent_id"] = masked_identifier(event.agent_id, "person")
    return _changed(event, masked)


def _changed(event: AnyEvent, masked: dict[str, str]) -> dict[str, Any]:
    return {field: value for field, value in masked.items() if value is not getattr(event, field)}


def _masked_chat(chat: Chat, changes: dict[str, Any]) -> MaskedEvent:
    turns = ordered(chat.turns)
    texts = masked_turns([(turn.role, turn.text) for turn in turns])
    told = list(zip(turns, texts, strict=True))
    anew = [turn if text == turn.text else replace(turn, text=text) for turn, text in told]
    if any(left is not right for left, right in zip(anew, chat.turns, strict=True)):
        changes["turns"] = anew
    said = tuple(text for turn, text in told if turn.role == "customer")
    return MaskedEvent(replace(chat, **changes) if changes else chat, MaskedText("\n".join(said)), said)
