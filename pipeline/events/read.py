"""Masked events → their readings."""

from collections.abc import Sequence
from typing import Protocol

from gapwatch.pipeline.events.privacy import MaskedEvent
from gapwatch.pipeline.language.masking.spans import MaskedText
from gapwatch.pipeline.language.reading import ChatReading, Reading
from gapwatch.schemas.events import Chat, Feedback


class TextReader(Protocol):
    """The language layer, as far as events need it: gapwatch.pipeline.language.reader.Reader."""

    version: str

    def read(self, texts: Sequence[MaskedText], ratings: Sequence[int | None] | None = None) -> list[Reading]: ...
    def read_chat(self, said: Sequence[MaskedText], whole: MaskedText) -> ChatReading: ...


def read(reader: TextReader, events: Sequence[MaskedEvent]) -> list[Reading | ChatReading]:
    """One reading for each event: a ChatReading of a chat. Texts that are no chats are read together."""
    single = [one for one in events if not isinstance(one.event, Chat)]
    readings = iter(reader.read([one.text for one in single], [_rating(one) for one in single]))
    return [reader.read_chat(one.said, one.text) if isinstance(one.event, Chat) else next(readings) for one in events]


def _rating(masked: MaskedEvent) -> int | None:
    return masked.event.rating if isinstance(masked.event, Feedback) else None
