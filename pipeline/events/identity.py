"""What makes two records one event: type, channel, customer and `event_id`, all four (docs/decisions/0077).

Ids of spreadsheets, tables and channels collide. So an `event_id` alone names no event, and nobody who repeats one can
overwrite another customer's words.
"""

from collections.abc import Iterable
from hashlib import md5
from typing import NamedTuple

from gapwatch.schemas.events import TYPE_NAMES, AnyEvent


class Identity(NamedTuple):
    """The identity of an event, as it is stored."""

    event_type: str
    channel: str
    customer_id: str
    event_id: str

    @classmethod
    def of(cls, event: AnyEvent) -> "Identity":
        return cls(TYPE_NAMES[type(event)], event.channel, event.customer_id, event.event_id)


# No name holds a control character, so that no two identities are joined to one text.
_SEPARATOR = "\n"

IDENTITY_COLUMNS = ", ".join(Identity._fields)
"""The columns of an event's identity, as a list in SQL."""

IDENTITY_HASH = "halfMD5(concatWithSeparator('\\n', " + IDENTITY_COLUMNS + "))"
"""`hash_of` of a row, in SQL."""


def hash_of(identity: Iterable[str]) -> int:
    """64 bits of an identity's MD5. Among 10 million there are two that share it once in 400,000 times."""
    return int.from_bytes(md5(_SEPARATOR.join(identity).encode(), usedforsecurity=False).digest()[:8])
