"""The privacy stage. Behind it nothing sees what a customer wrote, but for personal data masked.

    decode ──> mask_event ──> read ──> columns

`MaskedEvent` is what reading and columns take, so that a text cannot pass by this stage unnoticed.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gapwatch.pipeline.events.conversations import ordered
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.schemas.events import AnyEvent, Chat, Complaint, Turn


class MaskedEvent(Struct, frozen=True):
    """An event without personal data; `mask_event` makes it.

    `event` is the event as it was decoded, each of its texts masked, the turns of a chat in order. `text` is what the
    customer said; of a chat it holds line by line the customer's turns, which are `said`.
    """

    event: AnyEvent
    text: MaskedText
    said: tuple[MaskedText, ...] = ()


def mask_event(event: AnyEvent) -> MaskedEvent:
    """Mask what a customer or an employee wrote: text or turns, the subject, the values of attributes."""
    changes: dict[str, Any] = {}
    if event.attributes:
        changes["attributes"] = {name: mask(value).text for name, value in event.attributes.items()}
    if isinstance(event, Chat):
        return _masked_chat(event, changes)
    text = mask(event.text).text
    if text is not event.text:
        changes["text"] = text
    if isinstance(event, Complaint) and event.subject:
        changes["subject"] = mask(event.subject).text
    # Most events hold no personal data, and a copy takes as long as the search for them.
    return MaskedEvent(replace(event, **changes) if changes else event, text)


def _masked_chat(chat: Chat, changes: dict[str, Any]) -> MaskedEvent:
    masked = [(turn, mask(turn.text).text) for turn in ordered(chat.turns)]
    said = tuple(text for turn, text in masked if turn.role == "customer")
    # A name may stand in the turn after the words that announce it, where only the whole tells that it is one.
    whole = said[0] if len(said) == 1 else mask("\n".join(said)).text
    return MaskedEvent(replace(chat, turns=[_turn(*one) for one in masked], **changes), whole, said)


def _turn(turn: Turn, text: MaskedText) -> Turn:
    return Turn(role=turn.role, text=text, at=turn.at)
