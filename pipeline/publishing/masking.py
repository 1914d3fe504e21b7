"""Masking before Kafka: the stage of the workers, run by the publisher, so that no topic holds personal data."""

import msgspec

from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.events.privacy import mask_event
from gapwatch.schemas.events import TYPE_NAMES, AnyEvent


def mask_before_publishing(event: AnyEvent) -> tuple[AnyEvent, bytes]:
    """The event without personal data, and its JSON. The workers' masking changes nothing of it.

    The key of the hashes must be the workers'. Raises decode.Rejected for an event that the tokens make longer than
    the contract allows, SettingsError where there is no key.
    """
    masked = mask_event(event).event
    value = msgspec.json.encode(masked)
    return decode(TYPE_NAMES[type(event)], value), value
